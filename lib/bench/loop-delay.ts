// The event loop's delay: how long something that arrives from another thread waits until JavaScript gets to it.

import { Worker } from 'node:worker_threads';
import { TimeList } from './statistics.js';

/**
 * A thread that posts the time every 1 to 3 ms (at random, so as not to beat with the load), whether or not the last post was seen. What
 * `monitorEventLoopDelay` gives is coarser: it counts libuv's timers, which know whole milliseconds, and its own interval with them.
 */
const program = `
const { parentPort } = require('node:worker_threads');
const cell = new Int32Array(new SharedArrayBuffer(4));
parentPort.postMessage(0n);
for (;;) {
  Atomics.wait(cell, 0, 0, 1 + 2 * Math.random());
  parentPort.postMessage(process.hrtime.bigint());
}`;

/** Measures while it is open. */
export class LoopDelay {
  readonly #worker: Worker;
  #delays = new TimeList();

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (posted: bigint) => {
      this.#delays.push(Number(process.hrtime.bigint() - posted) / 1e6);
    });
    worker.on('error', () => undefined); // without samples there is no figure, and nothing else is lost
    worker.unref();
  }

  /** Resolves when the thread posts. */
  static async open(): Promise<LoopDelay> {
    const worker = new Worker(program, { eval: true, stdout: false, stderr: false });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => {
        resolve();
      });
      worker.once('error', reject);
    });
    return new LoopDelay(worker);
  }

  /** Milliseconds of the posts since the last call. */
  take(): Float64Array {
    const values = this.#delays.values();
    this.#delays = new TimeList();
    return values;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
