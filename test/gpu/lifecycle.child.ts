// The child processes of lifecycle.test.ts: `node lifecycle.child.mjs SCENARIO`.

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Runtime, Session } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { plan, readPlan } from './support.js';

// n = 4096: milliseconds of GPU time a run, so that work is in flight when the end comes.
const n = 4096;
const load = (): Promise<Session> => Session.load(plan('slow.plan'), { instances: 2 });
const slow = new Float32Array(n * n).fill(0.001);

async function busy(): Promise<Session> {
  const session = await load();
  await session.run({ x: slow }, undefined as never).catch(() => undefined);
  for (let i = 0; i < 4; i++) void run(session).catch(() => undefined);
  return session;
}

async function run(session: Session): Promise<void> {
  const { Tensor } = await import('trt-node');
  await session.run({ x: new Tensor('float32', slow, [n, n]) });
}

const scenarios: Record<string, () => Promise<void>> = {
  async 'exit-in-flight'() {
    await busy();
    await sleep(5);
    console.log('reached the end');
    process.exit(0);
  },
  async 'natural-exit'() {
    const session = await load();
    void run(session).then(() => {
      console.log('reached the end');
    });
  },
  async 'throw-in-flight'() {
    await busy();
    console.log('reached the end');
    throw new Error('on purpose');
  },
  async 'terminate-worker'() {
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: 'busy' });
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
    }
    const session = await Session.load(plan('mlp.plan'));
    await session.run({ x: ramp(8 * 64) });
    await session.close();
    console.log('reached the end');
  },
  async 'forgotten-handles'() {
    for (let i = 0; i < 30; i++) {
      const runtime = new Runtime();
      runtime.deserializeEngine(readPlan('mlp.plan')).createExecutionContext();
      runtime.createDeviceBuffer(1 << 20);
      await (await Session.load(plan('mlp.plan'))).run({ x: ramp(8 * 64) });
      if (i % 5 === 0) (globalThis as { gc?: () => void }).gc?.();
      await sleep(1);
    }
    console.log('reached the end');
  },
};

if (isMainThread) {
  await scenarios[process.argv[2] ?? '']?.();
} else if (workerData === 'busy') {
  await busy();
  parentPort?.postMessage('busy');
  await sleep(60_000);
}
