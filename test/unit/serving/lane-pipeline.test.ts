// S4: raw pixels in, the best lane out: js models before and after a plan, chained by an ensemble, in one process.

import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { DeviceTensor } from '../../../lib/device-tensor.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { fp32 } from '../../helpers/serving-models.js';
import { injectFaults, referencePlan } from '../../helpers/reference.js';
import { ServedModels } from '../../helpers/served-models.js';

test('an image goes through pre-processing, plan and post-processing', async () => {
  const models = new ServedModels();
  await models.load('lane_preprocess');
  await models.load('laneDetect_model', { '1/model.plan': await referencePlan('lane') });
  await models.load('lane_postprocess');
  const pipeline = await models.load('lane_pipeline');
  const [height, width] = [45, 80];
  const pixels = Uint8Array.from({ length: height * width * 3 }, (_, index) => (index * 31) % 256);
  const image = new InferTensor('UINT8', pixels, [1, height, width, 3]);
  const { outputs } = await pipeline.infer({ image }, { id: 'one' });

  const prepared = await models.get('lane_preprocess').infer({ image }, {});
  const input = prepared.outputs.pixels!;
  // The first pixel, red: 0 of 255; the one at half the width: column 40.
  const at = (value: number): number => (value / 255 - 0.485) / 0.229;
  expect((input.data as Float32Array)[0]).toBeCloseTo(at(0), 5);
  expect((input.data as Float32Array)[320]).toBeCloseTo(at(pixels[40 * 3]!), 5);
  const lanes = (await models.get('laneDetect_model').infer({ input }, {})).outputs.output!;
  const numbers = lanes.data as Float32Array;
  let best = 0;
  for (let row = 1; row < lanes.shape[1]!; row++) {
    if (numbers[row * 77 + 1]! > numbers[best * 77 + 1]!) best = row;
  }
  expect(outputs.best!.data).toEqual(Int32Array.of(best));
  expect(outputs.score!.data).toEqual(Float32Array.of(numbers[best * 77 + 1]!));
  expect(pipeline.statistics.success.count).toBe(1);
  expect(models.get('laneDetect_model').statistics.success.count).toBe(2);
}, 60_000);

test('an output that a step asks for stays on the device, with the same numbers', async () => {
  const models = new ServedModels();
  const plan = { '1/model.plan': await referencePlan('mlp') };
  await models.load('first', plan);
  const names = models.get('first').config;
  const [input, output] = [names.input[0]!.name, names.output[0]!.name];
  const x = fp32(
    Array.from({ length: 64 }, (_, index) => index / 64),
    [1, 64],
  );
  const direct = await models.get('first').infer({ [input]: x }, {});
  const kept = await models.get('first').infer({ [input]: x }, { onDevice: [output] });
  const tensor = kept.outputs[output]!;
  expect(tensor.device).toBeDefined();
  const read = await tensor.device!.read();
  expect(read.data).toEqual(direct.outputs[output]!.data);
  tensor.device!.close();
});

test('an output on the device that nobody waits for any more is closed', async () => {
  const models = new ServedModels();
  await models.load('first', { '1/model.plan': await referencePlan('mlp') });
  const { input, output } = models.get('first').config;
  const feeds = { [input[0]!.name]: fp32(new Array<number>(64).fill(0), [1, 64]) };
  const closed = vi.spyOn(DeviceTensor.prototype, 'close');
  injectFaults('delay=1000');
  const gone = new AbortController();
  const options = { onDevice: [output[0]!.name], signal: gone.signal };
  const abandoned = models.get('first').infer(feeds, options);
  // Executing by now, and for most of a second still: what leaves the queue is never executed.
  await setTimeout(100);
  gone.abort();
  await expect(abandoned).rejects.toThrow();
  await vi.waitFor(
    () => {
      expect(closed).toHaveBeenCalledOnce();
    },
    { timeout: 5000 },
  );
});
