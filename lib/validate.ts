// Checks of what callers hand in (shapes, memory, options), with messages that say what was expected, given and to be done.

import { InvalidArgumentError, describe, invalidArgument } from './errors.js';

/** TensorRT's limit on dimensions of a tensor. */
export const maxRank = 8;
/** TensorRT's limit on the extent of a dimension. */
export const maxExtent = 2 ** 31 - 1;

/** `[2, 3]`, and for scalars `[]`. */
export function formatShape(shape: readonly unknown[]): string {
  return `[${shape.map((extent) => (typeof extent === 'number' ? String(extent) : describe(extent))).join(', ')}]`;
}

function invalidShape(reason: string, hint: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_TRT_INVALID_SHAPE', reason, hint);
}

/**
 * Number of elements of `shape`, after checking that every dimension is an integer from 0 to 2^31-1 and that there are at most 8.
 *
 * @throws ERR_TRT_INVALID_SHAPE
 */
export function checkShape(shape: unknown, who: string): number {
  if (!Array.isArray(shape)) {
    throw invalidShape(
      `${who}: expected a shape as an array of numbers, got ${describe(shape)}`,
      'Give the dimensions, for example [1, 3, 224, 224]; [] for a scalar.',
    );
  }
  if (shape.length > maxRank) {
    throw invalidShape(
      `${who}: expected at most ${maxRank} dimensions, got ${shape.length}: ${formatShape(shape)}`,
      'TensorRT tensors have at most 8 dimensions: merge some.',
    );
  }
  let elements = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const extent: unknown = shape[axis];
    if (
      typeof extent !== 'number' ||
      !Number.isInteger(extent) ||
      extent < 0 ||
      extent > maxExtent
    ) {
      throw badExtent(shape, axis, extent, who);
    }
    elements *= extent;
  }
  if (!Number.isSafeInteger(elements)) {
    throw invalidShape(
      `${who}: expected fewer than 2^53 elements, got shape ${formatShape(shape)} with ${elements}`,
      'Check the dimensions: no memory holds such a tensor.',
    );
  }
  return elements;
}

function badExtent(
  shape: unknown[],
  axis: number,
  extent: unknown,
  who: string,
): InvalidArgumentError {
  const given = typeof extent === 'number' ? String(extent) : describe(extent);
  let hint = 'Give every dimension as a number.';
  if (extent === -1) {
    hint = 'Give the real extent: -1 only stands for "dynamic" in descriptions.';
  } else if (typeof extent === 'bigint') {
    hint = 'Convert it with Number().';
  } else if (typeof extent === 'number') {
    if (Number.isNaN(extent)) {
      hint = 'Check the computation of the shape: an operand was undefined or not a number.';
    } else if (extent < 0) hint = 'Dimensions are not negative.';
    else if (extent > maxExtent) hint = 'TensorRT takes at most 2147483647 along one dimension.';
    else hint = 'Round it to an integer.';
  }
  return invalidShape(
    `${who}: expected dimensions that are integers from 0 to ${maxExtent}, got ${given} at axis ${axis} of ${formatShape(shape)}`,
    hint,
  );
}

/** Number of elements of a shape that is known to be good. */
export function volume(shape: readonly number[]): number {
  let elements = 1;
  for (const extent of shape) elements *= extent;
  return elements;
}

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength !== 0) return false;
  const known = (buffer as { detached?: boolean }).detached;
  if (known !== undefined) return known;
  try {
    new Uint8Array(buffer); // Node.js 20 has no `detached`; only a detached buffer makes this throw
    return false;
  } catch {
    return true;
  }
}

/**
 * Refuses memory that may change or vanish while TensorRT reads or writes it.
 *
 * @throws ERR_TRT_INVALID_BUFFER for a detached, resizable or shared ArrayBuffer.
 */
export function checkMemory(view: ArrayBufferView, who: string): void {
  const buffer = view.buffer as ArrayBufferLike & { resizable?: boolean };
  let what: string;
  let hint: string;
  if (buffer[Symbol.toStringTag] === 'SharedArrayBuffer') {
    what = 'a view of a SharedArrayBuffer';
    hint =
      'Another thread may change it during the run: copy it first, for example with array.slice().';
  } else if (buffer.resizable === true) {
    what = 'a view of a resizable ArrayBuffer';
    hint = 'It may shrink during the run: copy it first, for example with array.slice().';
  } else if (view.byteLength === 0 && isDetached(buffer)) {
    what = 'a view of a detached ArrayBuffer';
    hint =
      'It was transferred (postMessage, structuredClone, transfer) or its pinned buffer was closed: use the new owner, or hand over a copy.';
  } else {
    return;
  }
  const given = (view as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? 'DataView';
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_BUFFER',
    `${who}: expected memory of a plain, attached ArrayBuffer, got ${what} (${given})`,
    hint,
  );
}

/** What to expect of an options object: its known keys. @throws ERR_TRT_INVALID_ARGUMENT for others, naming the nearest. */
export function checkOptions(options: unknown, known: readonly string[], who: string): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument(
      `${who}: expected an options object, got ${describe(options)}`,
      `The options are ${known.join(', ')}.`,
    );
  }
  // for…in, as it allocates nothing: options come with each run.
  for (const key in options) {
    if (known.includes(key) || !Object.hasOwn(options, key)) continue;
    const near = nearest(key, known);
    throw invalidArgument(
      `${who}: expected known options, got ${describe(key)}`,
      near === undefined ? `The options are ${known.join(', ')}.` : `Did you mean '${near}'?`,
    );
  }
}

/** @throws ERR_TRT_INVALID_ARGUMENT unless `value` is an integer from `min` to `max`. */
export function checkInteger(
  value: unknown,
  who: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value;
  }
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalidArgument(
    `${who}: expected an integer ${range}, got ${describe(value)}`,
    `Give an integer ${range}.`,
  );
}

/** @throws ERR_TRT_INVALID_ARGUMENT unless `value` is one of `choices`. */
export function checkChoice<T extends string>(
  value: unknown,
  who: string,
  choices: readonly T[],
): T {
  if (choices.includes(value as T)) return value as T;
  throw invalidArgument(
    `${who}: expected one of ${choices.map((choice) => `'${choice}'`).join(', ')}, got ${describe(value)}`,
    'Use one of these words.',
  );
}

/** @throws ERR_TRT_INVALID_ARGUMENT unless `value` is a string without NUL. */
export function checkString(value: unknown, who: string): string {
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw invalidArgument(
    `${who}: expected a string, got ${describe(value)}`,
    typeof value === 'string' ? 'Remove the NUL character.' : 'Give a string.',
  );
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The word of `known` that `word` was probably meant to be, if any is near enough. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart < bestDistance) [best, bestDistance] = [candidate, apart];
  }
  if (bestDistance <= Math.max(2, Math.floor(word.length / 3))) return best;
  // Words that go on after a known one, as cacheDirectory after cacheDir.
  return known.find((candidate) => candidate.length > 3 && word.startsWith(candidate));
}
