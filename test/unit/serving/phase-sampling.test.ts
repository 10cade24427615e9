// Which batches the GPU times: a few of short ones, all of long ones; and that the numbers are right in either.

import { describe, expect, test } from 'vitest';
import { PhaseSampler } from '../../../lib/serving/backends/tensorrt/phases.js';
import type { GatheredSlot } from '../../../lib/session/gathered.js';

/** A slot whose run took `ms`, of which a quarter was copying in and a half computing. */
function slotOf(timed: boolean, ms: number): GatheredSlot {
  const end = performance.now();
  const start = end - ms;
  const times = [start, start, start, start + ms / 4, start + (ms * 3) / 4, end, end];
  const clock = { times: () => Float64Array.from(times) };
  return { timed, clock, index: 0 } as unknown as GatheredSlot;
}

describe('sampling', () => {
  test('of short batches few are timed, and the first is', () => {
    const sampler = new PhaseSampler();
    const timed: number[] = [];
    for (let batch = 0; batch < 512; batch++) {
      const wanted = sampler.wanted();
      if (wanted) timed.push(batch);
      sampler.of(slotOf(wanted, 0.05), performance.now() - 0.05);
    }
    expect(timed).toEqual([0, 128, 256, 384]);
  });

  test('of long batches all are timed', () => {
    const sampler = new PhaseSampler();
    for (let batch = 0; batch < 20; batch++) {
      const wanted = sampler.wanted();
      expect(wanted).toBe(true);
      sampler.of(slotOf(wanted, 5), performance.now() - 5);
    }
  });

  test('a batch that was not timed is divided as the last that was', () => {
    const sampler = new PhaseSampler();
    sampler.of(slotOf(true, 4), performance.now() - 4);
    const { start, computeStart, computeEnd, end, phases } = sampler.of(
      slotOf(false, 8),
      performance.now() - 8,
    );
    expect(phases).toBeUndefined();
    expect((computeStart - start) / (end - start)).toBeCloseTo(0.25, 1);
    expect((computeEnd - computeStart) / (end - start)).toBeCloseTo(0.5, 1);
  });
});
