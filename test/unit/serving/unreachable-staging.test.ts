// Batches where JavaScript engines allow no external ArrayBuffers (Electron): staging is out of reach, and the addon copies.

import { expect, test, vi } from 'vitest';
import { Tensor } from 'trt-node';
import { closeEngine, makeExecutors, openEngines } from '../../../lib/session/load.js';
import { openPlatform } from '../../../lib/platform.js';
import { reference, referencePlan } from '../../helpers/reference.js';
import { servePlan } from '../../helpers/served-model.js';

test('requests are batched all the same, with the same numbers', async () => {
  const x = [0.1, 0.2, 0.3].map(
    (value) => new Tensor('float32', new Float32Array(64).fill(value), [1, 64]),
  );
  const config = 'max_batch_size: 8 dynamic_batching { }';
  const usual = await servePlan('mlp', config);
  const expected = await Promise.all(x.map((one) => usual.infer({ x: one }, {})));

  const platform = openPlatform(reference);
  const engines = await openEngines(
    platform,
    [0],
    await referencePlan('mlp'),
    reference,
    undefined,
  );
  const [parts] = await makeExecutors(engines, () => ({
    slots: 1,
    priority: 0,
    profile: 0,
    cudaGraph: 0,
    maxCudaGraphs: 1,
    allocationStrategy: 2,
    completion: 0,
    timing: false,
    activations: undefined,
    onComplete: () => undefined,
  }));
  const prototype = Object.getPrototypeOf(parts?.executor) as { staging(slot: number): unknown };
  const staging = vi.spyOn(prototype, 'staging').mockReturnValue(undefined);
  try {
    const model = await servePlan('mlp', config);
    const answers = await Promise.all(x.map((one) => model.infer({ x: one }, {})));
    expect(answers.map(({ outputs }) => outputs.y?.data)).toEqual(
      expected.map(({ outputs }) => outputs.y?.data),
    );
    expect(model.statistics.executionCount).toBe(1);
    expect(staging).toHaveBeenCalled();
  } finally {
    staging.mockRestore();
    await parts?.executor.close();
    engines.forEach(closeEngine);
  }
});
