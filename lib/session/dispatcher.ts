// Dispatcher: which run gets which slot, and what becomes of it.

import { BusyError, ClosedError, asError } from '../errors.js';
import type { NativeExecutor } from '../native.js';
import { snapshot } from './feeds.js';
import type { IoTable } from './io-table.js';
import { Queue } from './queue.js';
import type { ResolvedRun } from './resolved-run.js';
import { Run, type RunResult } from './run.js';
import { Slot } from './slots.js';
import { RunClock } from './timing.js';
import type { RunTiming } from './types.js';

/** Runs without a promise each: they are taken one by one, whenever a slot is free. */
export interface RunSource {
  /** Starts its next run on `slot`; false: it has none left, or failed. */
  next(slot: Slot): boolean;
  /** The run that it started on `slot` has ended. */
  ended(slot: Slot, error: Error | undefined): void;
}

type Settle = Run | RunSource;

/**
 * What the addon's callback holds of a dispatcher: strongly while a run is on a slot, weakly otherwise, so that a session that is forgotten can be collected.
 */
export interface DispatcherHolder {
  strong: Dispatcher | undefined;
  weak: WeakRef<Dispatcher> | undefined;
}

/** The slots of one executor, the runs on them, and those that wait. */
export class Dispatcher {
  readonly #executor: NativeExecutor;
  readonly #holder: DispatcherHolder;
  readonly #maxQueued: number;
  readonly #clock: RunClock | undefined;
  readonly #slots: Slot[] = [];
  readonly #codes: number[] = [];
  /** Indices; the one used last is taken first, as it is likely prepared for the same shapes. */
  readonly #free: number[] = [];
  readonly #running: (Settle | undefined)[] = [];
  readonly #queue = new Queue<Run>();
  readonly #sources: RunSource[] = [];
  #onIdle: (() => void) | undefined;
  /** Indices of slots that get no run for now; see {@link exclusively}. undefined: none is held back. */
  #parked: number[] | undefined;
  #onParked: (() => void) | undefined;
  #exclusive: Promise<void> = Promise.resolve();
  running = 0;
  completed = 0;
  failed = 0;
  abandoned = 0;

  constructor(
    table: IoTable,
    executor: NativeExecutor,
    holder: DispatcherHolder,
    maxQueued: number,
    onTiming: ((timing: RunTiming) => void) | undefined,
  ) {
    this.#executor = executor;
    this.#holder = holder;
    holder.weak = new WeakRef(this);
    this.#maxQueued = maxQueued;
    this.#clock = onTiming && new RunClock(executor, onTiming);
    for (let slot = executor.slots - 1; slot >= 0; slot--) {
      this.#slots[slot] = new Slot(table, executor, slot);
      this.#free.push(slot);
    }
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Starts a run, or lets it wait. What is needed later is copied. */
  run(resolved: ResolvedRun): Run {
    const run = new Run(resolved.outputs, this.now());
    const slot = this.#free.pop();
    if (slot !== undefined) {
      if (!this.#start(this.#slot(slot), run, resolved)) this.#next(slot);
    } else if (this.#queue.size >= this.#maxQueued) {
      run.reject(
        new BusyError(
          'ERR_TRT_BUSY',
          `run: expected at most ${this.#maxQueued} waiting runs, and as many wait`,
          'Try again later, raise `maxQueued`, or raise `instances`.',
        ),
      );
    } else {
      run.waiting = { ...resolved, feeds: snapshot(resolved.feeds), version: 0 };
      this.#queue.push(run);
    }
    return run;
  }

  /** Runs and waits. */
  runSync(resolved: ResolvedRun): RunResult {
    const called = this.now();
    const index = this.#free.pop();
    if (index === undefined) {
      throw new BusyError(
        'ERR_TRT_BUSY',
        this.#parked === undefined
          ? `runSync: expected a free slot, but all ${this.#slots.length} are running asynchronous inferences`
          : 'runSync: expected a free slot, but the session is being refitted',
        'Await them first, raise `instances`, or use run().',
      );
    }
    const slot = this.#slot(index);
    try {
      slot.start(resolved, true);
      const result = slot.collect(resolved.outputs);
      this.completed++;
      this.#clock?.report(index, called);
      return result;
    } catch (error) {
      this.failed++;
      slot.forget();
      throw error;
    } finally {
      // onTiming may have called run(), which waits for this very slot.
      this.#next(index);
    }
  }

  /** Lets `source` have the slots that are free now, and those that become free. */
  add(source: RunSource): void {
    this.#sources.push(source);
    for (let slot = this.#free.pop(); slot !== undefined; slot = this.#free.pop()) {
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
    const parked = this.#free.splice(0);
    this.#parked = parked;
    if (parked.length < this.#slots.length) {
      await new Promise<void>((resolve) => {
        this.#onParked = resolve;
      });
    }
    try {
      this.#executor.forget();
      for (const slot of this.#slots) slot.forget();
      await work();
    } finally {
      this.#parked = undefined;
      for (const index of parked) this.#next(index);
    }
  }

  /** For {@link report}. */
  now(): number {
    return this.#clock?.now() ?? 0;
  }

  /** The run that `slot` has completed, and whose outputs are at hand, tells its times, if anybody listens. */
  report(slot: Slot, called: number): void {
    this.#clock?.report(slot.index, called);
  }

  /** `source` has a run on `slot` from now on. */
  began(source: Settle, slot: Slot): void {
    this.#running[slot.index] = source;
    if (this.running++ === 0) this.#holder.strong = this;
  }

  /** The caller gave the run up. */
  readonly abandon = (run: Run): void => {
    this.abandoned++;
    this.#queue.delete(run);
  };

  /** For the addon: `count` runs have ended. */
  onComplete(count: number): void {
    const { ended } = this.#executor;
    // Copied, as what is started from here on may end before the loop does.
    const codes = this.#codes;
    for (let index = 0; index < count; index++) codes[index] = ended[index] as number;
    for (let index = 0; index < count; index++) {
      const code = codes[index] as number;
      if (code >= 0) this.#ended(code, undefined);
      else this.#ended(~code, this.#executor.takeError(~code));
    }
    // Backwards: callers that go on in the order of their promises take the slots back in this order, each the one that it had,
    // which is bound to its memory already.
    for (let index = count - 1; index >= 0; index--) {
      const code = codes[index] as number;
      this.#next(code >= 0 ? code : ~code);
    }
    if (this.running > 0) return;
    this.#holder.strong = undefined;
    this.#onIdle?.();
  }

  #ended(index: number, error: Error | undefined): void {
    const slot = this.#slot(index);
    const run = this.#running[index];
    this.#running[index] = undefined;
    this.running--;
    if (error !== undefined) {
      this.failed++;
      slot.forget();
    }
    if (run instanceof Run) this.#finish(run, slot, error);
    else run?.ended(slot, error);
  }

  /** Rejects the calls of `run` that wait for a slot. */
  rejectWaiting(reason: () => Error): void {
    for (let run = this.#queue.shift(); run !== undefined; run = this.#queue.shift()) {
      run.reject(reason());
    }
  }

  /** Rejects what waits and waits for what runs; then frees everything. Nothing may be started any more. */
  async close(): Promise<void> {
    const closed = (): ClosedError =>
      new ClosedError(
        'ERR_TRT_CLOSED',
        'run: expected a free slot, but the session was closed while this run waited for one',
        'Await all runs before close(), or load the plan again.',
      );
    this.rejectWaiting(closed);
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#exclusive;
    await this.#executor.close();
  }

  #slot(index: number): Slot {
    return this.#slots[index] as Slot;
  }

  /** False when it failed and the slot is still at hand. */
  #start(slot: Slot, run: Run, resolved: ResolvedRun): boolean {
    try {
      slot.start(resolved, false);
      this.began(run, slot);
      return true;
    } catch (error) {
      this.failed++;
      slot.forget();
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
      this.failed++;
      run.reject(asError(failure));
      return;
    }
    this.completed++;
    this.#clock?.report(slot.index, run.called);
    run.resolve(result);
  }

  /** The slot takes the oldest waiting run that can start, or one of a source; false: it becomes free. */
  #next(index: number): boolean {
    if (this.#parked !== undefined) {
      if (this.#parked.push(index) === this.#slots.length) this.#onParked?.();
      return true;
    }
    const slot = this.#slot(index);
    for (;;) {
      for (let run = this.#queue.shift(); run !== undefined; run = this.#queue.shift()) {
        if (this.#start(slot, run, run.waiting as ResolvedRun)) return true;
      }
      const source = this.#sources[0];
      if (source === undefined) break;
      if (source.next(slot)) return true;
      // What it read (a getter) may have called run(): so once more.
      this.remove(source);
    }
    this.#free.push(index);
    return false;
  }
}
