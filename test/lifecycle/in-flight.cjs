// The child processes of in-flight.test.ts: `node in-flight.cjs SCENARIO PLAN MODE`. What they print is checked.
'use strict';
/* global __filename */

const { setTimeout: sleep } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Session } = require('trt-node');

const [scenario, plan, completion] = isMainThread ? process.argv.slice(2) : workerData;
const x = new Float32Array(8 * 64).fill(0.25);

const load = (options) => Session.load(plan, { runtime: 'reference', completion, ...options });

/** A session that has captured its graphs and has more runs than slots; nobody waits for them. */
async function busy() {
  const session = await load({ instances: 3 });
  for (let round = 0; round < 3; round++) {
    await Promise.all([1, 2, 3].map(() => session.run({ x })));
  }
  for (let run = 0; run < 9; run++) session.run({ x }).catch(() => undefined);
  return session;
}

const scenarios = {
  async 'ends-by-itself'() {
    const session = await load({ instances: 2 });
    const runs = Array.from({ length: 6 }, () => session.run({ x }));
    // Nothing else keeps the process alive, neither a timer nor the session.
    Promise.all(runs).then((results) => console.log('done', results.length));
  },

  async exit() {
    await busy();
    console.log('exit');
    process.exit(3);
  },

  async 'really-exit'() {
    await busy();
    console.log('exit');
    process.reallyExit(3);
  },

  async 'exit-in-callback'() {
    const session = await busy();
    await session.run({ x });
    console.log('exit');
    process.exit(3);
  },

  async 'exit-in-runMany'() {
    const session = await load({ instances: 3 });
    session.runMany(Array.from({ length: 1000 }, () => ({ x }))).catch(() => undefined);
    await sleep(5);
    console.log('exit');
    process.exit(3);
  },

  async 'terminate-workers'() {
    for (let round = 0; round < 20; round++) {
      const worker = new Worker(__filename, { workerData: ['worker', plan, completion] });
      const exited = new Promise((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
      await new Promise((resolve) => worker.once('message', resolve));
      if (round % 2 === 1) await sleep(round / 4);
      await worker.terminate();
      await exited;
    }
    const session = await load();
    const { y } = await session.run({ x });
    await session.close();
    console.log('still works', y.shape.join('x'));
  },

  async worker() {
    const session = await busy();
    parentPort.postMessage('busy');
    for (;;) await Promise.all([session.run({ x }), session.runMany([{ x }, { x }])]);
  },

  async 'worker-exits'() {
    const worker = new Worker(__filename, { workerData: ['exit', plan, completion] });
    const code = await new Promise((resolve) => worker.once('exit', resolve));
    console.log('worker', code);
  },
};

scenarios[scenario]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
