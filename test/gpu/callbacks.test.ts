// What TensorRT calls on a real GPU: GPU allocators, stream readers, debug tensors. How TensorRT reads a plan goes to $OUT/plan-reads.txt.

import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, pipeline } from 'node:stream';
import { test } from 'node:test';
import {
  type DebugTensor,
  type DeviceBuffer,
  GpuAllocator,
  type PlanInput,
  Runtime,
  Session,
  Tensor,
  build,
} from 'trt-node';
import { assertClose, knownAnswer, ramp } from '../helpers/known-answers.js';
import { codeOf, onnx, plan, readPlan } from './support.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const x = ramp(8 * 64);
const noBuilder =
  process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function right(source: PlanInput, options = {}): Promise<void> {
  const session = await Session.load(source, options);
  assertClose((await session.run({ x })).y?.data as Float32Array, firstRow, 1e-5, 'y');
  await session.close();
}

test('an allocator counts what a session takes, and gets all of it back', async () => {
  const gpuAllocator = new GpuAllocator();
  const session = await Session.load(plan('mlp.plan'), { gpuAllocator, instances: 2 });
  for (let run = 0; run < 20; run++) {
    assertClose((await session.run({ x })).y?.data as Float32Array, firstRow, 1e-5, 'y');
  }
  const used = gpuAllocator.stats();
  assert.ok(used.allocations > 0, 'TensorRT asked for nothing');
  assert.ok(used.allocatedBytes > 0 && used.allocatedBytes <= used.peakBytes);
  assert.ok(session.stats().cudaGraph.hits > 0, 'no graph was used with an allocator');
  await session.close();
  const after = gpuAllocator.stats();
  assert.equal(after.allocatedBytes, 0);
  assert.equal(after.deallocations, after.allocations);
  gpuAllocator.close();
});

test('the limit refuses, and the error names it', async () => {
  const probe = new GpuAllocator();
  await (await Session.load(plan('lane.plan'), { gpuAllocator: probe })).close();
  const { peakBytes } = probe.stats();
  const gpuAllocator = new GpuAllocator({ limitBytes: Math.floor(peakBytes / 2) });
  const refused = await codeOf(() => Session.load(plan('lane.plan'), { gpuAllocator }));
  assert.equal(refused.code, 'ERR_TRT_OUT_OF_MEMORY', refused.message);
  assert.match(refused.message, /limit of/);
  assert.ok(gpuAllocator.stats().refusals > 0);
  assert.equal(gpuAllocator.stats().allocatedBytes, 0);
  // The library is none the worse for it.
  await right(plan('mlp.plan'));
  await right(plan('mlp.plan'), { gpuAllocator: new GpuAllocator({ limitBytes: 2 ** 30 }) });
});

test('an output whose size depends on the data: temporaries come from it, too', async () => {
  const gpuAllocator = new GpuAllocator();
  const session = await Session.load(plan('nonzero.plan'), { gpuAllocator });
  await knownAnswer('nonzero').check(session);
  await session.close();
  assert.equal(gpuAllocator.stats().allocatedBytes, 0);
});

test('memory from JavaScript, whichever thread TensorRT asks on', async () => {
  const runtime = new Runtime();
  const open = new Map<bigint, DeviceBuffer>();
  const gpuAllocator = new GpuAllocator({
    allocate: (bytes) => {
      const buffer = runtime.createDeviceBuffer(bytes);
      open.set(buffer.address, buffer);
      return buffer;
    },
    deallocate: (address) => {
      open.get(address)?.close();
      open.delete(address);
    },
  });
  await right(plan('mlp.plan'), { gpuAllocator });
  const { allocations, allocatedBytes } = gpuAllocator.stats();
  assert.ok(allocations > 0);
  assert.equal(allocatedBytes, 0);
  for (let turn = 0; open.size > 0 && turn < 100; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(open.size, 0);
  const second = new Runtime({ gpuAllocator });
  second.deserializeEngine(readPlan('mlp.plan')).close();
  second.close();
  const refused = await codeOf(() =>
    Session.load(plan('mlp.plan'), { gpuAllocator: new GpuAllocator({ allocate: () => null }) }),
  );
  assert.equal(refused.code, 'ERR_TRT_OUT_OF_MEMORY', refused.message);
  runtime.close();
});

test('plans in pieces of 64 KiB, and how TensorRT reads them', async () => {
  for (const name of ['mlp', 'lane']) {
    const lines: string[] = [];
    const runtime = new Runtime({
      logSeverity: 'verbose',
      log: (_severity: unknown, line: string) => lines.push(line),
    });
    const bytes = readPlan(`${name}.plan`);
    const engine = await runtime.deserializeEngineAsync(chunks(bytes, 65_536));
    assert.ok(engine.numLayers > 0);
    runtime.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const reads = lines.filter((line) => line.includes('read the plan so:'));
    assert.equal(reads.length, 1, lines.join('\n'));
    if (process.env.OUT !== undefined) {
      const text = `${runtime.version} ${name} ${bytes.length} bytes: ${reads[0]}\n`;
      appendFileSync(join(process.env.OUT, 'plan-reads.txt'), text);
    }
  }
  await right(chunks(readPlan('mlp.plan'), 65_536));
  await right(chunks(readPlan('mlp.plan'), 1000));
});

test('encrypted plans: the right key runs, a forged one is refused at its end', async () => {
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const bytes = Buffer.concat([cipher.update(readPlan('mlp.plan')), cipher.final()]);
  const decrypted = (tag: Buffer): Readable =>
    pipeline(
      Readable.from(chunks(bytes, 65_536)),
      createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(tag),
      () => undefined,
    );
  const tag = cipher.getAuthTag();
  await right(decrypted(tag));
  const forged = Buffer.from(tag);
  forged[0] = (forged[0] ?? 0) ^ 1;
  const refused = await codeOf(() => Session.load(decrypted(forged)));
  assert.equal(refused.code, 'ERR_TRT_FILE', refused.message);
});

test('a damaged and a short plan in pieces', async () => {
  const bytes = Buffer.from(readPlan('mlp.plan'));
  const short = await codeOf(() => Session.load(chunks(bytes.subarray(0, 5000), 1000)));
  assert.equal(short.code, 'ERR_TRT_INVALID_PLAN', short.message);
  const cause = new Error('the line went dead');
  const dead = await codeOf(() =>
    Session.load(
      (async function* () {
        yield* chunks(bytes.subarray(0, 5000), 1000);
        throw cause;
      })(),
    ),
  );
  assert.equal(dead.code, 'ERR_TRT_FILE', dead.message);
});

// Of mlp TensorRT 10.6 cannot build a plan with debug tensors: its builder asserts ("listed more than once") or ends the process ("LLVM ERROR").
test('debug tensors have the right values', { skip: noBuilder }, async () => {
  const bytes = await build({
    onnx: onnx('slow.onnx'),
    profiles: [{ x: { min: [64, 64], opt: [64, 64], max: [64, 64] } }],
    tf32: false,
    builderOptimizationLevel: 1,
    markDebug: ['t10'],
  });
  const session = await Session.load(bytes);
  const square = new Tensor('float32', ramp(64 * 64), [64, 64]);
  const { y: unwatched } = await session.run({ x: square });
  const before = session.stats().cudaGraph;
  const seen: DebugTensor[] = [];
  const { y } = await session.run(
    { x: square },
    { debug: true, onDebugTensor: (tensor) => seen.push(tensor) },
  );
  assertClose(y?.data as Float32Array, unwatched?.data as Float32Array, 1e-6, 'y');
  assert.deepEqual(
    seen.map(({ name, shape }) => [name, shape]),
    [['t10', [64, 64]]],
  );
  // y = tanh(t10 · x)
  const t10 = seen[0]?.data as Float32Array;
  const x0 = square.data;
  const row = Array.from({ length: 64 }, (_, column) => {
    let sum = 0;
    for (let k = 0; k < 64; k++) sum += (t10[k] ?? 0) * (x0[k * 64 + column] ?? 0);
    return Math.tanh(sum);
  });
  assertClose((y?.data as Float32Array).subarray(0, 64), row, 1e-4, 'tanh(t10 · x)');
  assert.ok(session.stats().cudaGraph.fallbacks > before.fallbacks);
  assert.match(session.stats().cudaGraph.fallbackReason ?? '', /debug tensors were watched/);
  const named = await session.run({ x: square }, { debug: ['t10'] });
  assert.deepEqual(Object.keys(named).sort(), ['t10', 'y']);
  const unknown = await codeOf(() => session.run({ x: square }, { debug: ['x'] }));
  assert.equal(unknown.code, 'ERR_TRT_UNKNOWN_TENSOR', unknown.message);
  await session.close();
});
