// `node worker-storm.cjs PLAN ONNX`: the addon is loaded in workers only, which are terminated at random moments while they run, build,
// load and copy; at last the process exits with two of them busy. Prints "end".
'use strict';
/* global __filename */

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { setTimeout: sleep } = require('node:timers/promises');

const reference = { runtime: 'reference' };
const workers = 30;
const lanes = 3;

async function work([plan, onnx]) {
  const { Runtime, Session, build } = require('trt-node');
  const session = await Session.load(plan, { ...reference, instances: 2 });
  const runtime = new Runtime(reference);
  const x = new Float32Array(8 * 64).fill(0.25);
  const shape = { min: [1, 64], opt: [8, 64], max: [32, 64] };
  parentPort.postMessage('ready');
  for (let turn = 0; ; turn++) {
    const runs = [session.run({ x }), session.run({ x })];
    const stream = runtime.createStream();
    const device = runtime.createDeviceBuffer(4096);
    const pinned = runtime.createPinnedBuffer(4096);
    stream.copyHostToDevice(device, pinned);
    if (turn % 2 === 0) pinned.close(); // the others are left to the collector
    await stream.synchronize();
    if (turn % 7 === 0) {
      build({ ...reference, onnx, profiles: [{ x: shape }] }).catch(() => undefined);
      const engine = await runtime.deserializeEngineAsync(plan);
      if (turn % 2 === 0) engine.close();
    }
    await Promise.all(runs);
  }
}

const start = () => new Worker(__filename, { workerData: process.argv.slice(2) });

function terminateSomeTime() {
  const worker = start();
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', resolve);
    worker.once('message', async () => {
      await sleep(Math.random() * 40);
      await worker.terminate();
    });
  });
}

async function main() {
  let left = workers;
  const lane = async () => {
    while (left-- > 0) await terminateSomeTime();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const ready = (worker) => new Promise((resolve) => worker.once('message', resolve));
  await Promise.all([ready(start()), ready(start())]);
  console.log('end');
  process.exit(0);
}

if (isMainThread) void main();
else void work(workerData);
