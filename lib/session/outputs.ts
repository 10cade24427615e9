// Outputs: where a run's outputs go, and how they come back.

import { DeviceTensor, isDeviceTensor } from '../device-tensor.js';
import { type TensorData, arrayLength } from '../dtype.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeExecutor, NativeOutputTarget } from '../native.js';
import { unknownTensor } from '../runtime/engine.js';
import type { PinnedBuffer } from '../runtime/pinned-buffer.js';
import { Tensor, type TensorSource, isTensor, pinnedBuffer, viewData } from '../tensor.js';
import { checkMemory, formatShape, volume } from '../validate.js';
import { sameDevice } from './feeds.js';
import type { IoTable, OutputRow } from './io-table.js';

/** One output that the caller wants. */
interface Wanted {
  readonly row: OutputRow;
  /** The caller's array; undefined: a new one, or the device. */
  readonly into: TensorData | undefined;
  /** Written directly by the device: nothing is read afterwards. */
  readonly pinned: PinnedBuffer | undefined;
  /** Given back as a DeviceTensor: a new one, or over the caller's. */
  readonly device: true | DeviceTensor | undefined;
}

/** Where all outputs of a run go. */
export interface OutputPlan {
  /** For the addon: all outputs, in engine order. */
  readonly targets: readonly NativeOutputTarget[];
  readonly wanted: readonly Wanted[];
}

function wantedOnHost(row: OutputRow): Wanted {
  return { row, into: undefined, pinned: undefined, device: undefined };
}

/** What a run without output options does: everything into new arrays. */
export function defaultOutputPlan(table: IoTable): OutputPlan {
  return {
    targets: table.outputs.map(() => 'host'),
    wanted: table.outputs.map(wantedOnHost),
  };
}

/**
 * Resolves the `outputs` option.
 *
 * @throws ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_INVALID_ARGUMENT, ERR_TRT_DTYPE_MISMATCH, ERR_TRT_INVALID_BUFFER, ERR_TRT_CLOSED
 */
export function outputPlan(table: IoTable, outputs: unknown): OutputPlan {
  if (typeof outputs !== 'object' || outputs === null) {
    throw invalidArgument(
      `outputs: expected names or targets by name, got ${describe(outputs)}`,
      `Give for example ${JSON.stringify(table.outputNames.slice(0, 2))}.`,
    );
  }
  // An output that is not wanted stays where the engine writes it.
  const targets: NativeOutputTarget[] = table.outputs.map((row) =>
    row.onHost ? 'host' : 'device',
  );
  const wanted: Wanted[] = [];
  const entries = Array.isArray(outputs)
    ? outputs.map((name: unknown) => [name, 'host'] as const)
    : Object.entries(outputs as Record<string, unknown>);
  for (const [name, target] of entries) {
    const row = table.outputsByName.get(name as string);
    if (row === undefined) throw unknownTensor(name, table.outputNames, 'an output');
    if (wanted.some((other) => other.row === row)) {
      throw invalidArgument(`outputs: ${row.who} is named twice`, 'Name each output once.');
    }
    const [want, native] = resolveTarget(table, row, target);
    wanted.push(want);
    targets[row.index] = native;
  }
  return { targets, wanted };
}

function resolveTarget(
  table: IoTable,
  row: OutputRow,
  target: unknown,
): [Wanted, NativeOutputTarget] {
  if (target === 'host' || target === true) return [wantedOnHost(row), 'host'];
  if (target === 'device' || isDeviceTensor(target)) {
    if (target !== 'device') checkDtype(row, target.dtype);
    const native = target === 'device' ? target : sameDevice(table, row.who, target);
    const device = target === 'device' ? true : target;
    return [{ row, into: undefined, pinned: undefined, device }, native];
  }
  if (isTensor(target)) {
    checkDtype(row, target.dtype);
    checkMemory(target.data, row.who);
    const pinned = target[pinnedBuffer] as PinnedBuffer | undefined;
    const native = pinned === undefined ? 'host' : pinned.native;
    return [{ row, into: target.data, pinned, device: undefined }, native];
  }
  if (!ArrayBuffer.isView(target)) {
    throw invalidArgument(
      `${row.who}: expected 'host', 'device', a typed array, Tensor or DeviceTensor, got ${describe(target)}`,
      "Use 'host' for a new array.",
    );
  }
  const into = viewData(row.info, target, row.who);
  if (into.buffer !== target.buffer) {
    throw new InvalidArgumentError(
      'ERR_TRT_INVALID_BUFFER',
      `${row.who}: expected memory aligned for ${row.info.dtype}, got a Buffer at byte offset ${target.byteOffset}`,
      `Give ${row.info.arrayText}, which is always aligned.`,
    );
  }
  return [{ row, into, pinned: undefined, device: undefined }, 'host'];
}

function checkDtype(row: OutputRow, dtype: string): void {
  if (dtype === row.info.dtype) return;
  throw new InvalidArgumentError(
    'ERR_TRT_DTYPE_MISMATCH',
    `${row.who}: expected a target of ${row.info.dtype}, got one of ${dtype}`,
    `Give ${row.info.arrayText}, or 'host' for a new array.`,
  );
}

/** Refuses targets of the caller's that are too small for `shapes`. @throws ERR_TRT_LENGTH_MISMATCH, ERR_TRT_INVALID_BUFFER */
export function checkRoom(plan: OutputPlan, shapes: readonly (readonly number[])[]): void {
  for (const { row, into, device } of plan.wanted) {
    if (into === undefined && typeof device !== 'object') continue;
    const shape = shapes[row.index] ?? [];
    const elements = volume(shape);
    if (shape.some((extent) => extent < 0)) continue; // known only after the run
    const given = into === undefined ? (device as DeviceTensor).size : into.length;
    const needed = into === undefined ? elements : arrayLength(row.info, elements);
    if (given >= needed) continue;
    if (into !== undefined) checkMemory(into, row.who);
    throw new InvalidArgumentError(
      'ERR_TRT_LENGTH_MISMATCH',
      `${row.who}: expected room for ${needed} elements of shape ${formatShape(shape)}, got ${given}`,
      "Give a larger target, or 'host' for a new array.",
    );
  }
}

/** The outputs of the run that slot `slot` completed, by name. */
export function collectOutputs(
  table: IoTable,
  executor: NativeExecutor,
  slot: number,
  plan: OutputPlan,
  prepared: readonly (readonly number[])[],
  dataDependent: boolean,
): Record<string, Tensor | DeviceTensor> {
  const shapes = dataDependent ? executor.outputShapes(slot) : prepared;
  if (dataDependent) checkRoom(plan, shapes);
  const results: Record<string, Tensor | DeviceTensor> = {};
  for (const want of plan.wanted) {
    const { row } = want;
    const result = collectOutput(table, executor, slot, want, shapes[row.index] ?? []);
    if (row.name !== '__proto__') results[row.name] = result;
    else Object.defineProperty(results, row.name, { value: result, enumerable: true });
  }
  return results;
}

function collectOutput(
  table: IoTable,
  executor: NativeExecutor,
  slot: number,
  want: Wanted,
  shape: readonly number[],
): Tensor | DeviceTensor {
  const { row, into, device } = want;
  const { info } = row;
  if (device === true) {
    const native = executor.takeDeviceOutput(slot, row.index);
    return new DeviceTensor(table.platform, native, info.dtype, shape);
  }
  if (device !== undefined) return device.withShape(shape);
  const length = arrayLength(info, volume(shape));
  let data: TensorData;
  if (into === undefined) data = new info.array(length);
  else data = into.length === length ? into : into.subarray(0, length);
  if (length > 0 && want.pinned === undefined) executor.readOutput(slot, row.index, data);
  return new Tensor(info.dtype, data as TensorSource, shape);
}
