// A model repository on a real GPU: right numbers, dynamic batching, CUDA graphs, ensembles whose tensors stay on the device, reloading.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tensor, float32ToFloat16 } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { openRepository } from './serving-support.js';
import { codeOf } from './support.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const rows = ramp(8 * 64);
const batching =
  'dynamic_batching { preferred_batch_size: [ 8, 32 ] max_queue_delay_microseconds: 300 }';

test('a plan without a config: completed, and every batch it takes answered rightly', async () => {
  const repository = await openRepository({ mlp: { plan: 'mlp.plan' } });
  const { config } = repository.model('mlp');
  assert.equal(config.platform, 'tensorrt_plan');
  assert.equal(config.max_batch_size, 256); // of both profiles
  assert.deepEqual(config.input[0]?.dims, [64]);
  for (const n of [1, 3, 8, 32, 33, 64, 256]) {
    const x = Float32Array.from({ length: n * 64 }, (_, index) => rows[index % rows.length] ?? 0);
    const outputs = await repository.infer('mlp', { x: new Tensor('float32', x, [n, 64]) });
    assert.deepEqual(outputs.y?.shape, [n, 32]);
    assertClose(outputs.y.data as Float32Array, firstRow, 1e-5, `y of batch ${n}`);
  }
  await repository.close();
});

test('a thousand requests are gathered into few batches, each gets its own answer', async () => {
  const repository = await openRepository({
    mlp: { plan: 'mlp.plan', config: `max_batch_size: 32\n${batching}` },
  });
  const row = (index: number): Float32Array =>
    rows.subarray((index % 8) * 64, (index % 8) * 64 + 64);
  const single: Float32Array[] = [];
  for (let index = 0; index < 8; index++) {
    const outputs = await repository.infer('mlp', { x: row(index) });
    single.push(outputs.y?.data as Float32Array);
  }
  const before = repository.model('mlp').statistics.executionCount;
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => repository.infer('mlp', { x: row(index) })),
  );
  answers.forEach((outputs, index) => {
    assert.deepEqual(outputs.y?.shape, [1, 32]);
    assertClose(outputs.y.data as Float32Array, single[index % 8] ?? [], 1e-6, `request ${index}`);
  });
  const { statistics } = repository.model('mlp');
  assert.ok(statistics.executionCount - before <= 250, `${statistics.executionCount} executions`);
  assert.equal(statistics.inferenceCount, 1008);
  await repository.close();
});

test('with CUDA graphs the numbers are the same', async () => {
  const config = `max_batch_size: 32\n${batching}\noptimization { cuda { graphs: true graph_spec [ { batch_size: 8 input { key: "x" value { dim: [ 64 ] } } } ] } }`;
  const repository = await openRepository({ mlp: { plan: 'mlp.plan', config } });
  for (let turn = 0; turn < 50; turn++) {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        repository.infer('mlp', { x: rows.subarray(index * 64, index * 64 + 64) }),
      ),
    );
    assertClose(answers[0]?.y?.data as Float32Array, firstRow, 1e-5, 'y');
  }
  await repository.close();
});

test('types: FP16, BF16, INT64 and BOOL through the repository', async () => {
  const repository = await openRepository({ dtypes: { plan: 'dtypes.plan' } });
  const shape = [1, 4];
  const values = Float32Array.of(0, 1, -1, 2.5);
  const outputs = await repository.infer('dtypes', {
    f32: new Tensor('float32', values, shape),
    f16: new Tensor('float16', float32ToFloat16(values), shape),
    i32: new Tensor('int32', Int32Array.of(1, 2, 3, -4), shape),
    i64: new Tensor('int64', BigInt64Array.of(1n, 2n ** 40n, -1n, 0n), shape),
    b: new Tensor('bool', Uint8Array.of(0, 1, 1, 0), shape),
    u8: new Tensor('uint8', Uint8Array.of(0, 1, 128, 255), shape),
    bf16: new Tensor('bfloat16', new Uint16Array(4), shape),
  });
  assert.deepEqual(outputs.o_f32?.data, Float32Array.of(0, 2, -2, 5));
  assert.deepEqual(outputs.o_f16?.data, float32ToFloat16(Float32Array.of(0, 2, -2, 5)));
  assert.deepEqual(outputs.o_i64?.data, BigInt64Array.of(2n, 2n ** 41n, -2n, 0n));
  assert.deepEqual(outputs.o_b?.data, Uint8Array.of(1, 0, 0, 1));
  await repository.close();
});

test('outputs whose size depends on the data', async () => {
  const repository = await openRepository({
    nonzero: { plan: 'nonzero.plan', config: 'max_batch_size: 0' },
  });
  const x = Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0);
  const outputs = await repository.infer('nonzero', { x: new Tensor('float32', x, [2, 8]) });
  assert.deepEqual(outputs.y?.shape, [2, 3]);
  assert.deepEqual(outputs.y.data, BigInt64Array.of(0n, 0n, 0n, 1n, 3n, 7n));
  await repository.close();
});

test('an ensemble of two plans: as one after the other, nothing but its ends on the host', async () => {
  const tensor = (name: string): string =>
    `{ name: "${name}" data_type: TYPE_FP32 dims: [ -1, -1 ] }`;
  const step = (from: string, to: string): string =>
    `{ model_name: "slow" model_version: -1 input_map { key: "x" value: "${from}" } output_map { key: "y" value: "${to}" } }`;
  const repository = await openRepository({
    slow: { plan: 'slow.plan', config: 'max_batch_size: 0' },
    both: {
      config: `platform: "ensemble"\nmax_batch_size: 0\ninput [ ${tensor('x')} ]\noutput [ ${tensor('y')} ]\nensemble_scheduling { step [ ${step('x', 'between')}, ${step('between', 'y')} ] }`,
    },
  });
  const n = 64;
  const x = new Tensor('float32', ramp(n * n), [n, n]);
  const first = await repository.infer('slow', { x });
  const second = await repository.infer('slow', { x: first.y! });
  const outputs = await repository.infer('both', { x });
  assert.deepEqual(outputs.y?.shape, [n, n]);
  assertClose(outputs.y.data as Float32Array, second.y?.data as Float32Array, 1e-6, 'y');
  await repository.close();
});

test('reloading under load loses no request', async () => {
  const repository = await openRepository(
    { mlp: { plan: 'mlp.plan', config: `max_batch_size: 32\n${batching}` } },
    { controlMode: 'explicit', loadModels: ['mlp'] },
  );
  let stopped = false;
  let answered = 0;
  const callers = Array.from({ length: 16 }, async () => {
    while (!stopped) {
      const outputs = await repository.infer('mlp', { x: rows.subarray(0, 64) });
      assertClose(outputs.y?.data as Float32Array, firstRow, 1e-5, 'y');
      answered++;
    }
  });
  for (let turn = 0; turn < 10; turn++) await repository.load('mlp');
  stopped = true;
  await Promise.all(callers);
  assert.ok(answered > 100, `${answered} requests`);
  await repository.unload('mlp');
  const { code } = await codeOf(() => repository.infer('mlp', { x: rows.subarray(0, 64) }));
  assert.match(code, /^ERR_TRT_MODEL_(NOT_FOUND|UNAVAILABLE)$/);
  await repository.close();
});
