// Several devices: what needs one GPU always runs, the rest where there are two.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeviceTensor, Runtime, Session, Tensor } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { codeOf, plan } from './support.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const x = ramp(8 * 64);
const runtime = new Runtime();
const count = runtime.devices().length;
const two = { skip: count < 2 && 'needs two GPUs' };

function tensorOn(device: number): DeviceTensor<'float32'> {
  const tensor = new Runtime({ device }).createDeviceTensor('float32', [8, 64]);
  tensor.writeSync(new Tensor('float32', x, [8, 64]));
  return tensor;
}

const byDevice = (session: Session): number[] =>
  session.stats().devices.map(({ completed }) => completed);

test('a session of one device says so', async () => {
  const session = await Session.load(plan('mlp.plan'), { devices: [0] });
  assert.deepEqual([session.device, session.devices], [0, [0]]);
  assertClose(session.runSync({ x }).y?.data as Float32Array, firstRow, 1e-5, 'y');
  assert.deepEqual(byDevice(session), [1]);
  assert.equal(
    (await codeOf(() => session.run({ x }, { device: 1 }))).code,
    'ERR_TRT_INVALID_ARGUMENT',
  );
  await session.close();
  const none = await codeOf(() => Session.load(plan('mlp.plan'), { devices: [0, count] }));
  assert.equal(none.code, 'ERR_TRT_INVALID_ARGUMENT');
  assert.equal(runtime.canAccessPeer(0), true);
});

test('a copy on one device, by copyTo and toDevice', async () => {
  using tensor = tensorOn(0);
  using copy = await tensor.toDevice(0);
  assert.notEqual(copy.address, tensor.address);
  assert.deepEqual(copy.readSync().data, x);
  const [from, to] = [runtime.createDeviceBuffer(2048), runtime.createDeviceBuffer(2048)];
  from.writeSync(x);
  await from.copyTo(to, { fromOffset: 1024 });
  const got = new Float32Array(256);
  to.readSync(got);
  assert.deepEqual(got, x.subarray(256));
});

test('a session over two devices: right numbers, spread on both', two, async () => {
  const session = await Session.load(plan('mlp.plan'), { devices: [0, 1], instances: 2 });
  const all = await Promise.all(Array.from({ length: 1000 }, () => session.run({ x })));
  for (const { y } of all) assertClose(y?.data as Float32Array, firstRow, 1e-5, 'y');
  const spread = byDevice(session);
  assert.equal(spread[0]! + spread[1]!, 1000);
  assert.ok(Math.min(...spread) > 100, `spread ${spread.join(' and ')}`);
  for (let run = 0; run < 10; run++) session.runSync({ x });
  const many = await session.runMany(Array.from({ length: 200 }, () => ({ x })));
  for (const { y } of many) assertClose(y?.data as Float32Array, firstRow, 1e-5, 'y');
  const memory = session.memory();
  assert.equal(memory.devices.length, 2);
  assert.ok(memory.devices.every(({ activationBytes }) => activationBytes > 0));
  assert.ok(session.stats().cudaGraph.hits > 500);
  await session.close();
});

test('device tensors decide where a run goes', two, async () => {
  const session = await Session.load(plan('mlp.plan'), { devices: [0, 1] });
  using zero = tensorOn(0);
  using one = tensorOn(1);
  for (const [device, tensor] of [zero, one, one].entries()) {
    using y = (await session.run({ x: tensor }, { outputs: { y: 'device' } })).y;
    assert.equal(y.device, Math.min(device, 1));
    assertClose((await y.read()).data as Float32Array, firstRow, 1e-5, 'y');
  }
  assert.deepEqual(byDevice(session), [1, 2]);
  using target = new Runtime({ device: 1 }).createDeviceTensor('float32', [8, 32]);
  const mixed = await codeOf(() => session.run({ x: zero }, { outputs: { y: target } }));
  assert.equal(mixed.code, 'ERR_TRT_INVALID_ARGUMENT');
  assert.match(mixed.message, /toDevice\(0\)/);
  await session.run({ x: one }, { outputs: { y: target } });
  assertClose(target.readSync().data, firstRow, 1e-5, 'y');
  await session.close();
});

test('copies between two devices, both ways, with a stream of either', two, async () => {
  const other = new Runtime({ device: 1 });
  const size = 64 << 20;
  const [here, there, back] = [
    runtime.createDeviceBuffer(size),
    other.createDeviceBuffer(size),
    runtime.createDeviceBuffer(size),
  ];
  const data = Float32Array.from({ length: size / 4 }, (_, i) => i % 8191);
  here.writeSync(data);
  for (const stream of [runtime.createStream(), other.createStream()]) {
    stream.copyDeviceToDevice(there, here);
    stream.copyDeviceToDevice(back, there);
    await stream.synchronize();
    const got = new Float32Array(data.length);
    back.readSync(got);
    assert.ok(Buffer.from(got.buffer).equals(Buffer.from(data.buffer)));
    back.writeSync(new Float32Array(1));
  }
  using tensor = tensorOn(0);
  using moved = await tensor.toDevice(1);
  assert.equal(moved.device, 1);
  assert.deepEqual((await moved.read()).data, x);
  // An event of one device orders a stream of the other.
  const event = runtime.createEvent();
  const stream = runtime.createStream();
  for (let i = 0; i < 20; i++) stream.memset(here, i);
  stream.recordEvent(event);
  const waiting = other.createStream();
  waiting.waitEvent(event);
  waiting.copyDeviceToDevice(there, here);
  await waiting.synchronize();
  const last = new Uint8Array(16);
  there.readSync(last, size - 16);
  assert.deepEqual([...last], new Array(16).fill(19));
  const wrong = await codeOf(() => {
    waiting.recordEvent(event);
  });
  assert.equal(wrong.code, 'ERR_TRT_INVALID_ARGUMENT');
  other.close();
});

test('one of two sessions closed: the other device goes on', two, async () => {
  const first = await Session.load(plan('mlp.plan'), { device: 0 });
  const both = await Session.load(plan('mlp.plan'), { devices: [1, 0] });
  await first.run({ x });
  await first.close();
  for (let run = 0; run < 10; run++) {
    assertClose((await both.run({ x })).y?.data as Float32Array, firstRow, 1e-5, 'y');
  }
  assert.deepEqual(byDevice(both), [5, 5]);
  await both.close();
});
