// `trt-node run --compare`: the outputs of a plan against ONNX Runtime's, saved ones, or another plan's; polygraphy's flag names.

import { stat } from 'node:fs/promises';
import {
  type CompareOptions,
  type ComparisonReport,
  type NamedTensors,
  compareOutputs,
} from '../compare/compare.js';
import { type ErrorStatistic, type Tolerances, filledTolerances } from '../compare/metrics.js';
import { runOnnxRuntime } from '../compare/onnxruntime.js';
import { fileError } from '../errors.js';
import { loadTensors } from '../run/files.js';
import { modelSource } from '../plan-cache/model-source.js';
import { Session } from '../session.js';
import type { SessionOptions } from '../session/types.js';
import {
  type Flag,
  type ParsedFlags,
  UsageError,
  choiceFlag,
  flagValue,
  flagValues,
  hasFlag,
  numberFlag,
} from './flags.js';

export const compareFlags: readonly Flag[] = [
  {
    name: 'compare',
    value: 'onnxruntime|DIR|PLAN',
    help: 'Compare the outputs with those of ONNX Runtime (needs --onnx), saved ones, or another plan; status 1 if they differ',
  },
  {
    name: 'onnx',
    value: 'FILE',
    help: 'The model that the plan was built from (default: the model that runs)',
  },
  {
    name: 'atol',
    value: '[OUTPUT:]TOLERANCE,…',
    repeated: true,
    help: 'Absolute tolerance (default 1e-5), for all outputs or one',
  },
  {
    name: 'rtol',
    value: '[OUTPUT:]TOLERANCE,…',
    repeated: true,
    help: 'Relative tolerance (default 1e-5); within one of the two is enough',
  },
  {
    name: 'check-error-stat',
    value: 'elemwise|max|mean|median|quantile',
    help: 'What must be within the tolerances (default elemwise: each element)',
  },
  { name: 'error-quantile', value: 'Q', help: 'With quantile: which (default 0.99)' },
  { name: 'validate', help: 'Fail if an output has NaN or infinities' },
];

/** What {@link compareRun} gives. */
export interface RunComparison {
  readonly report: ComparisonReport;
  /** What it was compared with, in words. */
  readonly against: string;
  readonly expected: NamedTensors;
  readonly tolerances: Required<Tolerances>;
}

const statistics = new Map<string, ErrorStatistic>(
  (['elemwise', 'max', 'mean', 'median', 'quantile'] as const).map((name) => [name, name]),
);

/** --atol=1e-3, --atol=output:1e-3,other:1e-2,1e-5: by output, '' for all others. */
function toleranceFlag(parsed: ParsedFlags, name: 'atol' | 'rtol'): Map<string, number> {
  const values = new Map<string, number>();
  for (const entry of flagValues(parsed, name).flatMap((value) => value.split(','))) {
    const colon = entry.lastIndexOf(':');
    const text = entry.slice(colon + 1);
    const value = Number(text);
    if (text.trim() === '' || !(value >= 0)) {
      throw new UsageError(
        `--${name}: expected a number of at least 0, got ${JSON.stringify(entry)}`,
        `Write for example --${name}=1e-3, or --${name}=output:1e-3,1e-5.`,
      );
    }
    values.set(colon < 0 ? '' : entry.slice(0, colon), value);
  }
  return values;
}

function compareOptions(parsed: ParsedFlags, outputs: readonly string[]): CompareOptions {
  const [atol, rtol] = [toleranceFlag(parsed, 'atol'), toleranceFlag(parsed, 'rtol')];
  for (const name of [...atol.keys(), ...rtol.keys()]) {
    if (name !== '' && !outputs.includes(name)) {
      throw new UsageError(
        `--atol and --rtol: the plan has no output ${JSON.stringify(name)}`,
        `Its outputs are ${outputs.map((output) => JSON.stringify(output)).join(', ')}.`,
      );
    }
  }
  const byOutput = Object.fromEntries(
    outputs.map((name): [string, Tolerances] => [
      name,
      { atol: atol.get(name) ?? atol.get(''), rtol: rtol.get(name) ?? rtol.get('') },
    ]),
  );
  return {
    atol: atol.get(''),
    rtol: rtol.get(''),
    errorStatistic: choiceFlag(parsed, 'check-error-stat', statistics),
    errorQuantile: numberFlag(parsed, 'error-quantile', 0, 1),
    validate: hasFlag(parsed, 'validate'),
    byOutput,
  };
}

/**
 * The model that `--compare=onnxruntime` runs: `--onnx`, or the one that runs itself. Finds wrong usage before anything is loaded.
 *
 * @param file - What `run` was given, a plan or a model.
 * @throws UsageError
 */
export async function comparedModel(
  parsed: ParsedFlags,
  file: string,
): Promise<string | undefined> {
  const compare = flagValue(parsed, 'compare');
  toleranceFlag(parsed, 'atol');
  toleranceFlag(parsed, 'rtol');
  if (compare === undefined) {
    const alone = ['onnx', 'atol', 'rtol', 'check-error-stat', 'error-quantile'].find((name) =>
      hasFlag(parsed, name),
    );
    if (alone === undefined) return undefined;
    throw new UsageError(
      `--${alone} belongs to --compare, which is not there`,
      'Add --compare=onnxruntime, --compare=DIR or --compare=PLAN.',
    );
  }
  const onnx = flagValue(parsed, 'onnx');
  if (onnx !== undefined || !isOnnxRuntime(compare)) return onnx;
  if ((await modelSource(file)) !== undefined) return file;
  throw new UsageError(
    '--compare=onnxruntime needs the model that the plan was built from',
    'Add --onnx=MODEL.',
  );
}

function isOnnxRuntime(compare: string): boolean {
  return ['onnxruntime', 'onnxrt', 'ort'].includes(compare);
}

/** How the other plan is opened; `model` is for ONNX Runtime. */
type CompareWith = SessionOptions & { readonly model: string | undefined };

async function expectedOutputs(
  compare: string,
  feeds: NamedTensors,
  names: readonly string[],
  { model, ...options }: CompareWith,
): Promise<Pick<RunComparison, 'expected' | 'against'>> {
  if (isOnnxRuntime(compare)) {
    const { version, outputs } = await runOnnxRuntime(model ?? '', feeds);
    return { expected: outputs, against: `ONNX Runtime ${version} on the CPU` };
  }
  let isFolder: boolean;
  try {
    isFolder = (await stat(compare)).isDirectory();
  } catch (error) {
    throw fileError('read', compare, error);
  }
  if (isFolder) {
    return { expected: await loadTensors(compare, names), against: `the outputs in ${compare}` };
  }
  await using other = await Session.load(compare, options);
  return { expected: await other.run(feeds), against: `the plan ${compare}` };
}

/** Compares as the flags say; undefined without --compare. */
export async function compareRun(
  parsed: ParsedFlags,
  feeds: NamedTensors,
  outputs: NamedTensors,
  options: CompareWith,
): Promise<RunComparison | undefined> {
  const compare = flagValue(parsed, 'compare');
  if (compare === undefined) return undefined;
  const names = Object.keys(outputs);
  const tolerances = compareOptions(parsed, names);
  const { expected, against } = await expectedOutputs(compare, feeds, names, options);
  return {
    report: compareOutputs(expected, outputs, tolerances),
    against,
    expected,
    tolerances: filledTolerances(tolerances),
  };
}
