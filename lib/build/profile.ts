// BuildProfile: the shapes that an optimization profile takes, as callers write them.

import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeProfileShape } from '../native.js';
import { checkOptions, checkShape, formatShape } from '../validate.js';

/** The shapes of one input in one profile. */
export interface BuildShape {
  /** The smallest dimensions. */
  min: readonly number[];
  /** The dimensions to optimize for. */
  opt: readonly number[];
  /** The largest dimensions. */
  max: readonly number[];
}

/** The values that a shape tensor may have in one profile. */
export interface BuildValues {
  /** The smallest values. */
  minValues: readonly number[];
  /** The values to optimize for. */
  optValues: readonly number[];
  /** The largest values. */
  maxValues: readonly number[];
}

/** One optimization profile: for each input with dynamic dimensions its shapes (one array: just this shape), for each shape tensor its values. */
export type BuildProfile = Readonly<Record<string, BuildShape | BuildValues | readonly number[]>>;

/** The addon's form of a profile. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_SHAPE @internal */
export function nativeProfile(
  profile: BuildProfile,
  who: string,
): Record<string, NativeProfileShape> {
  if (typeof profile !== 'object' || (profile as unknown) === null || Array.isArray(profile)) {
    throw invalidArgument(
      `${who}: expected an object of shapes by input, got ${describe(profile)}`,
      'Give for example { x: { min: [1, 8], opt: [4, 8], max: [16, 8] } }.',
    );
  }
  return Object.fromEntries(
    Object.entries(profile).map(([name, shape]) => [name, nativeShape(shape, `${who} '${name}'`)]),
  );
}

function nativeShape(
  given: BuildShape | BuildValues | readonly number[],
  who: string,
): NativeProfileShape {
  const nothing = { min: [], opt: [], max: [], minValues: [], optValues: [], maxValues: [] };
  if (isArray(given)) {
    checkShape(given, who);
    return { ...nothing, min: [...given], opt: [...given], max: [...given] };
  }
  checkOptions(given, Object.keys(nothing), who);
  if (hasValues(given)) {
    const { minValues, optValues, maxValues } = given;
    checkOrder([minValues, optValues, maxValues], who, checkValues);
    return {
      ...nothing,
      minValues: [...minValues],
      optValues: [...optValues],
      maxValues: [...maxValues],
    };
  }
  const { min, opt, max } = given;
  checkOrder([min, opt, max], who, checkShape);
  return { ...nothing, min: [...min], opt: [...opt], max: [...max] };
}

function hasValues(given: BuildShape | BuildValues): given is BuildValues {
  return 'minValues' in given || 'optValues' in given || 'maxValues' in given;
}

function isArray(value: unknown): value is readonly number[] {
  return Array.isArray(value);
}

function checkValues(values: unknown, who: string): void {
  if (Array.isArray(values) && values.every((value) => Number.isSafeInteger(value))) return;
  throw invalidArgument(
    `${who}: expected an array of integers, got ${describe(values)}`,
    'Give one integer for each element of the shape tensor.',
  );
}

function checkOrder(
  triple: readonly (readonly number[])[],
  who: string,
  check: (value: unknown, who: string) => unknown,
): void {
  const words = ['min', 'opt', 'max'];
  triple.forEach((shape, index) => check(shape, `${who}: ${words[index] ?? ''}`));
  const [min = [], opt = [], max = []] = triple;
  const ordered =
    min.length === opt.length &&
    opt.length === max.length &&
    min.every((low, axis) => low <= (opt[axis] ?? 0) && (opt[axis] ?? 0) <= (max[axis] ?? 0));
  if (ordered) return;
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_SHAPE',
    `${who}: expected min ≤ opt ≤ max in every dimension, got ${formatShape(min)}, ${formatShape(opt)}, ${formatShape(max)}`,
    'Give three shapes of the same rank in ascending order.',
  );
}
