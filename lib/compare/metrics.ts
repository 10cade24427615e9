// How far two tensors are from each other: errors by element, cosine, PSNR, NaN and infinities, and whether that is within tolerances.

import { describe, invalidArgument } from '../errors.js';
import { numbersOf } from '../run/summary.js';
import type { Tensor } from '../tensor.js';
import { checkChoice, checkOptions, formatShape } from '../validate.js';

/** What must be within the tolerances, as polygraphy's `--check-error-stat`. */
export type ErrorStatistic = 'elemwise' | 'max' | 'mean' | 'median' | 'quantile';

/** When an output passes. The defaults are polygraphy's. */
export interface Tolerances {
  /** Absolute. Default 1e-5. */
  readonly atol?: number | undefined;
  /** Relative to the expected value. Default 1e-5. */
  readonly rtol?: number | undefined;
  /**
   * `'elemwise'` (default): each element must be within one of the two. The others: this statistic of the absolute error must be at most `atol`, or
   * that of the relative error at most `rtol`.
   */
  readonly errorStatistic?: ErrorStatistic | undefined;
  /** With `'quantile'`: which, 0 to 1. Default 0.99. */
  readonly errorQuantile?: number | undefined;
  /** Whether any NaN or infinity fails, also where both have it. Default false: where both have the same it passes. */
  readonly validate?: boolean | undefined;
}

const toleranceNames = ['atol', 'rtol', 'errorStatistic', 'errorQuantile', 'validate'];

/** One kind of error over all elements that are finite on both sides. */
export interface ErrorFigures {
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  /** See {@link Tolerances.errorQuantile}. */
  readonly quantile: number;
}

/** One output, compared. */
export interface OutputComparison {
  readonly name: string;
  readonly passed: boolean;
  /** Why it did not pass, or ''. */
  readonly reason: string;
  readonly dtype: { readonly expected: string; readonly actual: string };
  readonly shape: { readonly expected: readonly number[]; readonly actual: readonly number[] };
  /** Elements; 0 where shapes differ and nothing was compared. */
  readonly elements: number;
  /** Undefined where no element is finite on both sides. */
  readonly absolute: ErrorFigures | undefined;
  /** |actual - expected| / |expected|; 0 where both are 0, infinite where only the expected is. */
  readonly relative: ErrorFigures | undefined;
  /** The element with the largest absolute error. */
  readonly worst:
    | {
        readonly index: readonly number[];
        readonly expected: number;
        readonly actual: number;
        readonly absolute: number;
        readonly relative: number;
      }
    | undefined;
  /** Elements beyond both tolerances, and where NaN or infinities do not agree. */
  readonly mismatches: number;
  /** Root of the mean squared error. */
  readonly rmse: number | undefined;
  /** Euclidean norm of the difference. */
  readonly l2: number | undefined;
  /** Cosine of the angle between the two as vectors; undefined where one is all zeros. */
  readonly cosine: number | undefined;
  /** Peak signal-to-noise ratio in dB, the peak being the expected values' range; Infinity for equal tensors, undefined for a constant one. */
  readonly psnr: number | undefined;
  /** Smallest and largest finite expected value. */
  readonly range: readonly [min: number, max: number] | undefined;
  readonly nan: { readonly expected: number; readonly actual: number };
  /** Infinities of either sign. */
  readonly infinite: { readonly expected: number; readonly actual: number };
}

type Filled = { [K in keyof Required<Tolerances>]: NonNullable<Tolerances[K]> };

function tolerance(value: unknown, name: string, otherwise: number, most = Infinity): number {
  if (value === undefined) return otherwise;
  if (typeof value === 'number' && value >= 0 && value <= most) return value;
  throw invalidArgument(
    `${name}: expected a number from 0 to ${most}, got ${describe(value)}`,
    `Give for example ${otherwise}.`,
  );
}

/** Defaults filled in. @throws ERR_TRT_INVALID_ARGUMENT */
export function filledTolerances(given: Tolerances): Filled {
  checkOptions(given, [...toleranceNames, 'byOutput'], 'tolerances');
  return {
    atol: tolerance(given.atol, 'atol', 1e-5),
    rtol: tolerance(given.rtol, 'rtol', 1e-5),
    errorStatistic: checkChoice(given.errorStatistic ?? 'elemwise', 'errorStatistic', [
      'elemwise',
      'max',
      'mean',
      'median',
      'quantile',
    ]),
    errorQuantile: tolerance(given.errorQuantile, 'errorQuantile', 0.99, 1),
    validate: given.validate === true,
  };
}

function figures(errors: Float64Array, quantile: number): ErrorFigures {
  let sum = 0;
  for (const error of errors) sum += error;
  errors.sort();
  const at = (part: number): number =>
    errors[Math.min(errors.length - 1, Math.floor(part * errors.length))] ?? 0;
  return {
    max: errors.at(-1) ?? 0,
    mean: sum / errors.length,
    median: at(0.5),
    quantile: at(quantile),
  };
}

/** The indices by dimension of element `flat`. */
function indicesOf(flat: number, shape: readonly number[]): number[] {
  const indices: number[] = [];
  let rest = flat;
  for (const extent of [...shape].reverse()) {
    indices.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return indices;
}

/** What one pass over the elements gives. */
interface Sums {
  absolute: Float64Array;
  relative: Float64Array;
  worst: number;
  mismatches: number;
  /** Those of the mismatches where NaN or infinities do not agree. */
  disagreements: number;
  squares: number;
  dot: number;
  expectedSquares: number;
  actualSquares: number;
  low: number;
  high: number;
  nan: { expected: number; actual: number };
  infinite: { expected: number; actual: number };
}

/** Large 64-bit integers differ before they are rounded to doubles. */
function distance(expected: number | bigint, actual: number | bigint): number {
  if (typeof expected === 'bigint' && typeof actual === 'bigint') {
    return Math.abs(Number(actual - expected));
  }
  return Math.abs(Number(actual) - Number(expected));
}

function collect(
  expected: ArrayLike<number | bigint>,
  actual: ArrayLike<number | bigint>,
  { atol, rtol }: Filled,
): Sums {
  const count = expected.length;
  const [absolute, relative] = [new Float64Array(count), new Float64Array(count)];
  const nan = { expected: 0, actual: 0 };
  const infinite = { expected: 0, actual: 0 };
  let [finite, worst, worstError, mismatches, disagreements] = [0, -1, -1, 0, 0];
  let [squares, dot, expectedSquares, actualSquares, low, high] = [0, 0, 0, 0, Infinity, -Infinity];
  for (let index = 0; index < count; index++) {
    const want = Number(expected[index]);
    const got = Number(actual[index]);
    if (!Number.isFinite(want) || !Number.isFinite(got)) {
      if (Number.isNaN(want)) nan.expected++;
      else if (!Number.isFinite(want)) infinite.expected++;
      if (Number.isNaN(got)) nan.actual++;
      else if (!Number.isFinite(got)) infinite.actual++;
      if (!Object.is(want, got)) disagreements++;
      continue;
    }
    const error = distance(expected[index] ?? 0, actual[index] ?? 0);
    const relation = error === 0 ? 0 : error / Math.abs(want);
    absolute[finite] = error;
    relative[finite] = relation;
    finite++;
    if (error > atol && relation > rtol) mismatches++;
    if (error > worstError) [worst, worstError] = [index, error];
    squares += error * error;
    dot += want * got;
    expectedSquares += want * want;
    actualSquares += got * got;
    low = Math.min(low, want);
    high = Math.max(high, want);
  }
  return {
    absolute: absolute.subarray(0, finite),
    relative: relative.subarray(0, finite),
    worst,
    mismatches: mismatches + disagreements,
    disagreements,
    squares,
    dot,
    expectedSquares,
    actualSquares,
    low,
    high,
    nan,
    infinite,
  };
}

function number(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function peakToNoise(range: number, rmse: number): number | undefined {
  if (range === 0) return undefined;
  return rmse === 0 ? Infinity : 20 * Math.log10(range / rmse);
}

/** Why an output does not pass, or ''. */
function failure(
  sums: Sums,
  absolute: ErrorFigures | undefined,
  relative: ErrorFigures | undefined,
  count: number,
  tolerances: Filled,
): string {
  const { atol, rtol, errorStatistic, validate } = tolerances;
  const { nan, infinite } = sums;
  const found = `NaN: ${nan.actual}, expected ${nan.expected}; infinite: ${infinite.actual}, expected ${infinite.expected}`;
  if (sums.disagreements > 0) return `NaN or infinities do not agree (${found})`;
  if (validate && sums.absolute.length < count)
    return `it has values that are not finite (${found})`;
  if (errorStatistic === 'elemwise') {
    if (sums.mismatches === 0) return '';
    const part = ((sums.mismatches / count) * 100).toPrecision(3);
    return `${sums.mismatches} of ${count} elements (${part} %) are beyond both atol=${atol} and rtol=${rtol}`;
  }
  if (absolute === undefined || relative === undefined) return '';
  const [error, relation] = [absolute[errorStatistic], relative[errorStatistic]];
  if (error <= atol || relation <= rtol) return '';
  return `the ${errorStatistic} error is beyond both tolerances: absolute ${number(error)} > ${atol}, relative ${number(relation)} > ${rtol}`;
}

/**
 * Compares `actual` with `expected`, in double precision.
 *
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong tolerances
 */
export function compareTensors(
  name: string,
  expected: Tensor,
  actual: Tensor,
  given: Tolerances = {},
): OutputComparison {
  const tolerances = filledTolerances(given);
  const facts = {
    name,
    dtype: { expected: expected.dtype, actual: actual.dtype },
    shape: { expected: expected.shape, actual: actual.shape },
  };
  const refused = (reason: string): OutputComparison => ({
    ...facts,
    passed: false,
    reason,
    elements: 0,
    absolute: undefined,
    relative: undefined,
    worst: undefined,
    mismatches: 0,
    rmse: undefined,
    l2: undefined,
    cosine: undefined,
    psnr: undefined,
    range: undefined,
    nan: { expected: 0, actual: 0 },
    infinite: { expected: 0, actual: 0 },
  });
  const sameShape =
    expected.shape.length === actual.shape.length &&
    expected.shape.every((extent, axis) => extent === actual.shape[axis]);
  if (!sameShape) {
    return refused(
      `the shapes differ: ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`,
    );
  }
  const [want, got] = [numbersOf(expected), numbersOf(actual)];
  if (want === undefined || got === undefined) {
    return refused(
      `${want === undefined ? expected.dtype : actual.dtype} has no numbers to compare`,
    );
  }
  const sums = collect(want, got, tolerances);
  const { worst, squares, expectedSquares, actualSquares, low, high } = sums;
  const finite = sums.absolute.length;
  const worstRelative = finite === 0 ? 0 : Math.abs(Number(got[worst]) - Number(want[worst]));
  const absolute = finite === 0 ? undefined : figures(sums.absolute, tolerances.errorQuantile);
  const relative = finite === 0 ? undefined : figures(sums.relative, tolerances.errorQuantile);
  const reason = failure(sums, absolute, relative, want.length, tolerances);
  const rmse = Math.sqrt(squares / Math.max(1, finite));
  const norms = Math.sqrt(expectedSquares) * Math.sqrt(actualSquares);
  return {
    ...facts,
    passed: reason === '',
    reason,
    elements: want.length,
    absolute,
    relative,
    worst:
      worst < 0
        ? undefined
        : {
            index: indicesOf(worst, expected.shape),
            expected: Number(want[worst]),
            actual: Number(got[worst]),
            absolute: absolute?.max ?? 0,
            relative: worstRelative === 0 ? 0 : worstRelative / Math.abs(Number(want[worst])),
          },
    mismatches: sums.mismatches,
    rmse: finite === 0 ? undefined : rmse,
    l2: finite === 0 ? undefined : Math.sqrt(squares),
    cosine: norms === 0 ? undefined : Math.min(1, sums.dot / norms),
    psnr: peakToNoise(finite === 0 ? 0 : high - low, rmse),
    range: finite === 0 ? undefined : [low, high],
    nan: sums.nan,
    infinite: sums.infinite,
  };
}
