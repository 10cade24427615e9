// Times of an engine's layers over several runs.

import { medianOf } from '../bench/statistics.js';

/** Time of one layer over all runs that were profiled. */
export interface LayerReport {
  readonly name: string;
  /** Sum, milliseconds. */
  readonly timeMs: number;
  readonly averageMs: number;
  readonly medianMs: number;
  /** Of the sum of all layers. */
  readonly percentage: number;
}

/** Times of all layers, in the engine's order. */
export interface LayerTimes {
  /** How many runs were profiled. */
  readonly count: number;
  readonly layers: readonly LayerReport[];
  /** Milliseconds by run and layer: `count` rows of `layers.length`. */
  readonly times: Float32Array;
}

/** Sums, means and medians of each layer over the rows of `times`. */
export function layerTimes(names: readonly string[], times: Float32Array): LayerTimes {
  const count = names.length === 0 ? 0 : times.length / names.length;
  const total = times.reduce((sum, time) => sum + time, 0);
  const layers = names.map((name, column) => {
    const own = Float64Array.from(
      { length: count },
      (_, row) => times[row * names.length + column] ?? 0,
    );
    const timeMs = own.reduce((sum, time) => sum + time, 0);
    return {
      name,
      timeMs,
      averageMs: timeMs / count,
      medianMs: medianOf(own.sort()),
      percentage: total === 0 ? 0 : (timeMs / total) * 100,
    };
  });
  return { count, layers, times };
}
