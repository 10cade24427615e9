// What goes wrong on a real GPU, and what the errors say: damaged plans, wrong versions, too much memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Runtime, Session } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { codeOf, readPlan } from './support.js';

test('a truncated plan, at any length, is refused before TensorRT sees it', async () => {
  using runtime = new Runtime();
  const whole = readPlan('mlp.plan');
  for (const length of [0, 1, 4, 23, 24, 80, 1000, whole.length >> 1, whole.length - 1]) {
    const { code, message } = await codeOf(() =>
      runtime.deserializeEngine(whole.subarray(0, length)),
    );
    assert.equal(code, 'ERR_TRT_INVALID_PLAN', `${length} bytes: ${message}`);
  }
});

test('a plan damaged in its engine version is refused by TensorRT, in its words', async () => {
  using runtime = new Runtime();
  const bytes = Buffer.from(readPlan('mlp.plan'));
  bytes[0x54] = 0xee; // the serialization version of the engine part
  const { code, log } = await codeOf(() => runtime.deserializeEngine(bytes));
  assert.ok(['ERR_TRT_PLAN_VERSION', 'ERR_TRT_DESERIALIZE'].includes(code), code);
  assert.ok(log.length > 0);
});

test('a plan of another TensorRT is refused as such', async () => {
  using runtime = new Runtime();
  const { code, message } = await codeOf(() => runtime.deserializeEngine(readPlan('mlp-8.6.plan')));
  assert.equal(code, 'ERR_TRT_PLAN_VERSION', message);
  assert.match(message, /8\.6\.1/);
  assert.match(message, /10\.6\.0/);
});

test('a reference plan given to TensorRT is refused as such', async () => {
  using runtime = new Runtime();
  const bytes = Buffer.concat([Buffer.from('TRTNREF1'), Buffer.alloc(4096)]);
  const { code, message } = await codeOf(() => runtime.deserializeEngine(bytes));
  assert.equal(code, 'ERR_TRT_PLAN_RUNTIME', message);
});

test('out of device memory says how many bytes were asked for', async () => {
  using runtime = new Runtime();
  const bytes = 2 ** 42;
  try {
    runtime.createDeviceBuffer(bytes);
    assert.fail('4 TiB were allocated');
  } catch (error) {
    const { code, requestedBytes, message } = error as {
      code: string;
      requestedBytes: number;
      message: string;
    };
    assert.equal(code, 'ERR_TRT_OUT_OF_MEMORY', message);
    assert.equal(requestedBytes, bytes);
  }
  runtime.createDeviceBuffer(1024).close();
});

test('the device refuses an index that it has not', async () => {
  assert.equal((await codeOf(() => new Runtime({ device: 99 }))).code, 'ERR_TRT_INVALID_ARGUMENT');
});

const lean = process.env.TRT_NODE_TEST_LEAN;
test(
  'a 10.6 plan on the lean runtime 11',
  { skip: lean ? false : 'TRT_NODE_TEST_LEAN names no library' },
  async () => {
    using runtime = new Runtime({ library: lean ?? '' });
    assert.equal(runtime.flavor, 'lean');
    assert.match(runtime.version, /^11\./);
    const { code, message, log } = await codeOf(() =>
      runtime.deserializeEngine(readPlan('mlp.plan')),
    );
    assert.equal(code, 'ERR_TRT_PLAN_VERSION', message);
    assert.match(log.join('\n'), /Version tag does not match|version/i);
    assert.match(message, /10\.6\.0/);
    assert.match(message, /11\./);
  },
);

test('a session that failed to load leaves the device as it was', async () => {
  using runtime = new Runtime();
  const plan = Buffer.from(readPlan('mlp.plan'));
  plan[0x54] = 0xee;
  await codeOf(() => Session.load(plan));
  const before = runtime.memoryInfo().freeBytes;
  for (let i = 0; i < 20; i++)
    assert.notEqual((await codeOf(() => Session.load(plan))).code, 'no error');
  const after = runtime.memoryInfo().freeBytes;
  assert.ok(before - after < 64 * 2 ** 20, `${before - after} bytes are gone`);
});

test('500 loads and closes leave memory flat', { timeout: 120_000 }, async () => {
  using runtime = new Runtime();
  const plan = readPlan('mlp.plan');
  const once = async (): Promise<void> => {
    const session = await Session.load(plan);
    await session.run({ x: ramp(8 * 64) });
    await session.close();
  };
  for (let i = 0; i < 20; i++) await once();
  const before = runtime.memoryInfo().freeBytes;
  for (let i = 0; i < 500; i++) await once();
  const after = runtime.memoryInfo().freeBytes;
  assert.ok(before - after < 16 * 2 ** 20, `${before - after} bytes are gone after 500 loads`);
});
