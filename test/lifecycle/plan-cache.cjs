// A process that loads a model through the plan cache: node plan-cache.cjs CACHE load|hang|worker
// Prints "start", "building" when it builds (and then hangs, for hang), "loaded" when it has a session.
'use strict';
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const fs = require('node:fs');
const { Session } = require('trt-node');

const [cacheDir, how] = isMainThread ? process.argv.slice(2) : workerData;

function say(word) {
  fs.writeSync(1, `${word}\n`);
}

async function load() {
  let building = false;
  const session = await Session.load('test/fixtures/onnx/mlp.onnx', {
    runtime: 'reference',
    cacheDir,
    profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
    progress: () => {
      if (!building) say('building');
      building = true;
      // The plan cannot be handed over while JavaScript stands still: the lock stays taken.
      if (how === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    },
  });
  const { y } = await session.run({ x: new Float32Array(64) });
  say(`loaded ${y.shape.join('x')}`);
  await session.close();
}

if (isMainThread && how === 'worker') {
  for (let count = 0; count < 3; count++)
    new Worker(process.argv[1], { workerData: [cacheDir, 'load'] });
} else {
  if (isMainThread) say('start');
  void load();
}
