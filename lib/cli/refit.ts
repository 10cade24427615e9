// trt-node refit PLAN: a plan with other weights, as a plan again; or the list of the weights that it can exchange.

import { stat } from 'node:fs/promises';
import { type RefittableWeights, refitPlan, refittableWeights } from '../refit/refit.js';
import type { RefitOptions } from '../refit/sources.js';
import {
  type Command,
  type Output,
  commonFlags,
  platformFlags,
  platformOptions,
} from './command.js';
import { type ParsedFlags, UsageError, flagValue, flagValues, hasFlag } from './flags.js';
import { loadEngineFlag, planArgument, refuseModel } from './plan-argument.js';

/** `FILE.safetensors` or a folder of .npy files. */
async function weightsSource(file: string | undefined): Promise<RefitOptions> {
  if (file === undefined) return {};
  if (file === '')
    throw new UsageError('--weights needs a file or folder', 'Write --weights=FILE.');
  const folder = await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return folder ? { npy: file } : { safetensors: file };
}

function weightsText(list: readonly RefittableWeights[]): string {
  const rows = list.map(
    ({ name, dtype, count, missing }) =>
      `  ${name} [dtype=${dtype ?? '?'}, count=${count ?? '?'}]${missing ? ' missing' : ''}`,
  );
  return [`Refittable weights: ${list.length}`, ...rows].join('\n');
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const plan = planArgument(parsed, 'refit');
  const onnx = flagValue(parsed, 'refitFromOnnx');
  const from = flagValue(parsed, 'weights');
  const saveEngine = flagValue(parsed, 'saveEngine');
  const dump = hasFlag(parsed, 'dumpRefit');
  const refits = onnx !== undefined || from !== undefined;
  if (!refits && !dump) {
    throw new UsageError(
      'refit needs weights',
      'Write --onnx=MODEL, --weights=FILE.safetensors or --weights=DIR; --dumpRefit lists them.',
    );
  }
  if (refits !== (saveEngine !== undefined)) {
    throw new UsageError(
      refits ? 'refit needs --saveEngine' : '--saveEngine needs weights',
      'Write trt-node refit PLAN --onnx=MODEL --saveEngine=NEW_PLAN.',
    );
  }
  await refuseModel(plan, 'refit');
  const options = {
    ...platformOptions(parsed),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  };
  const weights = dump ? await refittableWeights(plan, options) : undefined;
  if (weights !== undefined) output.text(weightsText(weights));
  if (!refits || saveEngine === undefined) {
    output.data({ plan, weights });
    return 0;
  }
  const renamed = new Map(flagValues(parsed, 'mapName').map(parseRename));
  const done = await refitPlan(plan, {
    ...options,
    ...(await weightsSource(from)),
    onnx,
    mapName: (name) => renamed.get(name) ?? name,
    saveEngine,
    excludeWeights: hasFlag(parsed, 'excludeWeights'),
    excludeLeanRuntime: hasFlag(parsed, 'excludeLeanRuntime'),
    includeRefit: hasFlag(parsed, 'includeRefit'),
  });
  output.text(
    `Wrote ${saveEngine}: ${done.plan.length} bytes, ${done.refitted.length} weights refitted${done.ignored.length === 0 ? '' : `, ${done.ignored.length} of the file not used`}`,
  );
  if (hasFlag(parsed, 'timeRefit')) {
    output.text(`Engine refitted in ${(done.refitMs / 1000).toFixed(6)} sec.`);
  }
  output.data({
    plan,
    saved: saveEngine,
    bytes: done.plan.length,
    refitted: done.refitted,
    ignored: done.ignored,
    refitMs: done.refitMs,
    weights,
  });
  return 0;
}

function parseRename(text: string): [from: string, to: string] {
  const [from, to, ...rest] = text.split('=');
  if (from !== undefined && to !== undefined && from !== '' && to !== '' && rest.length === 0) {
    return [from, to];
  }
  throw new UsageError(
    `--mapName needs FROM=TO, got ${JSON.stringify(text)}`,
    "Write the file's name, =, and the engine's name.",
  );
}

export const refitCommand: Command = {
  name: 'refit',
  usage: 'PLAN --onnx=MODEL|--weights=FILE --saveEngine=NEW_PLAN [flags]',
  summary: 'Give a plan other weights, or those that were stripped from it',
  flags: [
    {
      name: 'refitFromOnnx',
      aliases: ['onnx'],
      value: 'MODEL',
      help: 'Take the weights of this ONNX model',
    },
    {
      name: 'weights',
      value: 'FILE|DIR',
      help: 'Take the weights of a .safetensors file, or of a folder of .npy files',
    },
    {
      name: 'mapName',
      value: 'FROM=TO',
      repeated: true,
      help: "Name in the file, and the engine's name for it; may be repeated",
    },
    { name: 'saveEngine', value: 'FILE', help: 'Where to write the new plan' },
    { name: 'excludeWeights', help: 'Leave the refittable weights out of the new plan' },
    { name: 'excludeLeanRuntime', help: 'Leave the lean runtime out of a version-compatible plan' },
    { name: 'includeRefit', help: 'Keep the new plan refittable, where TensorRT has this flag' },
    { name: 'dumpRefit', help: 'List the weights that can be exchanged' },
    { name: 'timeRefit', help: 'Print how long the refitting took' },
    loadEngineFlag,
    {
      name: 'engineHostCodeAllowed',
      help: 'Allow executable host code in the plan (version-compatible plans that you trust)',
    },
    ...platformFlags,
    ...commonFlags,
  ],
  notes:
    'The plan must have been built with --refit or --stripWeights. With --weights and --onnx both, those of --weights count where both have them.',
  run,
};
