// RunClock: tells when a run was where, on the clock of performance.now().

import { asError } from '../errors.js';
import type { NativeExecutor } from '../native.js';
import type { RunTiming } from './types.js';

/** performance.now() minus the monotonic clock that the addon reads, in milliseconds: by the closest of some looks at both, as the first is 30 µs off. */
const clockOffset = ((): number => {
  let offset = 0;
  let closest = Infinity;
  for (let look = 0; look < 50; look++) {
    const before = performance.now();
    const monotonic = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    if (after - before >= closest) continue;
    closest = after - before;
    offset = (before + after) / 2 - monotonic;
  }
  return offset;
})();

/** For one executor. */
export class RunClock {
  readonly #executor: NativeExecutor;
  readonly #device: number;
  readonly #onTiming: (timing: RunTiming) => void;
  readonly #times = new Float64Array(7);

  constructor(executor: NativeExecutor, device: number, onTiming: (timing: RunTiming) => void) {
    this.#executor = executor;
    this.#device = device;
    this.#onTiming = onTiming;
  }

  now(): number {
    return performance.now();
  }

  /** When the last run of `slot` was where, as {@link NativeExecutor.timing}, on the clock of performance.now(). Good until the next call. @throws what the addon throws */
  times(slot: number): Float64Array {
    const times = this.#times;
    this.#executor.timing(slot, times);
    for (let index = 0; index < times.length; index++) {
      times[index] = (times[index] as number) + clockOffset;
    }
    return times;
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
      device: this.#device,
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
