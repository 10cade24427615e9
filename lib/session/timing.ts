// RunClock: tells when a run was where, on the clock of performance.now().

import type { NativeExecutor } from '../native.js';
import type { RunTiming } from './types.js';

/** performance.now() minus the monotonic clock that the addon reads, in milliseconds. */
const clockOffset = performance.now() - Number(process.hrtime.bigint()) / 1e6;

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

  /** Of the run that `slot` has just completed, and that was called at `called`. */
  report(slot: number, called: number): void {
    const times = this.#times;
    this.#executor.timing(slot, times);
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
    this.#onTiming(timing);
  }
}
