// Outputs: where a run's outputs go, and how they come back.

import { DeviceTensor, isDeviceTensor } from '../device-tensor.js';
import { type TensorData, arrayLength } from '../dtype.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeExecutor, NativeOutputTarget } from '../native.js';
import { unknownTensor } from '../runtime/engine.js';
import type { PinnedBuffer } from '../runtime/pinned-buffer.js';
import { type Tensor, isTensor, pinnedBuffer, trustedTensor, viewData } from '../tensor.js';
import { checkMemory, formatShape, sameShape, volume } from '../validate.js';
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
  /** Of `into`, when it was given. */
  readonly length: number;
  /** What the caller gave. */
  readonly target: unknown;
  /** What the last run gave back over the caller's memory. */
  result: Tensor | undefined;
}

/** Where all outputs of a run go. */
export interface OutputPlan {
  /** For the addon: all outputs, in engine order. */
  readonly targets: readonly NativeOutputTarget[];
  readonly wanted: readonly Wanted[];
}

function wantedOnHost(row: OutputRow): Wanted {
  return {
    row,
    into: undefined,
    pinned: undefined,
    device: undefined,
    length: 0,
    target: undefined,
    result: undefined,
  };
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

/** Resolves `outputs` options; the last plan serves again as long as the same targets come. */
export class OutputPlanner {
  readonly #table: IoTable;
  readonly #all: OutputPlan;
  #names: readonly string[] = [];
  #last: OutputPlan | undefined;

  constructor(table: IoTable) {
    this.#table = table;
    this.#all = defaultOutputPlan(table);
  }

  /** The plan for the option; undefined: all outputs. @throws as {@link outputPlan} */
  plan(outputs: unknown): OutputPlan {
    if (outputs === undefined) return this.#all;
    const last = this.#last;
    if (last !== undefined && this.#isLast(outputs, last)) return last;
    const plan = outputPlan(this.#table, outputs);
    // Names are resolved quickly, and 'device' gives a new tensor each time.
    this.#last = Array.isArray(outputs) ? undefined : plan;
    this.#names = plan.wanted.map(({ row }) => row.name);
    return plan;
  }

  #isLast(outputs: unknown, last: OutputPlan): boolean {
    if (typeof outputs !== 'object' || outputs === null || Array.isArray(outputs)) return false;
    let count = 0;
    for (const name in outputs) {
      const want = last.wanted[count];
      if (want === undefined || this.#names[count] !== name) return false;
      const target = (outputs as Record<string, unknown>)[name];
      if (target !== want.target || !isUnchanged(want, target, last.targets[want.row.index])) {
        return false;
      }
      count++;
    }
    return count === last.wanted.length;
  }
}

/** Whether the memory behind a target is still what it was. @throws ERR_TRT_CLOSED */
function isUnchanged(
  want: Wanted,
  target: unknown,
  native: NativeOutputTarget | undefined,
): boolean {
  if (want.pinned !== undefined)
    return want.pinned.native === native && (target as Tensor).data === want.into;
  if (typeof want.device === 'object') return want.device.native === native;
  if (want.into === undefined) return true;
  if (want.into.length !== want.length) return false; // detached since
  return isTensor(target) ? target.data === want.into : target === want.into;
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
    return [
      { row, into: undefined, pinned: undefined, device, length: 0, target, result: undefined },
      native,
    ];
  }
  if (isTensor(target)) {
    checkDtype(row, target.dtype);
    checkMemory(target.data, row.who);
    const pinned = target[pinnedBuffer] as PinnedBuffer | undefined;
    const native = pinned === undefined ? 'host' : pinned.native;
    return [
      {
        row,
        into: target.data,
        pinned,
        device: undefined,
        length: target.data.length,
        target,
        result: undefined,
      },
      native,
    ];
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
  return [
    {
      row,
      into,
      pinned: undefined,
      device: undefined,
      length: into.length,
      target,
      result: undefined,
    },
    'host',
  ];
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

/**
 * The outputs of the run that a slot completed, by name; `staging`: views of the slot's pinned memory, undefined where an output is read through the
 * addon.
 */
export function collectOutputs(
  table: IoTable,
  executor: NativeExecutor,
  slot: number,
  plan: OutputPlan,
  shapes: readonly (readonly number[])[],
  staging: readonly (TensorData | undefined)[] | undefined,
): Record<string, Tensor | DeviceTensor> {
  const results: Record<string, Tensor | DeviceTensor> = {};
  for (const want of plan.wanted) {
    const { row } = want;
    const shape = shapes[row.index] ?? [];
    const result =
      want.device === undefined
        ? hostOutput(executor, slot, want, shape, staging?.[row.index])
        : deviceOutput(table, executor, slot, want, shape);
    if (row.name !== '__proto__') results[row.name] = result;
    else Object.defineProperty(results, row.name, { value: result, enumerable: true });
  }
  return results;
}

function deviceOutput(
  table: IoTable,
  executor: NativeExecutor,
  slot: number,
  { row, device }: Wanted,
  shape: readonly number[],
): DeviceTensor {
  if (typeof device === 'object') return device.withShape(shape);
  const native = executor.takeDeviceOutput(slot, row.index);
  return new DeviceTensor(table.platform, native, row.info.dtype, shape);
}

function hostOutput(
  executor: NativeExecutor,
  slot: number,
  want: Wanted,
  shape: readonly number[],
  staging: TensorData | undefined,
): Tensor {
  const { row, into, pinned } = want;
  const { info } = row;
  let data: TensorData;
  if (into === undefined) {
    if (staging !== undefined) return trustedTensor(info.dtype, staging.slice(), shape);
    data = new info.array(arrayLength(info, volume(shape)));
  } else {
    const length = staging?.length ?? arrayLength(info, volume(shape));
    data = into.length === length ? into : into.subarray(0, length);
  }
  if (pinned === undefined && data.length > 0) {
    if (staging !== undefined) (data as Uint8Array).set(staging as Uint8Array);
    else executor.readOutput(slot, row.index, data);
  }
  return tensorOver(want, data, shape);
}

/** The caller's own tensor, if it has just this shape; else one over its memory, the same one as long as nothing changes. */
function tensorOver(want: Wanted, data: TensorData, shape: readonly number[]): Tensor {
  const { target, into, row } = want;
  if (data === into && isTensor(target) && sameShape(target.shape, shape)) return target;
  if (want.result?.data === data && want.result.shape === shape) return want.result;
  const frozen = Object.isFrozen(shape) ? shape : Object.freeze(shape.slice());
  const result = trustedTensor(row.info.dtype, data, frozen);
  if (data === into) want.result = result;
  return result;
}

/** What is left to do for an output that goes to the caller's memory, in each run the same. */
export interface Copy {
  readonly name: string;
  readonly result: Tensor;
  readonly to: Uint8Array;
  /** undefined: the device has written there itself. */
  readonly from: Uint8Array | undefined;
}

/** For all outputs of `plan`; undefined where one of them needs more, such as a new array. */
export function copiesOf(
  plan: OutputPlan,
  shapes: readonly (readonly number[])[],
  staging: readonly (TensorData | undefined)[],
): Copy[] | undefined {
  const copies: Copy[] = [];
  for (const want of plan.wanted) {
    const { row, into, pinned } = want;
    const from = staging[row.index];
    if (into === undefined || from === undefined || row.name === '__proto__') return undefined;
    const to = into.length === from.length ? into : into.subarray(0, from.length);
    const result = tensorOver(want, to, shapes[row.index] ?? []);
    copies.push({
      name: row.name,
      result,
      to: to as Uint8Array,
      from: pinned === undefined ? (from as Uint8Array) : undefined,
    });
  }
  return copies;
}
