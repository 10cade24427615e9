// The child processes of the lifecycle tests: `node scenarios.cjs SCENARIO PLAN`. Each must end by itself; what it prints is checked.
'use strict';
/* global __filename, structuredClone */

const { setTimeout: sleep } = require('node:timers/promises');
const { queryObjects } = require('node:v8');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Runtime, Session, Tensor } = require('trt-node');

const [scenario, plan] = isMainThread
  ? process.argv.slice(2)
  : [workerData.scenario, workerData.plan];
const reference = { runtime: 'reference' };
const x = new Float32Array(8 * 64).fill(0.25);

const load = (options) => Session.load(plan, { ...reference, ...options });
const say = (text) => console.log(text);

/** A session with more runs than slots; nobody waits for them. */
async function busy() {
  const session = await load({ instances: 2 });
  for (let run = 0; run < 6; run++) session.run({ x }).catch(() => undefined);
  return session;
}

/** A worker of this file. Resolves at its exit. */
function worker(name, onMessage) {
  const child = new Worker(__filename, { workerData: { scenario: name, plan } });
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (onMessage) child.on('message', (message) => onMessage(child, message));
  return exited;
}

const scenarios = {
  async 'wait-for-run'() {
    const session = await load();
    // Nothing else keeps the process alive.
    session.run({ x }).then(({ y }) => say(`done ${y.shape.join('x')}`));
  },

  async 'idle-session'() {
    await load();
    say('an open session does not keep the process alive');
  },

  async 'exit-in-flight'() {
    await busy();
    say('exit');
    process.exit(0);
  },

  async 'throw-in-flight'() {
    await busy();
    say('throw');
    setImmediate(() => {
      throw new Error('on purpose');
    });
  },

  async 'exit-while-loading'() {
    load().catch(() => undefined);
    say('exit');
    process.exit(0);
  },

  async 'close-at-exit'() {
    const session = await busy();
    process.on('exit', () => {
      void session.close();
      say('exit');
    });
    process.exit(0);
  },

  async 'double-close'() {
    const session = await busy();
    const closings = [session.close(), session.close()];
    await Promise.all(closings);
    await session.close();
    const runtime = new Runtime(reference);
    const engine = await runtime.deserializeEngineAsync(plan);
    const context = engine.createExecutionContext();
    context.close();
    context.close();
    runtime.close();
    engine.close();
    runtime.close();
    say('closed');
  },

  async 'close-without-waiting'() {
    const session = await busy();
    void session.close().then(() => say('closed'));
  },

  async 'forgotten-run'() {
    // The session is forgotten while its run is in flight; the promise must still settle.
    const promise = load().then((session) => session.run({ x }));
    for (let round = 0; round < 20; round++) {
      global.gc();
      await sleep(5);
    }
    const { y } = await promise;
    say(`done ${y.shape.join('x')}`);
  },

  async 'terminate-worker'() {
    for (let round = 0; round < 5; round++) {
      await worker('worker-busy', (child) => child.terminate());
    }
    const session = await load();
    await session.run({ x });
    await session.close();
    say('still works');
  },

  async 'worker-busy'() {
    await busy();
    parentPort.postMessage('busy');
    await sleep(60_000);
  },

  async 'terminate-worker-in-runSync'() {
    for (let round = 0; round < 3; round++) {
      await worker('worker-runSync', (child) => setTimeout(() => child.terminate(), 20));
    }
    say('still works');
  },

  async 'worker-runSync'() {
    const session = await load();
    parentPort.postMessage('busy');
    for (;;) session.runSync({ x });
  },

  async workers() {
    const answers = [];
    const codes = await Promise.all(
      [0, 1, 2, 3].map(() => worker('worker-run', (_child, answer) => answers.push(answer))),
    );
    const session = await load();
    const { y } = await session.run({ x });
    say(`${codes.join(' ')} ${answers.filter((answer) => answer === y.data[0]).length} agree`);
    await session.close();
  },

  async 'worker-run'() {
    const session = await load();
    let answer;
    for (let run = 0; run < 20; run++) answer = (await session.run({ x })).y.data[0];
    parentPort.postMessage(answer);
    await session.close();
  },

  async 'worker-leaves-open'() {
    const session = await load();
    await session.run({ x });
    parentPort.postMessage('done');
  },

  async 'workers-that-leave-open'() {
    const codes = [];
    for (let round = 0; round < 5; round++) codes.push(await worker('worker-leaves-open'));
    say(codes.join(' '));
  },

  async 'handles-in-a-worker'() {
    const runtime = new Runtime(reference);
    const tensor = new Tensor('float32', x, [8, 64]);
    try {
      structuredClone(runtime.createDeviceBuffer(16));
      say('cloned');
    } catch (error) {
      say(`not cloned: ${error.name}`);
    }
    say(`tensors are data: ${structuredClone(tensor).data.length}`);
    runtime.close();
  },

  async 'forgotten-handles'() {
    const { addon } = require('../../dist/load.js').loadAddon();
    const make = async () => {
      const runtime = new Runtime(reference);
      const engine = runtime.deserializeEngine(require('node:fs').readFileSync(plan));
      engine.createExecutionContext();
      engine.createInspector();
      runtime.createStream();
      runtime.createEvent();
      runtime.createDeviceBuffer(1 << 20);
      runtime.createPinnedBuffer(1 << 16);
      runtime.createOutputAllocator();
      await (await load()).run({ x });
    };
    for (let round = 0; round < 10; round++) await make();
    const alive = () => Object.values(addon.liveHandles()).reduce((sum, count) => sum + count, 0);
    const before = alive();
    for (let round = 0; round < 100 && alive() > 0; round++) {
      await global.gc({ execution: 'async' });
      await sleep(5);
    }
    say(`${before > 0} ${alive()}`);
  },

  async memory() {
    const { addon } = require('../../dist/load.js').loadAddon();
    const cycle = async () => {
      const session = await load({ instances: 2 });
      await Promise.all([session.run({ x }), session.run({ x }), session.run({ x })]);
      const { y } = await session.run({ x }, { outputs: { y: 'device' } });
      y.close();
      await session.run({ x: x.subarray(1) }).catch(() => undefined);
      await session.close();
    };
    const settle = async () => {
      for (let round = 0; round < 5; round++) {
        await global.gc({ execution: 'async' });
        await sleep(5);
      }
      return process.memoryUsage().rss;
    };
    for (let round = 0; round < 30; round++) await cycle();
    const before = await settle();
    for (let round = 0; round < 200; round++) await cycle();
    const grown = ((await settle()) - before) / 2 ** 20;
    const alive = Object.values(addon.liveHandles()).reduce((sum, count) => sum + count, 0);
    say(JSON.stringify({ grown, alive }));
  },

  async 'closed-sessions'() {
    const cycle = async () => {
      const session = await load({ instances: 2 });
      await session.run({ x });
      await session.close();
    };
    const count = async () => {
      for (let round = 0; round < 5; round++) {
        await global.gc({ execution: 'async' });
        await sleep(5);
      }
      const objects = [Promise, Array, Int32Array];
      return objects.map((type) => queryObjects(type, { format: 'count' }));
    };
    for (let round = 0; round < 10; round++) await cycle();
    const before = await count();
    for (let round = 0; round < 100; round++) await cycle();
    const after = await count();
    say(JSON.stringify(after.map((number, index) => number - before[index])));
  },

  async 'no-driver'() {
    for (const action of [() => new Runtime(reference), () => load()]) {
      try {
        await action();
      } catch (error) {
        say(JSON.stringify({ code: error.code, name: error.name, message: error.message }));
      }
    }
  },

  async 'error-of-load'() {
    say('imported');
    try {
      await load();
    } catch (error) {
      say(JSON.stringify({ code: error.code, name: error.name, message: error.message }));
    }
  },
};

scenarios[scenario]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
