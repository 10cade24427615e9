// How long an event from outside waits for the event loop: a worker sends its clock every half millisecond, the main thread looks how
// old the message is. Beside it node:perf_hooks' own histogram, whose timer cannot see below a millisecond.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { round } from './statistics.mjs';

const source = `
const { parentPort } = require('node:worker_threads');
const sleeping = new Int32Array(new SharedArrayBuffer(4));
let running = false;
const step = () => {
  if (!running) return;
  parentPort.postMessage(process.hrtime.bigint());
  Atomics.wait(sleeping, 0, 0, 0.3 + Math.random() * 0.4);
  setImmediate(step);
};
parentPort.on('message', (on) => {
  const was = running;
  running = on;
  if (on && !was) step();
});
`;

/** { start(), stop(), close() }; stop gives { samples in µs, monitor }. */
export async function loopDelayProbe() {
  const worker = new Worker(source, { eval: true });
  await new Promise((resolve) => worker.once('online', resolve));
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  let samples = [];
  worker.on('message', (sent) => {
    samples.push(Number(process.hrtime.bigint() - sent) / 1000);
  });
  worker.unref();
  return {
    start() {
      samples = [];
      monitor.reset();
      monitor.enable();
      worker.postMessage(true);
    },
    stop() {
      worker.postMessage(false);
      monitor.disable();
      const ms = (ns) => round(ns / 1e6);
      return {
        samples,
        monitorMs: {
          p50: ms(monitor.percentile(50)),
          p99: ms(monitor.percentile(99)),
          max: ms(monitor.max),
        },
      };
    },
    close: () => worker.terminate(),
  };
}
