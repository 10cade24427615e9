// Statistics of times, by trtexec's rules, so that figures can be compared.

/** What many times come to. In the unit of the times, which is milliseconds everywhere in a report. */
export interface BenchSummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  /** By percentile as asked for, for example `{ "90": 1.2, "99": 1.5 }`. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/**
 * The percentile of ascending values by trtexec's rule: `sorted[max(n - 1 - int((1 - p/100) * n), 0)]`, in its single precision, which
 * decides where the product is whole: the 99th percentile of 100 values is the largest.
 */
export function percentileOf(sorted: ArrayLike<number>, percentile: number): number {
  const share = Math.fround(1 - Math.fround(Math.fround(percentile) / 100));
  const exclude = Math.trunc(Math.fround(share * sorted.length));
  return sorted[Math.max(sorted.length - 1 - exclude, 0)] ?? NaN;
}

/** The middle of ascending values, or the mean of the middle two. */
export function medianOf(sorted: ArrayLike<number>): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Summary of at least one value. */
export function summarizeTimes(values: Float64Array, percentiles: readonly number[]): BenchSummary {
  const sorted = values.slice().sort();
  return {
    min: sorted[0] ?? NaN,
    max: sorted[sorted.length - 1] ?? NaN,
    mean: meanOf(values),
    median: medianOf(sorted),
    percentiles: Object.fromEntries(
      percentiles.map((percentile) => [String(percentile), percentileOf(sorted, percentile)]),
    ),
  };
}

/** The arithmetic mean. */
export function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Standard deviation over mean, in percent: trtexec's "coefficient of variance". */
export function variationOf(values: Float64Array): number {
  const mean = meanOf(values);
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return mean === 0 ? 0 : (Math.sqrt(squares / values.length) / mean) * 100;
}

/** How many values lie where: bins of one width from `low`; what lies above the last is in it. */
export interface Histogram {
  readonly low: number;
  readonly width: number;
  readonly counts: readonly number[];
  /** Values above the last bin's upper edge, which it contains. */
  readonly above: number;
}

/** 1, 2 or 5 times a power of ten, at least `width`. */
function roundWidth(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  const factor = [1, 2, 5].find((step) => step * power >= width) ?? 10;
  return factor * power;
}

/** Histograms of several sets with the same bins, of round width. The range ends at the 98th percentile of the set that reaches furthest. */
export function histograms(sets: readonly Float64Array[], most: number): Histogram[] {
  let low = Infinity;
  let high = 0;
  for (const set of sets) {
    const sorted = set.slice().sort();
    low = Math.min(low, sorted[0] ?? 0);
    high = Math.max(high, percentileOf(sorted, 98));
  }
  if (!Number.isFinite(low)) low = 0;
  const width = roundWidth(Math.max((high - low) / most, high * 1e-6, 1e-6));
  const first = Math.floor(low / width);
  const bins = Math.max(1, Math.floor(high / width) - first + 1);
  return sets.map((set) => {
    const counts = new Array<number>(bins).fill(0);
    let above = 0;
    for (const value of set) {
      const bin = Math.floor(value / width) - first;
      if (bin >= bins) above++;
      const at = Math.min(Math.max(bin, 0), bins - 1);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    return { low: first * width, width, counts, above };
  });
}

/** A growing list of numbers without boxing. */
export class TimeList {
  #values: Float64Array;
  #length = 0;

  constructor(capacity = 1024) {
    this.#values = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** The values so far; a view. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
