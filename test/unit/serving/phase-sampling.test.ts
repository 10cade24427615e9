// Which batches the GPU times: a few of short ones, all of long ones; and how a batch is divided that was not timed.

import { describe, expect, test } from 'vitest';
import { PhaseSampler } from '../../../lib/serving/backends/tensorrt/phases.js';
import type { GatheredSlot } from '../../../lib/session/gathered.js';

/** A slot whose runs take `ms`, of which a quarter is copying in and a half computing. */
class TimedSlot {
  timed = true;
  steady = false;
  starts = 0;
  readonly clock: { times: () => Float64Array };
  readonly #sampler: PhaseSampler;
  readonly #ms: number;

  constructor(sampler: PhaseSampler, ms: number) {
    this.#sampler = sampler;
    this.#ms = ms;
    this.clock = {
      times: () => {
        const end = performance.now();
        const start = end - ms;
        return Float64Array.of(start, start, start, start + ms / 4, start + (ms * 3) / 4, end, end);
      },
    };
  }

  /** As GatheredSlot does. */
  run(): ReturnType<PhaseSampler['of']> {
    const slot = this as unknown as GatheredSlot;
    const wanted = this.#sampler.wanted(slot);
    this.starts++;
    this.steady = wanted === this.timed;
    this.timed = wanted;
    return this.#sampler.of(slot, performance.now() - this.#ms);
  }
}

describe('sampling', () => {
  test('of short batches the first 64 are timed, then a pair in 1024, whose second counts', () => {
    const slot = new TimedSlot(new PhaseSampler(), 0.05);
    const timed: number[] = [];
    const counted: number[] = [];
    for (let batch = 0; batch < 3000; batch++) {
      const { phases } = slot.run();
      if (slot.timed) timed.push(batch);
      if (phases !== undefined) counted.push(batch);
    }
    const first = Array.from({ length: 64 }, (_, batch) => batch);
    expect(timed).toEqual([...first, 1024, 1025, 2048, 2049]);
    expect(counted).toEqual([...first, 1025, 2049]); // a slot is timed when it is new
  });

  test('of long batches all are timed, once that is known', () => {
    const slot = new TimedSlot(new PhaseSampler(), 50);
    const counted = Array.from({ length: 20 }, () => slot.run().phases !== undefined);
    expect(counted.every(Boolean)).toBe(true);
  });

  test('a batch that was not timed is divided as the last that was', () => {
    const sampler = new PhaseSampler();
    const slot = new TimedSlot(sampler, 0.5);
    for (let batch = 0; batch < 64; batch++) slot.run();
    const { start, computeStart, computeEnd, end, phases } = slot.run();
    expect(phases).toBeUndefined();
    expect((computeStart - start) / (end - start)).toBeCloseTo(0.25, 1);
    expect((computeEnd - computeStart) / (end - start)).toBeCloseTo(0.5, 1);
  });
});
