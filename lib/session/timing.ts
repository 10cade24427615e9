// RunClock: tells when a run was where, on the clock of performance.now().

import { asError } from '../errors.js';
import type { NativeExecutor } from '../native.js';
import type { RunTiming } from './types.js';

/** performance.now() minus the monotonic clock that the addon reads, in milliseconds. */
const clockOffset = findClockOffset();

/** Of some tries the quickest: first calls of functions take longer than runs do. */
function findClockOffset(): number {
  let offset = 0;
  let shortest = Infinity;
  for (let round = 0; round < 20; round++) {
    const before = process.hrtime.bigint();
    const now = performance.now();
    const after = process.hrtime.bigint();
    const took = Number(after - before);
    if (took >= shortest) continue;
    shortest = took;
    offset = now - (Number(before) + took / 2) / 1e6;
  }
  return offset;
}

/** For one executor. */
export class RunClock {
  readonly #executor: NativeExecutor;
  readonly #onTiming: (timing: RunTiming) => void;
  readonly #times = new Float64Array(7);

  constructor(executor: NativeExecutor, onTiming: (timing: RunTiming) => void) {
    this.#executor = executor;
    this.#onTiming = onTiming;
  }

  now(): number {
    return performance.now();
  }

  /** Of the run that `slot` has just completed, and that was called at `called`. Never throws: the run is not to blame. */
  report(slot: number, called: number): void {
    const times = this.#times;
    try {
      this.#executor.timing(slot, times);
    } catch (error) {
      process.emitWarning(`trt-node: the times of a run cannot be read: ${asError(error).message}`);
      return;
    }
    const after = (index: number): number => (times[index] as number) + clockOffset - called;
    const timing: RunTiming = {
      submit: after(0),
      launched: after(1),
      h2dStart: after(2),
      computeStart: after(3),
      computeEnd: after(4),
      d2hEnd: after(5),
      completed: after(6),
      settled: performance.now() - called,
    };
    try {
      this.#onTiming(timing);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
