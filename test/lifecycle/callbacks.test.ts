// The end of a process or worker while TensorRT waits for JavaScript: for a chunk of a plan, or for memory.

import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';

const begin = `
  const { Worker, isMainThread } = require('node:worker_threads');
  const { GpuAllocator, Session, build } = require('trt-node');
  const reference = { runtime: 'reference' };
  const profiles = [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }];
  async function stall() {
    const plan = await build({ ...reference, onnx: 'test/fixtures/onnx/mlp.onnx', profiles });
    Session.load((async function* () {
      yield plan.subarray(0, 1000);
      await new Promise(() => undefined);
    })(), reference).catch(() => undefined);
    const gpuAllocator = new GpuAllocator({ ...reference, allocate: () => null });
    Session.load(plan, { ...reference, gpuAllocator }).catch(() => undefined);
  }
`;

test.each([
  [
    'process.exit()',
    `stall().then(() => setTimeout(() => { console.log('out'); process.exit(0); }, 100));`,
  ],
  [
    'worker.terminate()',
    `if (isMainThread) {
      const worker = new Worker(process.env.TRT_NODE_TEST_SCRIPT, { eval: true });
      worker.on('message', () => setTimeout(async () => {
        await worker.terminate();
        console.log('out');
      }, 100));
    } else {
      stall().then(() => require('node:worker_threads').parentPort.postMessage('stalled'));
    }`,
  ],
])(
  '%s',
  async (_name, end) => {
    const code = begin + end;
    const result = await runChild({ code }, { env: { TRT_NODE_TEST_SCRIPT: code } });
    expect(result.stderr).toBe('');
    expect(result).toMatchObject({ code: 0, signal: null });
    expect(result.stdout).toContain('out');
  },
  40_000,
);
