// Choice of the optimization profile: the smallest that takes the shapes, then the nearest optimum.

import { InvalidArgumentError } from '../errors.js';
import type { ProfileShape } from '../runtime/engine-info.js';
import { formatShape, sameShape, volume } from '../validate.js';
import type { InputRow, IoTable } from './io-table.js';

type Values = readonly (readonly number[] | null)[];
type Shapes = readonly (readonly number[])[];

/** How an input refuses a profile: which dimension or value lies outside; undefined when it does not. */
interface Refusal {
  readonly what: 'dimension' | 'value';
  readonly axis: number;
  readonly given: number;
  readonly min: number;
  readonly max: number;
}

function outside(
  what: Refusal['what'],
  given: readonly number[],
  min: readonly number[],
  max: readonly number[],
): Refusal | undefined {
  // Some engines tell nothing of one of the two: then TensorRT decides.
  if (min.length !== given.length || max.length !== given.length) return undefined;
  for (let axis = 0; axis < given.length; axis++) {
    const value = given[axis] ?? 0;
    const low = min[axis] ?? 0;
    const high = max[axis] ?? 0;
    if (value < low || value > high) return { what, axis, given: value, min: low, max: high };
  }
  return undefined;
}

function refusal(
  row: InputRow,
  profile: ProfileShape | undefined,
  shape: readonly number[],
  values: readonly number[] | null,
): Refusal | undefined {
  for (let axis = 0; axis < row.rank; axis++) {
    const extent = row.shape[axis] ?? -1;
    const given = shape[axis] ?? 0;
    if (extent >= 0 && given !== extent) {
      return { what: 'dimension', axis, given, min: extent, max: extent };
    }
  }
  if (profile === undefined) return undefined;
  const bad = outside('dimension', shape, profile.min, profile.max);
  if (bad !== undefined || values === null || profile.minValues === undefined) return bad;
  return outside('value', values, profile.minValues, profile.maxValues ?? []);
}

function fits(table: IoTable, profile: number, shapes: Shapes, values: Values): boolean {
  for (let index = 0; index < table.inputs.length; index++) {
    const row = table.inputs[index] as InputRow;
    const shape = shapes[index] ?? [];
    const bad = refusal(row, row.tensor.profiles[profile], shape, values[index] ?? null);
    if (bad !== undefined) return false;
  }
  return true;
}

/** Elements that the profile's largest shapes have, all inputs together. */
function profileSize(table: IoTable, profile: number): number {
  let size = 0;
  for (const row of table.inputs) {
    const shape = row.tensor.profiles[profile];
    if (shape === undefined) continue;
    size += volume(shape.max) + (shape.maxValues ?? []).reduce((sum, value) => sum + value, 0);
  }
  return size;
}

/** How far the shapes lie from the profile's optimum: the sum of the logarithms of the ratios. */
function distanceToOptimum(table: IoTable, profile: number, shapes: Shapes): number {
  let distance = 0;
  table.inputs.forEach((row, index) => {
    const shape = shapes[index] ?? [];
    row.tensor.profiles[profile]?.opt.forEach((opt, axis) => {
      distance += Math.abs(Math.log(((shape[axis] ?? 0) + 1) / (opt + 1)));
    });
  });
  return distance;
}

/**
 * The best profile for the shapes, or `pinned` if it takes them.
 *
 * @throws ERR_TRT_SHAPE_OUT_OF_RANGE, telling of each profile why it refuses
 */
export function chooseProfile(
  table: IoTable,
  shapes: Shapes,
  values: Values,
  pinned: number | undefined,
): number {
  if (pinned !== undefined || table.numProfiles <= 1) {
    const profile = pinned ?? 0;
    if (fits(table, profile, shapes, values)) return profile;
    throw outOfRange(table, shapes, values, pinned);
  }
  const all = Array.from({ length: table.numProfiles }, (_, profile) => profile);
  const best = bestProfile(table, all, shapes, values);
  if (best === -1) throw outOfRange(table, shapes, values, pinned);
  return best;
}

/** The best of some profiles for the shapes; -1: none takes them. */
export function bestProfile(
  table: IoTable,
  profiles: readonly number[],
  shapes: Shapes,
  values: Values,
): number {
  let best = -1;
  let bestSize = Infinity;
  let bestDistance = Infinity;
  for (const profile of profiles) {
    if (!fits(table, profile, shapes, values)) continue;
    const size = profileSize(table, profile);
    if (size > bestSize) continue;
    const distance = distanceToOptimum(table, profile, shapes);
    if (size < bestSize || distance < bestDistance) {
      [best, bestSize, bestDistance] = [profile, size, distance];
    }
  }
  return best;
}

/** Remembers the last choice: most runs have the shapes of the one before. */
export class ProfileChooser {
  readonly #table: IoTable;
  #shapes: Shapes = [];
  #values: Values = [];
  #pinned: number | undefined;
  #profile = -1;

  constructor(table: IoTable) {
    this.#table = table;
  }

  /** As {@link chooseProfile}. */
  choose(shapes: Shapes, values: Values, pinned: number | undefined): number {
    if (this.#profile >= 0 && pinned === this.#pinned && this.#isSame(shapes, values)) {
      return this.#profile;
    }
    const profile = chooseProfile(this.#table, shapes, values, pinned);
    this.#shapes = shapes.slice(); // theirs are filled again for the next run
    this.#values = values.slice();
    this.#pinned = pinned;
    this.#profile = profile;
    return profile;
  }

  #isSame(shapes: Shapes, values: Values): boolean {
    for (let index = 0; index < shapes.length; index++) {
      if (!sameShape(shapes[index] ?? [], this.#shapes[index] ?? [])) return false;
      const now = values[index] ?? null;
      const then = this.#values[index] ?? null;
      if (now !== then && (now === null || then === null || !sameShape(now, then))) return false;
    }
    return true;
  }
}

function refusalText(bad: Refusal): string {
  const relation = bad.given < bad.min ? 'less than' : 'more than';
  const bound = bad.given < bad.min ? bad.min : bad.max;
  const where = bad.what === 'dimension' ? `at axis ${bad.axis}` : `as value ${bad.axis}`;
  return bad.min === bad.max
    ? `${bad.given} ${where} is not ${bound}`
    : `${bad.given} ${where} is ${relation} ${bound}`;
}

function rangeText(profile: ProfileShape | undefined, row: InputRow): string {
  if (profile?.min.length !== row.rank) return formatShape(row.shape);
  const { min, opt, max, minValues, optValues, maxValues } = profile;
  const shapes = `min ${formatShape(min)}, opt ${formatShape(opt)}, max ${formatShape(max)}`;
  if (minValues === undefined) return shapes;
  return `${shapes}, values min ${formatShape(minValues)}, opt ${formatShape(optValues ?? [])}, max ${formatShape(maxValues ?? [])}`;
}

/** Which inputs each profile refuses, and why. */
function outOfRange(
  table: IoTable,
  shapes: Shapes,
  values: Values,
  pinned: number | undefined,
): InvalidArgumentError {
  const lines: string[] = [];
  const culprits = new Set<string>();
  const count = Math.max(1, table.numProfiles);
  for (let profile = 0; profile < count; profile++) {
    if (pinned !== undefined && profile !== pinned) continue;
    const reasons: string[] = [];
    table.inputs.forEach((row, index) => {
      const shape = shapes[index] ?? [];
      const range = row.tensor.profiles[profile];
      const bad = refusal(row, range, shape, values[index] ?? null);
      if (bad === undefined) return;
      const given = bad.what === 'value' ? (values[index] ?? []) : shape;
      culprits.add(`'${row.name}' ${bad.what === 'value' ? 'values ' : ''}${formatShape(given)}`);
      reasons.push(`'${row.name}' takes ${rangeText(range, row)}: ${refusalText(bad)}`);
    });
    lines.push(`profile ${profile}: ${reasons.join('; ')}`);
  }
  const expected =
    pinned === undefined
      ? 'expected shapes that an optimization profile takes'
      : `expected shapes that profile ${pinned} takes`;
  return new InvalidArgumentError(
    'ERR_TRT_SHAPE_OUT_OF_RANGE',
    `${expected}, got ${[...culprits].join(', ')}. ${lines.join('. ')}`,
    'Give a shape within a profile (split or pad the batch), or build the plan with a profile for it (--minShapes, --optShapes, --maxShapes).',
  );
}
