// Figures of a series of samples: percentiles by trtexec's rule, mean, extremes, and the hundred quantiles that a plot needs.

/** The value at percentile `p` of sorted samples, as trtexec defines it: sorted[max(n - 1 - int((1 - p / 100) n), 0)]. */
export function percentile(sorted, p) {
  const n = sorted.length;
  if (n === 0) return NaN;
  return sorted[Math.max(n - 1 - Math.trunc((1 - p / 100) * n), 0)];
}

export const round = (value, digits = 3) => Number(value.toFixed(digits));

/** count, mean, min, max, p50, p95, p99 of samples in any order; {count: 0} of none. */
export function figures(samples) {
  if (samples.length === 0) return { count: 0 };
  const sorted = Float64Array.from(samples).sort();
  let sum = 0;
  for (const one of sorted) sum += one;
  return {
    count: sorted.length,
    mean: round(sum / sorted.length),
    min: round(sorted[0]),
    max: round(sorted[sorted.length - 1]),
    p50: round(percentile(sorted, 50)),
    p95: round(percentile(sorted, 95)),
    p99: round(percentile(sorted, 99)),
  };
}

/** Percentiles 0, 1, … 99 and 99.9: enough to draw the distribution without keeping every sample. */
export function quantiles(samples) {
  if (samples.length === 0) return [];
  const sorted = Float64Array.from(samples).sort();
  return [...Array.from({ length: 100 }, (_, p) => p), 99.9].map((p) =>
    round(percentile(sorted, p)),
  );
}

/** The middle value of a few numbers. */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
