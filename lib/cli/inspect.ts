// trt-node inspect FILE: a plan or an ONNX model, as polygraphy shows it.

import { inspect } from '../inspect/inspect.js';
import { engineText, headerText, onnxText } from '../inspect/text.js';
import {
  type Command,
  type Output,
  commonFlags,
  errorData,
  platformFlags,
  platformOptions,
  reportError,
} from './command.js';
import { type ParsedFlags, UsageError, hasFlag } from './flags.js';
import { planVersion, planVersionFlag, preflightFlag, runPreflight } from './preflight.js';

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const [file, ...others] = parsed.positionals;
  if (file === undefined || others.length > 0) {
    throw new UsageError(
      `inspect needs one file, got ${parsed.positionals.length}`,
      'Write trt-node inspect FILE.',
    );
  }
  if (hasFlag(parsed, 'preflight')) return runPreflight(file, parsed, output);
  if (hasFlag(parsed, 'getPlanVersionOnly')) {
    const version = await planVersion(file);
    output.text(version);
    output.data({ version });
    return 0;
  }
  const result = await inspect(file, {
    ...platformOptions(parsed),
    layers: hasFlag(parsed, 'layers'),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  });
  if (result.kind === 'onnx') {
    output.text(onnxText(result));
    output.data(result);
    return 0;
  }
  const { error } = result;
  output.text(headerText(result));
  if (result.engine !== undefined) output.text(engineText(result.engine));
  output.data({ ...result, error: error && errorData(error) });
  if (error === undefined) return 0;
  return reportError('trt-node inspect', error, { ...output, data: () => undefined });
}

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'FILE [flags]',
  summary: 'Show a plan or an ONNX model as polygraphy does',
  flags: [
    { name: 'layers', help: 'List the layers of a plan' },
    {
      name: 'engineHostCodeAllowed',
      help: 'Allow executable host code in the plan (version-compatible plans that you trust)',
    },
    preflightFlag,
    planVersionFlag,
    ...platformFlags,
    ...commonFlags,
  ],
  notes:
    'An ONNX file needs neither GPU nor TensorRT. Of a plan only the header can be shown without them; then the exit status is 1.',
  run,
};
