// Feeds: from what the caller gave for each input to shapes, values of shape tensors, and memory to copy from.

import { type DeviceTensor, isDeviceTensor } from '../device-tensor.js';
import { type DType, type TensorData, arrayLength } from '../dtype.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeDeviceBuffer, NativeInput } from '../native.js';
import { unknownTensor } from '../runtime/engine.js';
import type { PinnedBuffer } from '../runtime/pinned-buffer.js';
import {
  Tensor,
  type TensorSource,
  checkLength,
  convertArray,
  isTensor,
  pinnedBuffer,
  typedArrayTag,
  viewData,
} from '../tensor.js';
import { checkMemory, formatShape, volume } from '../validate.js';
import type { InputRow, IoTable } from './io-table.js';

/** The inputs of one run, in engine order. */
export interface ResolvedFeeds {
  /** Frozen, or nobody else's. */
  readonly shapes: (readonly number[])[];
  readonly values: readonly (readonly number[] | null)[];
  readonly inputs: NativeInput[];
  /** What was resolved last, by input: tensors whose checks need not be done again. */
  readonly known: (Tensor | DeviceTensor | undefined)[];
  /** Lengths of the arrays of these. */
  readonly lengths: number[];
}

/** Where {@link resolveFeeds} puts its result, again and again. */
export function emptyFeeds(table: IoTable): ResolvedFeeds {
  const count = table.inputs.length;
  return {
    shapes: new Array<readonly number[]>(count).fill([]),
    inputs: new Array<NativeInput>(count).fill(null),
    known: new Array<Tensor | undefined>(count).fill(undefined),
    lengths: new Array<number>(count).fill(0),
    values: table.hasHostInputs
      ? new Array<readonly number[] | null>(count).fill(null)
      : table.noValues,
  };
}

/** Whether `feed` is the tensor that `into` has already, with the memory that it had. */
function isKnown(into: ResolvedFeeds, index: number, feed: unknown): boolean {
  const known = into.known[index];
  if (known === undefined || known !== feed) return false;
  const input = into.inputs[index];
  if (!isTensor(known)) return !known.closed && known.native === input;
  const pinned = known[pinnedBuffer] as PinnedBuffer | undefined;
  return (
    (pinned === undefined ? known.data === input : !pinned.closed && pinned.native === input) &&
    known.data.length === into.lengths[index]
  );
}

/**
 * Resolves the feeds of one run into `into`; true: they are the same tensors as the last time.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_MISSING_INPUT, ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_DTYPE_MISMATCH, ERR_TRT_RANK_MISMATCH,
 *   ERR_TRT_LENGTH_MISMATCH, ERR_TRT_INVALID_BUFFER, ERR_TRT_CLOSED
 */
export function resolveFeeds(table: IoTable, feeds: unknown, into: ResolvedFeeds): boolean {
  if (typeof feeds !== 'object' || feeds === null || ArrayBuffer.isView(feeds)) {
    throw invalidArgument(
      `run: expected the inputs by name, got ${describe(feeds)}`,
      `Give an object, for example { ${JSON.stringify(table.inputNames[0] ?? 'name')}: tensor }.`,
    );
  }
  const rows = table.inputs;
  const { shapes, inputs, values, known, lengths } = into;
  let same = true;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] as InputRow;
    const feed = Object.hasOwn(feeds, row.name)
      ? (feeds as Record<string, unknown>)[row.name]
      : undefined;
    if (feed === undefined || feed === null) throw missingInput(table, row, feeds);
    if (isKnown(into, index, feed)) continue;
    same = false;
    known[index] = undefined;
    if (row.onHost) {
      const tensor = hostTensor(row, feed);
      shapes[index] = tensor.shape;
      inputs[index] = null;
      (values as (readonly number[])[])[index] = Array.from(tensor.data as Int32Array, Number);
    } else {
      if (table.hasHostInputs) (values as null[])[index] = null;
      resolveFeed(table, row, feed, index, shapes, inputs);
      if (isTensor(feed)) {
        known[index] = feed;
        lengths[index] = feed.data.length;
      } else if (isDeviceTensor(feed)) {
        known[index] = feed;
      }
    }
  }
  let given = 0;
  for (const name in feeds) given += Object.hasOwn(feeds, name) ? 1 : 0;
  if (given !== rows.length) checkNames(table, feeds);
  return same;
}

function checkNames(table: IoTable, feeds: object): void {
  for (const name of Object.keys(feeds)) {
    if (!table.inputNames.includes(name)) {
      throw unknownTensor(name, table.inputNames, 'an input');
    }
  }
}

function missingInput(table: IoTable, row: InputRow, feeds: object): InvalidArgumentError {
  checkNames(table, feeds); // a misspelt name says more than the missing one
  const names = table.inputNames.map((name) => `'${name}'`).join(', ');
  const given = Object.keys(feeds).map((name) => `'${name}'`);
  const list = given.length === 0 ? 'no input' : given.join(', ');
  return new InvalidArgumentError(
    'ERR_TRT_MISSING_INPUT',
    `${row.who} is missing: expected ${names}, got ${list}${Object.hasOwn(feeds, row.name) ? ` with '${row.name}' undefined or null` : ''}`,
    `Feed '${row.name}' with ${row.info.dtype} of shape ${formatShape(row.shape)}.`,
  );
}

function resolveFeed(
  table: IoTable,
  row: InputRow,
  feed: unknown,
  index: number,
  shapes: (readonly number[])[],
  inputs: NativeInput[],
): void {
  if (isTensor(feed) || isTensorLike(feed)) {
    const tensor = isTensor(feed)
      ? feed
      : new Tensor(feed.dtype as DType, feed.data as TensorSource, feed.shape as number[]);
    checkTensor(row, tensor.dtype, tensor.shape);
    checkTensorMemory(row, tensor);
    const pinned = tensor[pinnedBuffer] as PinnedBuffer | undefined;
    shapes[index] = tensor.shape;
    inputs[index] = pinned === undefined ? tensor.data : pinned.native;
  } else if (isDeviceTensor(feed)) {
    checkTensor(row, feed.dtype, feed.shape);
    inputs[index] = sameDevice(table, row.who, feed);
    shapes[index] = feed.shape;
  } else {
    const data = viewData(row.info, feed, row.who);
    shapes[index] = shapeOfArray(row, data);
    inputs[index] = data;
  }
}

/** A tensor of another copy of this package, or a plain object with the same three members. */
function isTensorLike(feed: unknown): feed is { dtype: unknown; data: unknown; shape: unknown } {
  return (
    typeof feed === 'object' &&
    feed !== null &&
    'dtype' in feed &&
    'data' in feed &&
    'shape' in feed
  );
}

function checkTensor(row: InputRow, dtype: DType, shape: readonly number[]): void {
  if (dtype !== row.info.dtype) {
    throw new InvalidArgumentError(
      'ERR_TRT_DTYPE_MISMATCH',
      `${row.who}: expected ${row.info.dtype}, got a ${dtype} tensor`,
      `Make it as new Tensor('${row.info.dtype}', …) from ${row.info.arrayText}.`,
    );
  }
  if (shape.length !== row.rank) throw rankMismatch(row, shape);
}

function rankMismatch(row: InputRow, shape: readonly number[]): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_TRT_RANK_MISMATCH',
    `${row.who}: expected ${row.rank} dimensions ${formatShape(row.shape)}, got ${shape.length}: ${formatShape(shape)}`,
    shape.length < row.rank
      ? 'Add the missing dimensions, often a leading 1 for the batch.'
      : 'Remove or merge dimensions.',
  );
}

/** The array may have been detached since the tensor was made; its length tells. */
function checkTensorMemory(row: InputRow, tensor: Tensor): void {
  const elements = volume(tensor.shape);
  if (tensor.data.length === arrayLength(row.info, elements)) return;
  checkMemory(tensor.data, row.who);
  checkLength(row.info, tensor.data, tensor.shape, elements, row.who);
}

/** The device buffer behind `tensor`. @throws ERR_TRT_CLOSED, ERR_TRT_INVALID_ARGUMENT when it is on a device that is not the session's */
export function sameDevice(table: IoTable, who: string, tensor: DeviceTensor): NativeDeviceBuffer {
  const { native } = tensor;
  const { devices, platform } = table;
  const sameRuntime = tensor.platform.kind === platform.kind;
  if (sameRuntime && devices.includes(tensor.device)) return native;
  throw invalidArgument(
    `${who}: expected a tensor on device ${devices.join(' or ')} of the ${platform.kind} runtime, got one on device ${tensor.device} of the ${tensor.platform.kind} runtime`,
    sameRuntime
      ? `Copy it there: await tensor.toDevice(${devices[0] ?? 0}).`
      : 'Copy it through the host: await tensor.read().',
  );
}

function shapeOfArray(row: InputRow, data: TensorData): readonly number[] {
  const elements = row.info.bits === 4 ? data.length * 2 : data.length;
  if (row.dynamicCount === 0) {
    checkLength(row.info, data, row.shape, row.staticVolume, row.who);
    return row.shape;
  }
  if (row.dynamicAxis < 0 || row.staticVolume === 0) {
    throw invalidArgument(
      `${row.who}: expected a Tensor with its shape, as ${formatShape(row.shape)} has ${row.dynamicCount} dynamic dimensions, got ${describe(data)}`,
      `Give new Tensor('${row.info.dtype}', array, [${row.shape.map((extent) => (extent < 0 ? '…' : extent)).join(', ')}]).`,
    );
  }
  const extent = elements / row.staticVolume;
  if (!Number.isInteger(extent)) {
    throw new InvalidArgumentError(
      'ERR_TRT_LENGTH_MISMATCH',
      `${row.who}: expected a multiple of ${row.staticVolume} elements for shape ${formatShape(row.shape)}, got ${describe(data)}`,
      'Check the array, or give a Tensor with its shape.',
    );
  }
  const shape = row.shape.slice();
  shape[row.dynamicAxis] = extent;
  return shape;
}

/** What was fed for a shape tensor, as a tensor on the host. */
function hostTensor(row: InputRow, feed: unknown): Tensor {
  if (isDeviceTensor(feed)) {
    throw invalidArgument(
      `${row.who}: expected values on the host, as it is a shape tensor, got a DeviceTensor`,
      'Read it first: await tensor.read().',
    );
  }
  if (isTensor(feed) || isTensorLike(feed)) {
    const tensor = new Tensor(
      feed.dtype as DType,
      feed.data as TensorSource,
      feed.shape as number[],
    );
    checkTensor(row, tensor.dtype, tensor.shape);
    return tensor;
  }
  const { info } = row;
  let data: TensorData;
  if (Array.isArray(feed)) data = convertArray(info, feed, row.who);
  else if (info.dtype === 'int64' && typedArrayTag(feed) === 'Int32Array') {
    data = BigInt64Array.from(feed as Int32Array, BigInt);
  } else data = viewData(info, feed, row.who);
  return new Tensor(info.dtype, data as TensorSource, shapeOfArray(row, data));
}

/** The same feeds for a run that has to wait: views are copied, buffers are taken as they are. */
export function snapshot(feeds: ResolvedFeeds): ResolvedFeeds {
  return {
    shapes: feeds.shapes.slice(),
    values: feeds.values.slice(),
    known: [],
    lengths: [],
    inputs: feeds.inputs.map((input) =>
      ArrayBuffer.isView(input) ? (input as TensorData).slice() : input,
    ),
  };
}
