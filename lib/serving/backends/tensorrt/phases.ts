// PhaseSampler: which batches are timed by the GPU, and what part of a batch was where.

import type { GatheredSlot } from '../../../session/gathered.js';
import type { BatchTiming } from '../../model/backend.js';

/** Milliseconds from which on each batch is timed: the events of one cost some 15 µs of latency (docs/verification.md). */
const longMs = 1;
/**
 * Of shorter batches one in so many on each slot. It and its neighbours take longer, as the slot changes to another CUDA graph and back: together far fewer
 * than one in a hundred, so that the 99th percentile does not see them.
 */
const sampleEvery = 1024;
/** So many on each slot are timed after the model was loaded, so that its figures are there at once. */
const firstTimed = 64;
/** How much a batch counts in the average. */
const weight = 1 / 16;

/** Of one backend. @internal */
export class PhaseSampler {
  #meanMs = 0;
  /** Parts of the last timed batch's time: until it computed, and until it had. */
  #inputShare = 0;
  #inferShare = 1;

  /** Whether the next batch on `slot` is to be timed: of two in a row the second counts. */
  wanted(slot: GatheredSlot): boolean {
    const { starts } = slot;
    return this.#meanMs >= longMs || starts < firstTimed || starts % sampleEvery < 2;
  }

  /** When the batch that `slot` has completed was where; of one that was not timed, in the proportions of the last that was. */
  of(slot: GatheredSlot, start: number): BatchTiming {
    const end = performance.now();
    const ms = end - start;
    this.#meanMs += (ms - this.#meanMs) * weight;
    const { clock } = slot;
    if (clock === undefined || !slot.timed || !slot.steady) {
      const computeStart = start + ms * this.#inputShare;
      return { start, computeStart, computeEnd: computeStart + ms * this.#inferShare, end };
    }
    const [, , h2dStart = 0, computeStart = 0, computeEnd = 0, d2hEnd = 0] = clock.times(
      slot.index,
    );
    if (ms > 0) {
      this.#inputShare = Math.min(1, Math.max(0, computeStart - start) / ms);
      this.#inferShare = Math.min(1 - this.#inputShare, (computeEnd - computeStart) / ms);
    }
    return {
      start,
      computeStart,
      computeEnd,
      end,
      phases: {
        h2d: computeStart - h2dStart,
        compute: computeEnd - computeStart,
        d2h: d2hEnd - computeEnd,
        wakeup: Math.max(0, end - d2hEnd),
      },
    };
  }
}
