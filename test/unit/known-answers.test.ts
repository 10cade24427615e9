// Every fixture model, built and run by the reference runtime, gives the right numbers, asynchronously and synchronously.

import { expect, test } from 'vitest';
import { type Feeds, Tensor } from 'trt-node';
import { knownAnswers, ramp } from '../helpers/known-answers.js';
import { referenceSession } from '../helpers/reference.js';

test.each(knownAnswers)('$name', async ({ name, check }) => {
  const session = await referenceSession(name);
  expect(session.runtime).toBe('reference');
  await check(session);
});

const feeds: Record<string, Feeds> = {
  mlp: { x: ramp(8 * 64) },
  nonzero: { x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) },
  scalar: { x: ramp(8) },
  two_inputs: { a: ramp(6), b: ramp(3) },
  reshape_by_input: { x: new Tensor('float32', ramp(12), [3, 4]), shape: [2, 6] },
};

test.each(Object.entries(feeds))('%s: runSync gives what run gives', async (name, inputs) => {
  const session = await referenceSession(name, { instances: 2 });
  const expected = await session.run(inputs);
  const outputs = session.runSync(inputs);
  expect(outputs).toEqual(expected);
  expect(await session.run(inputs)).toEqual(expected);
});
