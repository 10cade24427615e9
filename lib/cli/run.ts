// trt-node run PLAN: one inference, or some, on .npy files or random data.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from '../errors.js';
import { writeNpy } from '../npy.js';
import { type MadeInput, makeInputs } from '../run/inputs.js';
import { type TensorSummary, summarize } from '../run/random.js';
import { Session } from '../session.js';
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
  type ParsedFlags,
  UsageError,
  flagValue,
  flagValues,
  hasFlag,
  integerFlag,
} from './flags.js';
import { modelFlags, modelOptions } from './run-model.js';
import { parseFiles, parseShapes } from './shapes.js';

function planPath(parsed: ParsedFlags): string {
  const named = flagValue(parsed, 'loadEngine');
  const plans = named === undefined ? parsed.positionals : [named, ...parsed.positionals];
  const [plan] = plans;
  if (plan !== undefined && plans.length === 1) return plan;
  throw new UsageError(`run needs one plan, got ${plans.length}`, 'Write trt-node run PLAN.');
}

function number(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(6)));
}

function summaryText(name: string, summary: TensorSummary): string {
  const { dtype, shape, min, max, mean, nan, inf } = summary;
  return `  ${name} [dtype=${dtype}, shape=${formatShape(shape)}] min=${number(min)} max=${number(max)} mean=${number(mean)} NaN=${nan} Inf=${inf}`;
}

/** File name of a tensor: names may contain slashes and worse. */
function fileName(name: string): string {
  return `${name.replace(/[^\w.-]+/g, '_')}.npy`;
}

async function saveOutputs(
  folder: string,
  outputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, string>> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError('write', folder, error);
  }
  const files: Record<string, string> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    let file = path.join(folder, fileName(name));
    for (let count = 2; Object.values(files).includes(file); count++) {
      file = path.join(folder, fileName(`${name}.${count}`));
    }
    await writeNpy(file, tensor);
    files[name] = file;
  }
  return files;
}

interface Timing {
  iterations: number;
  firstMs: number;
  meanMs: number;
  minMs: number;
}

async function runAll(
  session: Session,
  inputs: ReadonlyMap<string, MadeInput>,
  iterations: number,
  profile: number | undefined,
): Promise<{ outputs: Record<string, Tensor>; timing: Timing }> {
  const feeds = Object.fromEntries([...inputs].map(([name, { tensor }]) => [name, tensor]));
  let outputs: Record<string, Tensor> = {};
  const times: number[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const start = performance.now();
    outputs = await session.run(feeds, { profile });
    times.push(performance.now() - start);
  }
  const meanMs = times.reduce((sum, time) => sum + time, 0) / times.length;
  const timing = { iterations, firstMs: times[0] ?? 0, meanMs, minMs: Math.min(...times) };
  return { outputs, timing };
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const plan = planPath(parsed);
  const profile = integerFlag(parsed, 'useProfile');
  const iterations = integerFlag(parsed, 'iterations', 1) ?? 1;
  const seed = integerFlag(parsed, 'seed', 0, 2 ** 32 - 1) ?? 0;
  const shapes = flagValue(parsed, 'shapes');
  const files = new Map(
    [...flagValues(parsed, 'input'), ...flagValues(parsed, 'loadInputs')].flatMap((value) => [
      ...parseFiles(value, 'input'),
    ]),
  );
  await using session = await Session.load(plan, {
    ...platformOptions(parsed),
    ...(await modelOptions(plan, parsed, output)),
    profile,
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  });
  const inputs = await makeInputs(session, {
    files,
    shapes: shapes === undefined ? new Map() : parseShapes(shapes, 'shapes'),
    seed,
    profile: profile ?? 0,
  });
  const { outputs, timing } = await runAll(session, inputs, iterations, profile);
  const folder = flagValue(parsed, 'saveOutputs');
  const saved = folder === undefined ? {} : await saveOutputs(folder, outputs);
  print(output, session, plan, inputs, outputs, timing, saved);
  return 0;
}

function print(
  output: Output,
  session: Session,
  plan: string,
  inputs: ReadonlyMap<string, MadeInput>,
  outputs: Readonly<Record<string, Tensor>>,
  timing: Timing,
  saved: Readonly<Record<string, string>>,
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
  lines.push(
    `Ran ${timing.iterations} inference(s): first ${timing.firstMs.toFixed(3)} ms, mean ${timing.meanMs.toFixed(3)} ms, fastest ${timing.minMs.toFixed(3)} ms (with copies, as awaited in JavaScript)`,
  );
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
    timing,
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
      name: 'saveOutputs',
      aliases: ['output'],
      value: 'DIR',
      help: 'Write each output to DIR as .npy',
    },
    { name: 'iterations', value: 'N', help: 'How often to run (default 1)' },
    {
      name: 'useProfile',
      value: 'N',
      help: 'Optimization profile (default: the best for the shapes)',
    },
    { name: 'seed', value: 'N', help: 'Of the random inputs (default 0)' },
    {
      name: 'engineHostCodeAllowed',
      help: 'Allow executable host code in the plan (version-compatible plans that you trust)',
    },
    { name: 'loadEngine', value: 'PLAN', help: "The plan, trtexec's way" },
    ...modelFlags,
    ...platformFlags,
    ...commonFlags,
  ],
  notes:
    'Inputs without a file are random: floats in [-1, 1), integers 0 or 1, of the shape that the profile is optimized for.',
  run,
};
