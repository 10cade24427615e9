// The peer trt-node: runSync, await run, N in flight, runMany, Session.load, the event loop's delay, and allocations.
import { createRequire } from 'node:module';
import { closeSync, openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { inputData, volume } from '../parts/inputs.mjs';
import { loopDelayProbe } from '../parts/loop-delay.mjs';
import { countInFlight, serve, timeAsync, timeSync } from '../parts/serve.mjs';
import { round } from '../parts/statistics.mjs';
import * as trt from '../../dist/index.js';

const { version } = createRequire(import.meta.url)('../../package.json');

/** Loads, leaving out the options that this version of trt-node does not know; which, is said in `notes`. */
async function load(plan, wanted, notes) {
  const options = { ...wanted };
  for (;;) {
    try {
      return await trt.Session.load(plan, options);
    } catch (error) {
      const unknown = Object.keys(options).find(
        (name) =>
          ['cudaGraph', 'completion', 'maxCudaGraphs'].includes(name) &&
          error.code === 'ERR_TRT_INVALID_ARGUMENT' &&
          error.message.includes(name),
      );
      if (unknown === undefined) throw error;
      delete options[unknown];
      notes.push(`this trt-node has no option ${unknown}`);
    }
  }
}

/**
 * The inputs, and what makes more of them: `tensors(count, of)` gives `count` sets of tensors like `of`, over pinned memory or ordinary
 * arrays.
 */
async function makeTensors(session, config, close) {
  const inputs = {};
  for (const input of session.inputs) {
    const shape = config.shapes[input.name] ?? input.shape;
    const data = inputData(input.name, input.dtype, volume(shape));
    inputs[input.name] = new trt.Tensor(input.dtype, data, shape);
  }
  const answer = await session.run(inputs);
  const array = ({ dtype, data, shape }) =>
    new trt.Tensor(dtype, new data.constructor(data), shape);
  let pinned;
  if (config.memory !== 'array') {
    const runtime = new trt.Runtime({ runtime: session.runtime });
    close.push(() => runtime.close());
    pinned = ({ dtype, data, shape }) => {
      const view = runtime.createPinnedBuffer(data.byteLength).tensor(dtype, shape);
      view.data.set(data);
      return view;
    };
  }
  const sets = (count, of, make) =>
    Array.from({ length: count }, () =>
      Object.fromEntries(Object.entries(of).map(([name, tensor]) => [name, make(tensor)])),
    );
  return {
    inputs,
    answer,
    arrays: (count, of) => sets(count, of, array),
    tensors: (count, of) => sets(count, of, pinned ?? array),
  };
}

function aboutOutputs(answer) {
  return Object.fromEntries(
    Object.entries(answer).map(([name, { dtype, data }]) => [
      name,
      {
        dtype,
        bytes: data.byteLength,
        first:
          dtype === 'float32' ? [...data.subarray(0, 4)].map((one) => round(one, 7)) : undefined,
      },
    ]),
  );
}

/** Native allocations so far, from the counters of cpp/malloc_count.c in a file; undefined without it. */
function nativeCounter() {
  const path = process.env.TRT_NODE_MALLOC_COUNT;
  if (!path) return undefined;
  const file = openSync(path, 'r');
  const raw = new BigUint64Array(2);
  const read = () => {
    readSync(file, new Uint8Array(raw.buffer), 0, 16, 0);
    return { calls: Number(raw[0]), bytes: Number(raw[1]) };
  };
  return { read, close: () => closeSync(file) };
}

/** What `count` runs leave on the JavaScript heap and ask of malloc; `collections` must be 0 for the heap's figure to mean anything. */
async function countAllocations(run, count, native) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.observe({ entryTypes: ['gc'] });
  const nativeBefore = native?.read();
  const before = process.memoryUsage();
  await run(count);
  const after = process.memoryUsage();
  const nativeAfter = native?.read();
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  return {
    count,
    collections,
    heapBytesPerRun: round((after.heapUsed - before.heapUsed) / count, 1),
    externalBytesPerRun: round((after.external - before.external) / count, 1),
    ...(native && {
      nativeCallsPerRun: round((nativeAfter.calls - nativeBefore.calls) / count, 4),
      nativeBytesPerRun: round((nativeAfter.bytes - nativeBefore.bytes) / count, 2),
    }),
  };
}

/** A round of mode load: loads and closes again; closing is not timed. */
async function timeLoads(plan, options, { iterations = 5 }) {
  const samples = [];
  const start = performance.now();
  for (let i = 0; i < iterations; i++) {
    const before = performance.now();
    const session = await trt.Session.load(plan, options);
    samples.push((performance.now() - before) * 1000);
    await session.close();
  }
  return { count: iterations, seconds: (performance.now() - start) / 1000, samples };
}

function checkRunMany(session) {
  if (typeof session.runMany !== 'function') throw new Error('this trt-node has no runMany');
}

await serve(async (config) => {
  const notes = [];
  const close = [];
  const inFlight = config.inFlight ?? 1;
  const session = await load(
    config.plan,
    {
      ...(config.runtime && { runtime: config.runtime }),
      ...(config.library && { library: config.library }),
      instances: inFlight,
      cudaGraph: config.cudaGraph ?? 'on',
      // A graph is for the addresses that it was captured with, and any lane may get any slot.
      maxCudaGraphs: Math.max(8, inFlight),
      ...(config.completion && { completion: config.completion }),
      ...(config.profile !== undefined && { profile: config.profile }),
    },
    notes,
  );
  close.unshift(() => session.close());
  const { inputs, answer, arrays, tensors } = await makeTensors(session, config, close);
  // Each lane has inputs and outputs of its own, as each stream of the C++ peer.
  const feedsOf = tensors(inFlight, inputs);
  const outputsOfLane = tensors(inFlight, answer);
  const lanes = feedsOf.map((feeds, i) => ({
    feeds,
    options: config.outputs === 'new' ? undefined : { outputs: outputsOfLane[i] },
  }));
  const [{ feeds, options }] = lanes;
  const once = lanes.map((lane) => () => session.run(lane.feeds, lane.options));
  // runMany reads the same inputs again and again; each of its runs writes to arrays of its own.
  const manyFeeds = new Array(config.many ?? 256).fill(feeds);
  const manyOptions = { outputs: arrays(manyFeeds.length, answer) };
  const many = () => session.runMany(manyFeeds, manyOptions);

  /** One after the other, as the mode says; for counting allocations. */
  const runs = {
    sync: (count) => {
      for (let i = 0; i < count; i++) session.runSync(feeds, options);
    },
    async: async (count) => {
      for (let i = 0; i < count; i++) await session.run(feeds, options);
    },
    flight: (count) => countInFlight(once, { iterations: count }),
    many: async (count) => {
      for (let done = 0; done < count; done += manyFeeds.length) await many();
    },
  };
  const rounds = {
    sync: (command) => timeSync(() => session.runSync(feeds, options), command),
    async: (command) => timeAsync(() => session.run(feeds, options), command),
    flight: (command) => countInFlight(once, command),
    many: async (command) => {
      const { count, seconds } = await timeAsync(many, command);
      return { count: count * manyFeeds.length, seconds };
    },
    load: (command) =>
      timeLoads(config.plan, config.runtime && { runtime: config.runtime }, command),
  };
  if (config.mode === 'many') checkRunMany(session);
  if (config.mode === 'event-loop') {
    const probe = await loopDelayProbe();
    close.push(() => probe.close());
    const work = {
      idle: ({ durationMs = 0 }) =>
        new Promise((resolve) => setTimeout(() => resolve({ count: 0 }), durationMs)),
      flight: rounds.flight,
      many: rounds.many,
    }[config.work ?? 'flight'];
    rounds['event-loop'] = async (command) => {
      probe.start();
      const start = performance.now();
      const { count } = await work(command);
      const seconds = (performance.now() - start) / 1000;
      return { ...probe.stop(), runs: count, count, seconds };
    };
  }
  if (config.mode === 'allocations') {
    if (config.way === 'many') checkRunMany(session);
    const native = nativeCounter();
    if (native) close.push(() => native.close());
    const run = runs[config.way ?? 'sync'];
    await run(20_000);
    rounds.allocations = ({ iterations = 20_000 }) => countAllocations(run, iterations, native);
  }
  const aRound = rounds[config.mode];
  if (aRound === undefined) throw new Error(`no mode ${config.mode}`);
  return {
    about: () => ({
      peer: 'trt-node',
      versions: { 'trt-node': version, tensorrt: session.version, node: process.versions.node },
      library: session.libraryPath,
      notes,
      outputs: aboutOutputs(answer),
    }),
    round: async (command) => ({ ...(await aRound(command)), stats: session.stats() }),
    close: async () => {
      for (const one of close) await one();
    },
  };
});
