// Dispatcher: which run gets which slot, on which device, and what becomes of it.

import { BusyError, ClosedError, DeviceLostError, asError } from '../errors.js';
import { snapshot } from './feeds.js';
import type { Lane } from './lane.js';
import { anyDevice } from './place.js';
import { Queue } from './queue.js';
import type { ResolvedRun } from './resolved-run.js';
import { Run, type RunResult } from './run.js';
import type { Slot } from './slots.js';

/** Runs without a promise each: they are taken one by one, whenever a slot is free. */
export interface RunSource {
  /** Starts its next run on `slot`; false: it has none left, or failed. */
  next(slot: Slot): boolean;
  /** The run that it started on `slot` has ended. */
  ended(slot: Slot, error: Error | undefined): void;
}

/**
 * What the addon's callbacks hold of a dispatcher: strongly while a run is on a slot, weakly otherwise, so that a session that is forgotten can be collected.
 */
export interface DispatcherHolder {
  strong: Dispatcher | undefined;
  weak: WeakRef<Dispatcher> | undefined;
}

/** The slots of one executor or, with several devices, of one each; the runs on them, and those that wait. */
export class Dispatcher {
  readonly #lanes: readonly Lane[];
  /** The first; of most sessions the only one. */
  readonly #lane: Lane;
  readonly #single: boolean;
  /** Among lanes with as much to do, the one after this gets the next run. */
  #turn = 0;
  readonly #holder: DispatcherHolder;
  readonly #maxQueued: number;
  readonly #codes: number[] = [];
  /** Runs for any device; the others wait at their lanes. */
  readonly #queue = new Queue<Run>();
  #order = 0;
  readonly #sources: RunSource[] = [];
  #onIdle: (() => void) | undefined;
  /** Slots that get no run for now; see {@link exclusively}. undefined: none is held back. */
  #parked: Slot[] | undefined;
  #onParked: (() => void) | undefined;
  #exclusive: Promise<void> = Promise.resolve();
  running = 0;
  abandoned = 0;

  constructor(lanes: readonly Lane[], holder: DispatcherHolder, maxQueued: number) {
    this.#lanes = lanes;
    this.#lane = lanes[0] as Lane;
    this.#single = lanes.length === 1;
    this.#holder = holder;
    holder.weak = new WeakRef(this);
    this.#maxQueued = maxQueued;
  }

  get queued(): number {
    return this.#lanes.reduce((sum, { waiting }) => sum + waiting.size, this.#queue.size);
  }

  /** Starts a run, or lets it wait. What is needed later is copied. `patient`: `maxQueued` does not count. */
  run(resolved: ResolvedRun, patient = false): Run {
    const run = new Run(resolved.outputs, this.now());
    const slot = this.#take(resolved.device);
    if (slot !== undefined) {
      if (!this.#start(slot, run, resolved)) this.#next(slot);
    } else if (!patient && this.queued >= this.#maxQueued) {
      run.reject(
        new BusyError(
          'ERR_TRT_BUSY',
          `run: expected at most ${this.#maxQueued} waiting runs, and as many wait`,
          'Try again later, raise `maxQueued`, or raise `instances`.',
        ),
      );
    } else {
      run.waiting = { ...resolved, feeds: snapshot(resolved.feeds), version: 0 };
      run.order = ++this.#order;
      (resolved.device === anyDevice ? this.#queue : this.#laneOf(resolved.device).waiting).push(
        run,
      );
    }
    return run;
  }

  /** Runs and waits. */
  runSync(resolved: ResolvedRun): RunResult {
    const called = this.now();
    const slot = this.#take(resolved.device);
    if (slot === undefined) {
      const busy =
        this.#lane.slots.length * (resolved.device === anyDevice ? this.#lanes.length : 1);
      throw new BusyError(
        'ERR_TRT_BUSY',
        this.#parked === undefined
          ? `runSync: expected a free slot, but all ${busy} are running asynchronous inferences`
          : 'runSync: expected a free slot, but the session is being refitted',
        'Await them first, raise `instances`, or use run().',
      );
    }
    try {
      slot.start(resolved, true);
      const result = slot.collect(resolved.outputs);
      slot.lane.completed++;
      slot.lane.clock?.report(slot.index, called);
      return result;
    } catch (error) {
      this.failed(slot, error);
      throw error;
    } finally {
      // onTiming may have called run(), which waits for this very slot.
      this.#next(slot);
    }
  }

  /** Lets `source` have the slots that are free now, and those that become free. */
  add(source: RunSource): void {
    this.#sources.push(source);
    for (let slot = this.#take(anyDevice); slot !== undefined; slot = this.#take(anyDevice)) {
      if (this.#next(slot)) continue;
      return;
    }
  }

  /** Takes `source` from those that get slots. */
  remove(source: RunSource): void {
    const index = this.#sources.indexOf(source);
    if (index >= 0) this.#sources.splice(index, 1);
  }

  /**
   * Does `work` while nothing runs: waits for what is on the slots, and lets new runs wait until it is done. One at a time, in order. What is known of the
   * contexts and their graphs is dropped before.
   */
  exclusively(work: () => Promise<void>): Promise<void> {
    const turn = this.#exclusive.then(() => this.#alone(work));
    this.#exclusive = turn.catch(() => undefined);
    return turn;
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    const parked = this.#lanes.flatMap(({ free }) => free.splice(0));
    this.#parked = parked;
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.#onParked = resolve;
      });
    }
    try {
      for (const lane of this.#lanes) {
        if (lane.lost === undefined) lane.executor.forget();
        for (const slot of lane.slots) slot.forget();
      }
      await work();
    } finally {
      this.#parked = undefined;
      for (const slot of parked) this.#next(slot);
    }
  }

  /** When a run is called, for its times; 0 where nobody asks. */
  now(): number {
    return this.#lane.clock?.now() ?? 0;
  }

  /** `source` has a run on `slot` from now on. */
  began(source: Run | RunSource, slot: Slot): void {
    slot.running = source;
    slot.lane.running++;
    if (this.running++ === 0) this.#holder.strong = this;
  }

  /** The run on `slot` failed: nothing is known of the slot any more, and of a lost device none is used. */
  failed(slot: Slot, error: unknown): void {
    const { lane } = slot;
    lane.failed++;
    slot.forget();
    if (!(error instanceof DeviceLostError) || lane.lost !== undefined) return;
    lane.lost = error;
    // The last one stays, so that each run gets to know what is the matter.
    if (!this.#lanes.some((other) => other.lost === undefined)) return;
    lane.out = true;
    lane.free.length = 0;
    for (let run = lane.waiting.shift(); run !== undefined; run = lane.waiting.shift()) {
      run.reject(lostError(lane));
    }
  }

  /** The caller gave the run up. */
  readonly abandon = (run: Run): void => {
    this.abandoned++;
    this.withdraw(run);
  };

  /** Takes the run from those that wait. */
  withdraw(run: Run): void {
    if (this.#queue.delete(run)) return;
    for (const { waiting } of this.#lanes) waiting.delete(run);
  }

  /** For the addon: `count` runs have ended on a lane. */
  onComplete(laneIndex: number, count: number): void {
    const lane = this.#lanes[laneIndex] as Lane;
    const { executor, slots } = lane;
    const { ended } = executor;
    // Copied, as what is started from here on may end before the loop does.
    const codes = this.#codes;
    for (let index = 0; index < count; index++) codes[index] = ended[index] as number;
    for (let index = 0; index < count; index++) {
      const code = codes[index] as number;
      if (code >= 0) this.#ended(slots[code] as Slot, undefined);
      else this.#ended(slots[~code] as Slot, executor.takeError(~code));
    }
    // Backwards: callers that go on in the order of their promises take the slots back in this order, each the one that it had,
    // which is bound to its memory already.
    for (let index = count - 1; index >= 0; index--) {
      const code = codes[index] as number;
      this.#next(slots[code >= 0 ? code : ~code] as Slot);
    }
    if (this.running > 0) return;
    this.#holder.strong = undefined;
    this.#onParked?.();
    this.#onParked = undefined;
    this.#onIdle?.();
  }

  #ended(slot: Slot, error: Error | undefined): void {
    const run = slot.running;
    slot.running = undefined;
    slot.lane.running--;
    this.running--;
    if (error !== undefined) this.failed(slot, error);
    if (run instanceof Run) this.#finish(run, slot, error);
    else run?.ended(slot, error);
  }

  /** Rejects the calls of `run` that wait for a slot. */
  rejectWaiting(reason: () => Error): void {
    for (const queue of [this.#queue, ...this.#lanes.map(({ waiting }) => waiting)]) {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) run.reject(reason());
    }
  }

  /** Rejects what waits and waits for what runs; then frees everything. Nothing may be started any more. */
  async close(): Promise<void> {
    this.rejectWaiting(closedError);
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#exclusive;
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #laneOf(device: number): Lane {
    return this.#lanes.find((lane) => lane.device === device) ?? this.#lane;
  }

  /** A free slot on the device, of any the one with least to do. @throws ERR_TRT_DEVICE_LOST when it is just that device, and it is lost */
  #take(device: number): Slot | undefined {
    if (this.#single) return this.#lane.free.pop();
    if (device !== anyDevice) {
      const lane = this.#laneOf(device);
      if (lane.out) throw lostError(lane);
      return lane.free.pop();
    }
    const lanes = this.#lanes;
    let best: Lane | undefined;
    let bestIndex = 0;
    for (let step = 1; step <= lanes.length; step++) {
      const index = (this.#turn + step) % lanes.length;
      const lane = lanes[index] as Lane;
      if (lane.free.length <= (best?.free.length ?? 0)) continue;
      best = lane;
      bestIndex = index;
    }
    if (best !== undefined) this.#turn = bestIndex;
    return best?.free.pop();
  }

  /** False when it failed and the slot is still at hand. */
  #start(slot: Slot, run: Run, resolved: ResolvedRun): boolean {
    try {
      slot.start(resolved, false);
      this.began(run, slot);
      return true;
    } catch (error) {
      this.failed(slot, error);
      run.reject(asError(error));
      return false;
    }
  }

  #finish(run: Run, slot: Slot, error: Error | undefined): void {
    if (run.settled) return;
    if (error !== undefined) {
      run.reject(error);
      return;
    }
    let result: RunResult;
    try {
      result = slot.collect(run.outputs);
    } catch (failure) {
      slot.lane.failed++;
      run.reject(asError(failure));
      return;
    }
    slot.lane.completed++;
    slot.lane.clock?.report(slot.index, run.called);
    run.resolve(result);
  }

  /** The oldest run that waits for this lane or for any. */
  #waiting(lane: Lane): Run | undefined {
    const own = lane.waiting.first;
    if (own === undefined) return this.#queue.shift();
    const any = this.#queue.first;
    return any === undefined || own.order < any.order ? lane.waiting.shift() : this.#queue.shift();
  }

  /** The slot takes the oldest waiting run that can start, or one of a source; false: it becomes free. */
  #next(slot: Slot): boolean {
    if (this.#parked !== undefined) {
      this.#parked.push(slot);
      return true;
    }
    const { lane } = slot;
    for (;;) {
      for (;;) {
        if (lane.out) return this.#passOn();
        const run = this.#waiting(lane);
        if (run === undefined) break;
        if (this.#start(slot, run, run.waiting as ResolvedRun)) return true;
      }
      const source = this.#sources[0];
      if (source === undefined) break;
      if (source.next(slot)) return true;
      // What it read (a getter) may have called run(): so once more.
      this.remove(source);
    }
    lane.free.push(slot);
    return false;
  }

  /** A lane went out of service: what its slots would have taken goes to those of others that are free. */
  #passOn(): boolean {
    while (this.#queue.size > 0 || this.#sources.length > 0) {
      const slot = this.#take(anyDevice);
      if (slot === undefined || !this.#next(slot)) break;
    }
    return false;
  }
}

function lostError(lane: Lane): DeviceLostError {
  const { code, reason } = lane.lost as DeviceLostError;
  return new DeviceLostError(
    code,
    `device ${lane.device} was lost: ${reason}`,
    `Give tensors on another device: runs without tensors on device ${lane.device} go on. Restart the process to get it back.`,
    { cause: lane.lost },
  );
}

function closedError(): ClosedError {
  return new ClosedError(
    'ERR_TRT_CLOSED',
    'run: expected a free slot, but the session was closed while this run waited for one',
    'Await all runs before close(), or load the plan again.',
  );
}
