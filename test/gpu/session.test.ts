// Session on a real GPU: concurrency, outputs on the device, the caller's arrays and pinned memory, abort and close under load.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Runtime, Session, Tensor } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { codeOf, plan } from './support.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const x = ramp(8 * 64);

test('a thousand runs over four slots, all right', async () => {
  const session = await Session.load(plan('mlp.plan'), { instances: 4 });
  const feeds = Array.from({ length: 8 }, (_, i) => ({ x: x.subarray(0, (i + 1) * 64) }));
  const single = await Promise.all(feeds.map((feed) => session.run(feed)));
  const all = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => session.run(feeds[i % 8] ?? { x })),
  );
  all.forEach(({ y }, i) => {
    assert.deepEqual(y?.shape, [(i % 8) + 1, 32]);
    assert.deepEqual(y.data, single[i % 8]?.y?.data);
    assertClose(y.data as Float32Array, firstRow, 1e-5, `y of run ${i}`);
  });
  assert.equal(session.stats().completed, 1008);
  await session.close();
});

test('runSync', async () => {
  const session = await Session.load(plan('mlp.plan'));
  for (let i = 0; i < 100; i++) {
    assertClose(session.runSync({ x }).y?.data as Float32Array, firstRow, 1e-5, 'y');
  }
  await session.close();
});

test('an output stays on the device and feeds the next session', async () => {
  const first = await Session.load(plan('slow.plan'));
  const second = await Session.load(plan('slow.plan'));
  const n = 64;
  const input = new Tensor('float32', ramp(n * n), [n, n]);
  const { y: direct } = await first.run({ x: input });
  const expected = await second.run({ x: direct as Tensor });
  const { y } = await first.run({ x: input }, { outputs: { y: 'device' } });
  const chained = await second.run({ x: y });
  assert.deepEqual(chained.y?.data, expected.y?.data);
  const read = await y.read();
  assert.deepEqual(read.data, direct?.data);
  y.close();
  assert.equal((await codeOf(() => second.run({ x: y }))).code, 'ERR_TRT_CLOSED');
  await first.close();
  await second.close();
});

test("outputs into the caller's array and into pinned memory", async () => {
  const session = await Session.load(plan('mlp.plan'));
  const mine = new Float32Array(32 * 32);
  const { y } = await session.run({ x }, { outputs: { y: mine } });
  assert.equal(y.data.buffer, mine.buffer);
  assertClose(mine, firstRow, 1e-5, 'mine');

  using runtime = new Runtime();
  const pinned = runtime.createPinnedBuffer(x.byteLength);
  pinned.write(x);
  const input = pinned.tensor('float32', [8, 64]);
  const result = runtime.createPinnedBuffer(8 * 32 * 4);
  const target = result.tensor('float32', [8, 32]);
  for (let i = 0; i < 100; i++) {
    target.data.fill(0);
    await session.run({ x: input }, { outputs: { y: target } });
    assertClose(target.data, firstRow, 1e-5, 'pinned');
  }
  await session.close();
});

test('abort, deadline and close while the GPU works', async () => {
  const session = await Session.load(plan('slow.plan'));
  const n = 4096;
  const input = new Tensor('float32', new Float32Array(n * n).fill(0.001), [n, n]);
  await session.run({ x: input });
  const controller = new AbortController();
  const running = codeOf(() => session.run({ x: input }, { signal: controller.signal }));
  const queued = codeOf(() => session.run({ x: input }, { signal: controller.signal }));
  controller.abort();
  assert.equal((await running).code, 'ERR_TRT_ABORTED');
  assert.equal((await queued).code, 'ERR_TRT_ABORTED');
  const late = codeOf(() => session.run({ x: input }, { deadlineMs: 1 }));
  assert.equal((await late).code, 'ERR_TRT_DEADLINE_EXCEEDED');
  await session.run({ x: input }); // the slot is done with the runs that were given up
  const last = session.run({ x: input });
  const waiting = codeOf(() => session.run({ x: input }));
  await session.close();
  assert.deepEqual((await last).y?.shape, [n, n]);
  assert.equal((await waiting).code, 'ERR_TRT_CLOSED');
  assert.equal((await codeOf(() => session.run({ x: input }))).code, 'ERR_TRT_CLOSED');
});

test('the event loop stays free while the GPU works', async () => {
  const session = await Session.load(plan('slow.plan'));
  const n = 4096;
  const input = new Tensor('float32', new Float32Array(n * n).fill(0.001), [n, n]);
  await session.run({ x: input });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const runs = Promise.all(
    Array.from({ length: 3 }, () => session.run({ x: input }, { outputs: { y: 'device' } })),
  );
  for (const { y } of await runs) y.close();
  clearInterval(timer);
  assert.ok(ticks >= 3, `${ticks} ticks of a 1 ms timer during three runs of milliseconds each`);
  await session.close();
});
