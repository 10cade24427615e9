// trt-node inspect FILE: a plan or an ONNX model, as polygraphy shows it; its layers; a drawing of it; what differs from another.

import { basename, extname } from 'node:path';
import { writeFileAtomically } from '../atomic-write.js';
import { capabilityText, checkModel } from '../build/capability.js';
import { drawGraph } from '../inspect/graph/draw.js';
import { type InspectOptions, type PlanInfo, inspect } from '../inspect/inspect.js';
import { layerTable, nodeTable } from '../inspect/layer-table.js';
import type { OnnxInfo } from '../inspect/onnx-types.js';
import { type Show, engineText, headerText, onnxText } from '../inspect/text.js';
import {
  type Command,
  type Output,
  commonFlags,
  errorData,
  platformFlags,
  platformOptions,
  reportError,
} from './command.js';
import {
  type ParsedFlags,
  UsageError,
  flagValue,
  flagValues,
  hasFlag,
  integerFlag,
} from './flags.js';
import { inspectDiff } from './inspect-diff.js';
import { planVersion, planVersionFlag, preflightFlag, runPreflight } from './preflight.js';

const showWords = ['layers', 'attrs', 'weights'] as const;

/** What `--show` asks for: polygraphy's words, apart (`--show layers attrs`) or with commas. @throws UsageError */
function showFlags(parsed: ParsedFlags): Required<Show> & { files: readonly string[] } {
  const given = flagValues(parsed, 'show').flatMap((value) => value.split(','));
  const isWord = (word: string): boolean => showWords.some((known) => known === word);
  const wrong = given.find((word) => !isWord(word));
  if (wrong !== undefined) {
    throw new UsageError(
      `--show needs layers, attrs or weights, got ${JSON.stringify(wrong)}`,
      'Write for example --show=layers,attrs.',
    );
  }
  const words =
    given.length === 0 ? [] : [...given, ...parsed.positionals.filter((word) => isWord(word))];
  const files =
    given.length === 0 ? parsed.positionals : parsed.positionals.filter((word) => !isWord(word));
  const attrs = words.includes('attrs');
  const layers = attrs || words.includes('layers');
  return { layers, attrs, weights: words.includes('weights'), files };
}

/** The format of a drawing, by the name of its file. @throws UsageError */
function graphFormat(file: string): 'svg' | 'html' {
  const format = extname(file).toLowerCase();
  if (format === '.svg') return 'svg';
  if (format === '.html' || format === '.htm') return 'html';
  throw new UsageError(
    `--graph needs a file that ends in .svg or .html, got ${JSON.stringify(file)}`,
    'Write for example --graph=model.html.',
  );
}

function printPlan(plan: PlanInfo, parsed: ParsedFlags, show: Show, output: Output): void {
  output.text(headerText(plan));
  if (plan.engine === undefined) return;
  output.text(engineText(plan.engine, show));
  if (hasFlag(parsed, 'layers')) {
    output.text(`\n${layerTable(plan.engine, { wide: hasFlag(parsed, 'wide') })}`);
  }
}

function printModel(model: OnnxInfo, parsed: ParsedFlags, show: Show, output: Output): void {
  output.text(onnxText(model, show));
  if (hasFlag(parsed, 'layers')) {
    output.text(`\n${nodeTable(model, { wide: hasFlag(parsed, 'wide') })}`);
  }
}

/** What is shown instead of the plan or model, and what says more of these. */
const modes = ['preflight', 'getPlanVersionOnly', 'capability', 'diff'];
const details = ['layers', 'show', 'weights', 'graph', 'useProfile'];

/** @throws UsageError for flags that would do nothing beside another */
function checkModes(parsed: ParsedFlags): void {
  const [mode, ...others] = modes.filter((name) => hasFlag(parsed, name));
  if (mode === undefined) return;
  const other = others[0] ?? details.find((name) => hasFlag(parsed, name));
  if (other === undefined) return;
  throw new UsageError(`--${mode} and --${other} exclude each other`, 'Inspect twice.');
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const { files, ...asked } = showFlags(parsed);
  const [file, ...others] = files;
  if (file === undefined || others.length > 0) {
    throw new UsageError(
      `inspect needs one file, got ${files.length}`,
      'Write trt-node inspect FILE, or trt-node inspect FILE --diff=OTHER.',
    );
  }
  checkModes(parsed);
  if (hasFlag(parsed, 'preflight')) return runPreflight(file, parsed, output);
  if (hasFlag(parsed, 'getPlanVersionOnly')) {
    const version = await planVersion(file);
    output.text(version);
    output.data({ plan: file, version });
    return 0;
  }
  if (hasFlag(parsed, 'capability')) {
    const capability = await checkModel(file, platformOptions(parsed));
    output.text(capabilityText(file, capability));
    output.data({ kind: 'capability', ...capability });
    return capability.supported ? 0 : 1;
  }
  const options: InspectOptions = {
    ...platformOptions(parsed),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  };
  const graph = flagValue(parsed, 'graph');
  const format = graph === undefined ? undefined : graphFormat(graph);
  const profile = integerFlag(parsed, 'useProfile');
  const other = flagValue(parsed, 'diff');
  if (other !== undefined) {
    return inspectDiff(file, other, { ...options, wide: hasFlag(parsed, 'wide') }, output);
  }
  const show = { ...asked, weights: asked.weights || hasFlag(parsed, 'weights') };
  const layers = hasFlag(parsed, 'layers') || show.layers || graph !== undefined;
  const result = await inspect(file, { ...options, layers });
  if (result.kind === 'onnx') printModel(result, parsed, show, output);
  else printPlan(result, parsed, show, output);
  const error = result.kind === 'plan' ? result.error : undefined;
  if (graph !== undefined && error === undefined) {
    const drawing = drawGraph(result, { format, profile, title: title(result, file) });
    await writeFileAtomically(graph, Buffer.from(drawing));
    output.text(`Graph: ${graph}`);
  }
  if (result.kind === 'onnx') {
    output.data({ ...result, graph });
    return 0;
  }
  output.data({ ...result, graph, error: error && errorData(error) });
  if (error === undefined) return 0;
  return reportError('trt-node inspect', error, { ...output, data: () => undefined });
}

/** The heading of a drawing. */
function title(result: PlanInfo | OnnxInfo, file: string): string {
  const name = result.kind === 'plan' ? result.engine?.name : result.name;
  return name ? `${name} (${basename(file)})` : basename(file);
}

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'FILE [flags]',
  summary: 'Show a plan or an ONNX model as polygraphy does',
  flags: [
    { name: 'layers', help: 'List the layers of a plan, or the nodes of a model, in a table' },
    {
      name: 'show',
      value: 'layers,attrs,weights',
      repeated: true,
      help: "The same in polygraphy's form: layers, with their attributes, the biggest weights",
    },
    { name: 'weights', help: 'List the biggest weights of an ONNX model' },
    {
      name: 'graph',
      value: 'FILE.svg|FILE.html',
      help: 'Draw the layers: a picture, or a page with zoom, search and details',
    },
    { name: 'useProfile', value: 'N', help: 'Whose layers --graph draws (default 0)' },
    {
      name: 'diff',
      value: 'OTHER',
      help: 'Compare with another plan or model; exit status 0: the same, 1: different',
    },
    { name: 'wide', help: 'Do not shorten names in tables' },
    {
      name: 'capability',
      help: 'Of an ONNX model: which operators and sub-graphs can be built; exit status 1: not all',
    },
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
    'An ONNX file needs neither GPU nor TensorRT. Of a plan only the header can be shown without them; then the exit status is 1.\n' +
    'What connects layers, their types and kernels are only in plans built with --profilingVerbosity=detailed.',
  run,
};
