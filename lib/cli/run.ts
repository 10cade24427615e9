// trt-node run PLAN: one inference, or some, on .npy files or random data.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { comparisonText } from '../compare/text.js';
import { fileError } from '../errors.js';
import { saveTensors, tensorFiles } from '../run/files.js';
import { type MadeInput, makeInputs } from '../run/inputs.js';
import { type TensorSummary, summarize } from '../run/summary.js';
import { Session } from '../session.js';
import type { DebugTensor } from '../session/debug.js';
import type { RunOptions } from '../session/types.js';
import type { Tensor } from '../tensor.js';
import { formatShape } from '../validate.js';
import {
  type Command,
  type Output,
  commonFlags,
  platformFlags,
  platformOptions,
} from './command.js';
import {
  type SavedDebugTensor,
  debugFlags,
  debugOptions,
  debugRequest,
  saveDebugTensors,
} from './debug-tensors.js';
import {
  allocationStrategyFlag,
  engineFlags,
  refitFlag,
  weightStreamingFlag,
} from './engine-flags.js';
import { type ParsedFlags, flagValue, flagValues, hasFlag, integerFlag } from './flags.js';
import { loadEngineFlag, planArgument } from './plan-argument.js';
import { type RunComparison, compareFlags, compareRun, comparedModel } from './run-compare.js';
import { modelFlags, modelOptions } from './run-model.js';
import { parseFiles, parseShapes } from './shapes.js';

function number(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(6)));
}

function summaryText(name: string, summary: TensorSummary): string {
  const { dtype, shape, min, max, mean, nan, inf } = summary;
  return `  ${name} [dtype=${dtype}, shape=${formatShape(shape)}] min=${number(min)} max=${number(max)} mean=${number(mean)} NaN=${nan} Inf=${inf}`;
}

interface Timing {
  iterations: number;
  firstMs: number;
  meanMs: number;
  minMs: number;
}

async function runAll(
  session: Session,
  feeds: Readonly<Record<string, Tensor>>,
  iterations: number,
  profile: number | undefined,
  last: Pick<RunOptions, 'debug' | 'onDebugTensor'>,
): Promise<{ outputs: Record<string, Tensor>; timing: Timing }> {
  let outputs: Record<string, Tensor> = {};
  const times: number[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const start = performance.now();
    const debug = iteration === iterations - 1 ? last : {};
    outputs = await session.run(feeds, { profile, ...debug });
    times.push(performance.now() - start);
  }
  const meanMs = times.reduce((sum, time) => sum + time, 0) / times.length;
  const timing = { iterations, firstMs: times[0] ?? 0, meanMs, minMs: Math.min(...times) };
  return { outputs, timing };
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const plan = planArgument(parsed, 'run', {
    words: 'plan or ONNX model',
    usage: 'PLAN|MODEL.onnx',
  });
  const profile = integerFlag(parsed, 'useProfile');
  const iterations = integerFlag(parsed, 'iterations', 1) ?? 1;
  const seed = integerFlag(parsed, 'seed', 0, 2 ** 32 - 1) ?? 0;
  const shapes = flagValue(parsed, 'shapes');
  const debug = debugRequest(parsed);
  const model = await comparedModel(parsed, plan);
  const options = {
    ...platformOptions(parsed),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  };
  await using session = await Session.load(plan, {
    ...options,
    ...(await modelOptions(plan, parsed, output)),
    profile,
    refitFrom: refitFlag(parsed),
    weightStreamingBudget: weightStreamingFlag(parsed),
    executionContextAllocationStrategy: allocationStrategyFlag(parsed),
  });
  const inputs = await makeInputs(session, {
    files: await inputFiles(parsed, session),
    shapes: shapes === undefined ? new Map() : parseShapes(shapes, 'shapes'),
    seed,
    profile: profile ?? 0,
  });
  const feeds = Object.fromEntries([...inputs].map(([name, { tensor }]) => [name, tensor]));
  const savedInputs = await saved(flagValue(parsed, 'saveInputs'), feeds);
  const debugTensors: DebugTensor[] = [];
  const last = debug === undefined ? {} : debugOptions(debug, debugTensors);
  const { outputs, timing } = await runAll(session, feeds, iterations, profile, last);
  const folder = flagValue(parsed, 'saveOutputs');
  const files = await saved(folder, outputs);
  const savedDebug =
    debug === undefined ? undefined : await saveDebugTensors(debug, debugTensors, folder ?? '.');
  const comparison = await compareRun(parsed, feeds, outputs, { ...options, model });
  print(output, session, {
    plan,
    inputs,
    outputs,
    timing,
    saved: { ...savedInputs, ...files },
    debugTensors: savedDebug,
    comparison,
  });
  return comparison?.report.passed === false ? 1 : 0;
}

/** Writes tensors where that is asked for. */
async function saved(
  folder: string | undefined,
  tensors: Readonly<Record<string, Tensor>>,
): Promise<Record<string, string>> {
  return folder === undefined ? {} : saveTensors(folder, tensors);
}

/** --input, --loadInputs and, for what these do not name, the files of --load-inputs=DIR. */
async function inputFiles(parsed: ParsedFlags, session: Session): Promise<Map<string, string>> {
  const files = new Map(
    [...flagValues(parsed, 'input'), ...flagValues(parsed, 'loadInputs')].flatMap((value) => [
      ...parseFiles(value, 'input'),
    ]),
  );
  const folder = flagValue(parsed, 'load-inputs');
  if (folder === undefined) return files;
  const present = await readdir(folder).catch((error: unknown) => {
    throw fileError('read', folder, error);
  });
  const names = session.inputs.map((input) => input.name);
  for (const [name, file] of Object.entries(tensorFiles(folder, names))) {
    if (!files.has(name) && present.includes(path.basename(file))) files.set(name, file);
  }
  return files;
}

/** What a run was and gave. */
interface Ran {
  plan: string;
  inputs: ReadonlyMap<string, MadeInput>;
  outputs: Readonly<Record<string, Tensor>>;
  timing: Timing;
  saved: Readonly<Record<string, string>>;
  debugTensors: readonly SavedDebugTensor[] | undefined;
  comparison: RunComparison | undefined;
}

function print(
  output: Output,
  session: Session,
  { plan, inputs, outputs, timing, saved, debugTensors, comparison }: Ran,
): void {
  const summaries = Object.entries(outputs).map(
    ([name, tensor]) => [name, summarize(tensor)] as const,
  );
  const runtime =
    session.runtime === 'reference'
      ? 'the CPU reference runtime'
      : `TensorRT on device ${session.device}`;
  const lines = [`Runtime: ${runtime} (${session.version})`, 'Inputs:'];
  for (const [name, { tensor, source }] of inputs) {
    lines.push(`  ${name} [dtype=${tensor.dtype}, shape=${formatShape(tensor.shape)}] ${source}`);
  }
  lines.push('Outputs:', ...summaries.map(([name, summary]) => summaryText(name, summary)));
  for (const [name, file] of Object.entries(saved)) lines.push(`Wrote ${name} to ${file}`);
  if (debugTensors !== undefined) {
    lines.push(
      debugTensors.length > 0
        ? 'Debug tensors:'
        : 'Debug tensors: none; the plan must be built with --markDebug or --markUnfusedTensorsAsDebugTensors',
    );
    for (const { name, files, ...summary } of debugTensors) {
      lines.push(summaryText(name, summary), ...files.map((file) => `  Wrote ${name} to ${file}`));
    }
  }
  lines.push(
    `Ran ${timing.iterations} inference(s): first ${timing.firstMs.toFixed(3)} ms, mean ${timing.meanMs.toFixed(3)} ms, fastest ${timing.minMs.toFixed(3)} ms (with copies, as awaited in JavaScript)`,
  );
  if (comparison !== undefined) {
    const { against, report, tolerances } = comparison;
    const { atol, rtol, errorStatistic } = tolerances;
    const title = `Compared with ${against} (atol=${atol}, rtol=${rtol}, ${errorStatistic}):`;
    lines.push(comparisonText(report, title));
  }
  output.text(lines.join('\n'));
  output.data({
    plan,
    runtime: session.runtime,
    version: session.version,
    device: session.device,
    inputs: [...inputs].map(([name, { tensor, source }]) => ({
      name,
      dtype: tensor.dtype,
      shape: tensor.shape,
      source,
    })),
    outputs: summaries.map(([name, summary]) => ({ name, ...summary, file: saved[name] })),
    debugTensors,
    timing,
    comparison: comparison && {
      against: comparison.against,
      tolerances: comparison.tolerances,
      ...comparison.report,
    },
  });
}

export const runCommand: Command = {
  name: 'run',
  usage: 'PLAN|MODEL.onnx [flags]',
  summary: 'Run a plan on .npy files or random data, and summarize its outputs',
  flags: [
    {
      name: 'input',
      value: 'NAME:FILE',
      repeated: true,
      help: 'An input from a .npy file (or raw bytes); may be repeated',
    },
    { name: 'loadInputs', value: 'NAME:FILE,…', repeated: true, help: "The same, trtexec's name" },
    {
      name: 'shapes',
      value: 'SHAPES',
      help: 'Shapes of the random inputs (name:1x3x224x224,…); values of shape tensors',
    },
    {
      name: 'load-inputs',
      value: 'DIR',
      help: 'Inputs from the .npy files of a folder, named after them',
    },
    {
      name: 'saveInputs',
      aliases: ['save-inputs'],
      value: 'DIR',
      help: 'Write each input to DIR as .npy',
    },
    {
      name: 'saveOutputs',
      aliases: ['save-outputs', 'output'],
      value: 'DIR',
      help: 'Write each output to DIR as .npy',
    },
    ...debugFlags,
    { name: 'iterations', value: 'N', help: 'How often to run (default 1)' },
    {
      name: 'useProfile',
      value: 'N',
      help: 'Optimization profile (default: the best for the shapes)',
    },
    ...engineFlags,
    { name: 'seed', value: 'N', help: 'Of the random inputs (default 0)' },
    {
      name: 'engineHostCodeAllowed',
      help: 'Allow executable host code in the plan (version-compatible plans that you trust)',
    },
    loadEngineFlag,
    ...compareFlags,
    ...modelFlags,
    ...platformFlags,
    ...commonFlags,
  ],
  notes:
    'Inputs without a file are random: floats in [-1, 1), integers 0 or 1, of the shape that the profile is optimized for.',
  run,
};
