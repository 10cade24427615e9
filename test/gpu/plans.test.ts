// Every fixture plan through Session on a real GPU, against its known answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from 'trt-node';
import { assertClose, knownAnswers, ramp } from '../helpers/known-answers.js';
import { plan, readPlan } from './support.js';

for (const { name, check } of knownAnswers) {
  test(`${name}.plan`, async () => {
    const session = await Session.load(plan(`${name}.plan`));
    try {
      assert.equal(session.runtime, 'tensorrt');
      await check(session);
      await check(session); // the slot's cached shapes and buffers give the same again
    } finally {
      await session.close();
    }
  });
}

test('mlp_refit.plan, loaded from bytes', async () => {
  const session = await Session.load(readPlan('mlp_refit.plan'));
  assert.equal(session.engine.refittable, true);
  const { y } = await session.run({ x: ramp(8 * 64) });
  assertClose(y?.data as Float32Array, [0.04531991, 0.02752637, 0.028437, 0.02752637], 1e-5, 'y');
  await session.close();
});
