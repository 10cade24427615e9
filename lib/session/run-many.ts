// RunMany: one call of Session.runMany: many runs, one promise.

import { asError, describe, invalidArgument } from '../errors.js';
import type { Dispatcher, RunSource } from './dispatcher.js';
import type { OutputPlan } from './outputs.js';
import type { ResolvedRun } from './resolved-run.js';
import { anyDevice } from './place.js';
import { type Run, type RunResult, abortedError, deadlineError } from './run.js';
import type { Slot } from './slots.js';
import type { OutputTargets } from './types.js';

/** Checks the feeds of run `index` and chooses its profile and outputs. */
export type ResolveRun = (index: number) => ResolvedRun;

/**
 * The `outputs` option of runMany: the targets of each run, or undefined where it is one list of names for all.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT
 */
export function targetsOfEach(outputs: unknown, count: number): OutputTargets[] | undefined {
  if (outputs === undefined) return undefined;
  if (!Array.isArray(outputs)) {
    throw invalidArgument(
      `runMany: expected outputs as names, or an array with the targets of each run, got ${describe(outputs)}`,
      'Two runs cannot write to the same memory: give targets for each.',
    );
  }
  if (outputs.length === 0 || typeof outputs[0] === 'string') return undefined;
  if (outputs.length === count) return outputs as OutputTargets[];
  throw invalidArgument(
    `runMany: expected the targets of ${count} runs, got ${outputs.length}`,
    'Give one object of targets for each element of the first argument.',
  );
}

/** The runs of one call. Each is resolved when it gets a slot; the first failure ends the call, and starts no more. */
export class RunMany implements RunSource {
  readonly #dispatcher: Dispatcher;
  readonly #resolveRun: ResolveRun;
  readonly #results: RunResult[];
  /** By slot: which run is on it, and its outputs. */
  readonly #on: { index: number; outputs: OutputPlan }[] = [];
  /** Runs whose tensors lie on another device than the slot's that was free: they wait for theirs by themselves. */
  readonly #elsewhere = new Set<Run>();
  readonly promise: Promise<RunResult[]>;
  #resolve!: (results: RunResult[]) => void;
  #reject!: (error: Error) => void;
  readonly #called: number;
  #started = 0;
  #ended = 0;
  settled = false;

  constructor(dispatcher: Dispatcher, count: number, resolveRun: ResolveRun) {
    this.#dispatcher = dispatcher;
    this.#resolveRun = resolveRun;
    this.#called = dispatcher.now();
    this.#results = new Array<RunResult>(count);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (count === 0) {
      this.settled = true;
      this.#resolve([]);
    } else dispatcher.add(this);
  }

  next(slot: Slot): boolean {
    while (!this.settled && this.#started < this.#results.length) {
      const index = this.#started++;
      try {
        const run = this.#resolveRun(index);
        if (run.device === anyDevice || run.device === slot.lane.device) {
          return this.#start(slot, index, run);
        }
        this.#startElsewhere(index, run);
      } catch (error) {
        this.reject(asError(error));
      }
    }
    return false;
  }

  #startElsewhere(index: number, resolved: ResolvedRun): void {
    const run = this.#dispatcher.run(resolved, true);
    this.#elsewhere.add(run);
    run.promise.then(
      (result) => {
        this.#elsewhere.delete(run);
        this.#ended++;
        this.#keep(index, result);
      },
      (error: unknown) => {
        this.#elsewhere.delete(run);
        this.reject(asError(error));
      },
    );
  }

  #start(slot: Slot, index: number, run: ResolvedRun): boolean {
    const { outputs } = run;
    try {
      slot.start(run, false);
      const on = (this.#on[slot.id] ??= { index, outputs });
      on.index = index;
      on.outputs = outputs;
      this.#dispatcher.began(this, slot);
      return true;
    } catch (error) {
      this.#dispatcher.failed(slot, error);
      this.reject(asError(error));
      return false;
    }
  }

  ended(slot: Slot, error: Error | undefined): void {
    this.#ended++;
    if (this.settled) return;
    if (error !== undefined) {
      this.reject(error);
      return;
    }
    const on = this.#on[slot.id];
    if (on === undefined) return;
    let result: RunResult;
    try {
      result = slot.collect(on.outputs);
    } catch (failure) {
      slot.lane.failed++;
      this.reject(asError(failure));
      return;
    }
    slot.lane.completed++;
    slot.lane.clock?.report(slot.index, this.#called);
    this.#keep(on.index, result);
  }

  #keep(index: number, result: RunResult): void {
    if (this.settled) return;
    this.#results[index] = result;
    if (this.#ended < this.#results.length) return;
    this.settled = true;
    this.#resolve(this.#results);
  }

  /** Rejects when the signal aborts or the deadline passes. */
  watch(signal: AbortSignal | undefined, deadlineMs: number | undefined): void {
    const onAbort = (): void => {
      this.reject(abortedError('runMany', signal as AbortSignal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => {
            this.reject(deadlineError(deadlineMs));
          }, deadlineMs);
    const unwatch = (): void => {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
    this.promise.then(unwatch, unwatch);
  }

  /** Starts no more runs; those on a slot end unheard. Nothing happens once it is settled. */
  reject(error: Error): void {
    if (this.settled) return;
    this.settled = true;
    this.#dispatcher.remove(this);
    for (const run of this.#elsewhere) this.#dispatcher.withdraw(run);
    this.#reject(error);
  }
}
