// How far found lanes are from the true ones, in pixels of the frame.
import type { Lane } from './model_repository/lane_postprocess/1/model.mjs';
import type { TrueLane } from './scene.ts';

export interface Accuracy {
  /** Of each true lane the mean distance, along the row, of the lane that was found nearest to it; Infinity where none was. */
  readonly errors: readonly number[];
  /** Found lanes that are nearest to no true one. */
  readonly extra: number;
}

/** The column of a polyline in row `y`; undefined above and below it. */
function columnAt(points: Lane['points'], y: number): number | undefined {
  for (let i = 1; i < points.length; i++) {
    const below = points[i - 1]!;
    const above = points[i]!;
    if (y > below.y || y < above.y) continue;
    const part = (below.y - y) / (below.y - above.y);
    return below.x + part * (above.x - below.x);
  }
  return undefined;
}

/** Infinity where they have less than half of the true lane's rows in common. */
function distance(truth: TrueLane, found: Lane): number {
  let sum = 0;
  let rows = 0;
  for (const { x, y } of truth.points) {
    const column = columnAt(found.points, y);
    if (column === undefined) continue;
    sum += Math.abs(column - x);
    rows++;
  }
  return rows * 2 >= truth.points.length ? sum / rows : Infinity;
}

export function compareLanes(truth: readonly TrueLane[], found: readonly Lane[]): Accuracy {
  const matched = new Set<Lane>();
  const errors = truth.map((lane) => {
    let best = Infinity;
    let nearest: Lane | undefined;
    for (const candidate of found) {
      const error = distance(lane, candidate);
      if (error < best) [best, nearest] = [error, candidate];
    }
    if (nearest !== undefined) matched.add(nearest);
    return best;
  });
  return { errors, extra: found.length - matched.size };
}
