// GatheredSession: a plan whose slots take batches that their owner writes straight into staging memory. For lib/serving; Session is for everybody else.

import { type TensorData, arrayLength } from '../dtype.js';
import { DeviceLostError } from '../errors.js';
import type { NativeExecutor, NativeInput, NativeOutputTarget, NativePlatform } from '../native.js';
import { volume } from '../validate.js';
import { type IoTable, ioTable } from './io-table.js';
import { type OpenedEngine, closeEngine, makeExecutors } from './load.js';
import { RunClock } from './timing.js';

/** What a slot is prepared for: made once for each combination that comes, as slots remember by its identity what they know of it. */
export interface Arrangement {
  readonly profile: number;
  /** By input of the engine. */
  readonly shapes: readonly (readonly number[])[];
  /** By input of the engine; null where it is no shape tensor. */
  readonly values: readonly (readonly number[] | null)[];
}

/** What is started on a slot. */
export interface GatheredRun {
  /** It has ended; the slot is free when this returns. */
  ended(slot: GatheredSlot, error: Error | undefined): void;
}

/** Memory of a slot in one arrangement, by tensor of the engine: to write inputs to before the start, and to read outputs from after the end. */
export interface Staged {
  readonly inputs: readonly TensorData[];
  /** The same as bytes. */
  readonly inputBytes: readonly Uint8Array[];
  /** What {@link GatheredSlot.start} takes where all inputs are in staging. */
  readonly bindings: readonly NativeInput[];
  /** undefined: its size depends on the data; see {@link GatheredSlot.read}. */
  readonly outputs: readonly (TensorData | undefined)[];
  readonly outputShapes: readonly (readonly number[])[];
  /** Whether the views are pinned memory; else (Electron) they are copied by the addon. */
  readonly pinned: boolean;
}

/** Arrangements that a slot remembers the views of. */
const mostArrangements = 256;

/** One execution slot. */
export class GatheredSlot {
  readonly device: number;
  /** Which of the owner's groups it belongs to. */
  readonly group: number;
  /** In its executor. */
  readonly index: number;
  readonly clock: RunClock | undefined;
  readonly #executor: NativeExecutor;
  readonly #table: IoTable;
  readonly #known = new Map<Arrangement, Staged>();
  #boundInputs: readonly NativeInput[] | undefined;
  #boundTargets: readonly NativeOutputTarget[] | undefined;
  #staged: Staged | undefined;
  /** What it is prepared for. */
  current: Arrangement | undefined;
  run: GatheredRun | undefined;
  /** Whether its last run was timed; of a session without timing none is. */
  timed: boolean;
  /** Whether the run before that was timed as it is: the first after a change is launched otherwise, and takes longer. */
  steady = false;
  /** Runs started since it was set to 0. */
  starts = 0;

  /** @internal */
  constructor(
    table: IoTable,
    executor: NativeExecutor,
    device: number,
    group: number,
    index: number,
    clock: RunClock | undefined,
  ) {
    this.#table = table;
    this.#executor = executor;
    this.device = device;
    this.group = group;
    this.index = index;
    this.clock = clock;
    this.timed = clock !== undefined;
  }

  /** Makes it ready for a run in `arrangement`; cheap when it was in it last. @throws what the addon throws */
  prepare(arrangement: Arrangement): Staged {
    if (this.current === arrangement) return this.#staged as Staged;
    this.forget();
    const { profile, shapes, values } = arrangement;
    const outputShapes = this.#executor.prepare(this.index, profile, shapes, values);
    let staged = this.#known.get(arrangement);
    if (staged === undefined || isDetached(staged)) {
      staged = this.#stage(arrangement, outputShapes);
      if (this.#known.size >= mostArrangements) {
        this.#known.delete(this.#known.keys().next().value as Arrangement);
      }
      this.#known.set(arrangement, staged);
    }
    this.#staged = staged;
    this.current = arrangement;
    return staged;
  }

  /**
   * Starts what was prepared. `inputs`: staging, or buffers instead of it, by input; the same arrays again cost nothing. `timed`: with the events that `clock`
   * needs, in a CUDA graph of its own.
   *
   * @throws what the addon throws; the slot is still the caller's then
   */
  start(
    run: GatheredRun,
    inputs: readonly NativeInput[],
    targets: readonly NativeOutputTarget[],
    timed: boolean,
  ): void {
    const executor = this.#executor;
    this.starts++;
    this.steady = timed === this.timed || this.clock === undefined;
    if (!this.steady) {
      executor.setTimed(this.index, timed);
      this.timed = timed;
    }
    if (!(this.#staged as Staged).pinned) executor.submit(this.index, inputs, targets);
    else {
      if (this.#boundInputs !== inputs || this.#boundTargets !== targets) {
        this.#boundInputs = this.#boundTargets = undefined;
        executor.bind(this.index, inputs, targets);
        this.#boundInputs = inputs;
        this.#boundTargets = targets;
      }
      executor.start(this.index);
    }
    this.run = run;
  }

  /** After a run: the dimensions of all outputs, also where they depend on the data. */
  outputShapes(): readonly (readonly number[])[] {
    return this.#executor.outputShapes(this.index);
  }

  /** After a run: copies an output that went to the host into new memory. */
  read(output: number, shape: readonly number[]): TensorData {
    const { info } = this.#table.outputs[output] as IoTable['outputs'][number];
    const data = new info.array(arrayLength(info, volume(shape)));
    if (data.length > 0) this.#executor.readOutput(this.index, output, data);
    return data;
  }

  /** After a run: the buffer of an output whose target was 'device'. */
  takeDeviceOutput(output: number): ReturnType<NativeExecutor['takeDeviceOutput']> {
    return this.#executor.takeDeviceOutput(this.index, output);
  }

  /** After a failure: nothing is known of the slot any more. */
  forget(): void {
    this.current = this.#staged = this.#boundInputs = this.#boundTargets = undefined;
  }

  #stage(arrangement: Arrangement, outputShapes: readonly (readonly number[])[]): Staged {
    const { inputs, outputs } = this.#table;
    const memory = this.#executor.staging(this.index);
    const inputViews = inputs.map(({ info, onHost }, index) => {
      const length = onHost ? 0 : arrayLength(info, volume(arrangement.shapes[index] ?? []));
      if (memory === undefined) return new info.array(length);
      return new info.array(memory.inputs, onHost ? 0 : (memory.inputOffsets[index] ?? 0), length);
    });
    return {
      inputs: inputViews,
      inputBytes: inputViews.map(
        (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
      ),
      bindings: inputViews.map((view, index) => (inputs[index]?.onHost === true ? null : view)),
      outputs: outputs.map(({ info }, index) => {
        const shape = outputShapes[index] ?? [];
        if (memory === undefined || shape.some((extent) => extent < 0)) return undefined;
        const length = arrayLength(info, volume(shape));
        return new info.array(memory.outputs, memory.outputOffsets[index] ?? 0, length);
      }),
      outputShapes,
      pinned: memory !== undefined,
    };
  }
}

/** The slot got other memory since. */
function isDetached({ inputs, outputs, pinned }: Staged): boolean {
  if (!pinned) return false;
  const gone = (view: TensorData | undefined): boolean => view?.buffer.byteLength === 0;
  return inputs.some(gone) || outputs.some(gone);
}

/** How many slots a device gets, and to which of the owner's groups they belong. */
export interface SlotGroup {
  readonly device: number;
  readonly group: number;
  readonly count: number;
}

/** How the slots execute. As {@link NativeExecutorOptions}. */
export interface GatheredOptions {
  readonly priority: number;
  readonly profile: number;
  readonly cudaGraph: number;
  readonly maxCudaGraphs: number;
  readonly allocationStrategy: number;
  readonly completion: number;
  readonly timing: boolean;
}

interface Lane {
  readonly opened: OpenedEngine;
  readonly executor: NativeExecutor;
  readonly slots: readonly GatheredSlot[];
  lost: DeviceLostError | undefined;
}

/** The slots of a plan on one or several devices. Owns the engines. */
export class GatheredSession {
  readonly table: IoTable;
  readonly #lanes: Lane[] = [];
  readonly #free: GatheredSlot[] = [];
  readonly #codes: number[] = [];
  #running = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  /** Called when slots have become free, once for all that ended together. */
  onFree: (() => void) | undefined;

  private constructor(table: IoTable) {
    this.table = table;
  }

  /** Makes the slots of engines that are open. They are the session's from then on; when it rejects, still the caller's. */
  static async make(
    platform: NativePlatform,
    engines: readonly OpenedEngine[],
    groups: readonly SlotGroup[],
    options: GatheredOptions,
  ): Promise<GatheredSession> {
    const devices = engines.map(({ device }) => device);
    const { info } = (engines[0] as OpenedEngine).engine;
    const session = new GatheredSession(ioTable(platform, devices, info));
    const groupsOf = (lane: number): SlotGroup[] =>
      groups.filter(({ device }) => device === devices[lane]);
    const parts = await makeExecutors(engines, (lane) => ({
      ...options,
      slots: groupsOf(lane).reduce((sum, { count }) => sum + count, 0),
      activations: undefined,
      onComplete: (count) => {
        session.#onComplete(lane, count);
      },
    }));
    parts.forEach(({ executor, device }, lane) => {
      const clock = options.timing ? new RunClock(executor, device, () => undefined) : undefined;
      const slots = groupsOf(lane)
        .flatMap(({ group, count }) => new Array<number>(count).fill(group))
        .map(
          (group, slot) => new GatheredSlot(session.table, executor, device, group, slot, clock),
        );
      const opened = engines[lane] as OpenedEngine;
      session.#lanes.push({ opened, executor, slots, lost: undefined });
    });
    // Devices in turn, so that the first batches spread over them.
    const most = Math.max(...session.#lanes.map(({ slots }) => slots.length));
    for (let slot = most - 1; slot >= 0; slot--) {
      for (const { slots } of session.#lanes.toReversed()) {
        const one = slots[slot];
        if (one !== undefined) session.#free.push(one);
      }
    }
    return session;
  }

  /** Slots that are free now. */
  get free(): number {
    return this.#free.length;
  }

  /** Slots that were taken. */
  get busy(): number {
    return this.#running;
  }

  /** Number of devices. */
  get devices(): number {
    return this.#lanes.length;
  }

  /** All slots. */
  get slots(): readonly GatheredSlot[] {
    return this.#lanes.flatMap(({ slots }) => slots);
  }

  /** Why nothing can run any more: all devices are lost. */
  get lost(): DeviceLostError | undefined {
    let lost: DeviceLostError | undefined;
    for (const lane of this.#lanes) {
      if (lane.lost === undefined) return undefined;
      lost = lane.lost;
    }
    return lost;
  }

  /**
   * A free slot, best one that is in `arrangement` already; the caller starts a run on it, or gives it back.
   *
   * @param group - Of which group; undefined: any.
   * @param device - On which device; undefined: any.
   */
  take(
    arrangement: Arrangement | undefined,
    group: number | undefined,
    device: number | undefined,
  ): GatheredSlot | undefined {
    const free = this.#free;
    let found = -1;
    for (let index = free.length - 1; index >= 0; index--) {
      const slot = free[index] as GatheredSlot;
      if (group !== undefined && slot.group !== group) continue;
      if (device !== undefined && slot.device !== device) continue;
      if (found < 0) found = index;
      if (slot.current !== arrangement) continue;
      found = index;
      break;
    }
    return found < 0 ? undefined : this.#takeAt(found);
  }

  /** Just this slot, if it is free. */
  takeSlot(slot: GatheredSlot): boolean {
    const index = this.#free.indexOf(slot);
    if (index >= 0) this.#takeAt(index);
    return index >= 0;
  }

  #takeAt(found: number): GatheredSlot {
    const free = this.#free;
    const slot = free[found] as GatheredSlot;
    // Shorter than splice, which makes an array.
    for (let index = found + 1; index < free.length; index++) {
      free[index - 1] = free[index] as GatheredSlot;
    }
    free.pop();
    this.#running++;
    return slot;
  }

  /** The slot that was taken is free again, without a run or after one that did not start. */
  giveBack(slot: GatheredSlot, error?: unknown): void {
    this.#running--;
    this.#settle(slot, error);
    if (this.#running === 0) this.#onIdle?.();
  }

  /** Bytes that the slots hold, weights left out. */
  memory(): { deviceBytes: number; pinnedBytes: number; hostBytes: number } {
    const sum = { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
    if (this.#closing !== undefined) return sum;
    for (const { executor } of this.#lanes) {
      const memory = executor.memory();
      sum.deviceBytes += memory.deviceBytes + memory.activationBytes;
      sum.pinnedBytes += memory.pinnedBytes;
      sum.hostBytes += memory.hostBytes;
    }
    return sum;
  }

  /** CUDA graphs and launches, of all devices. */
  stats(): ReturnType<NativeExecutor['stats']>[] {
    return this.#closing === undefined ? this.#lanes.map(({ executor }) => executor.stats()) : [];
  }

  /** Waits for the runs, and frees everything. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await Promise.all(
      this.#lanes.map(async ({ executor, opened }) => {
        await executor.close();
        closeEngine(opened);
      }),
    );
  }

  #settle(slot: GatheredSlot, error: unknown): void {
    if (error !== undefined) {
      slot.forget();
      if (error instanceof DeviceLostError) this.#lose(slot.device, error);
    }
    // A lost device's slots stay while no other is left, so that requests get to know what is the matter.
    const lane = this.#lanes.find(({ opened }) => opened.device === slot.device);
    if (lane?.lost === undefined || this.lost !== undefined) this.#free.push(slot);
  }

  #lose(device: number, error: DeviceLostError): void {
    for (const lane of this.#lanes) if (lane.opened.device === device) lane.lost ??= error;
    if (this.lost !== undefined) return;
    for (let index = this.#free.length - 1; index >= 0; index--) {
      if (this.#free[index]?.device === device) this.#free.splice(index, 1);
    }
  }

  #onComplete(laneIndex: number, count: number): void {
    const { executor, slots } = this.#lanes[laneIndex] as Lane;
    const { ended } = executor;
    // Copied, as what is started from here on may end before the loop does.
    const codes = this.#codes;
    for (let index = 0; index < count; index++) codes[index] = ended[index] as number;
    for (let index = 0; index < count; index++) {
      const code = codes[index] as number;
      const slot = slots[code >= 0 ? code : ~code] as GatheredSlot;
      const error = code >= 0 ? undefined : executor.takeError(~code);
      const run = slot.run as GatheredRun;
      slot.run = undefined;
      this.#running--;
      run.ended(slot, error);
      this.#settle(slot, error);
    }
    this.onFree?.();
    if (this.#running === 0) this.#onIdle?.();
  }
}
