// CUDA graphs of a session: when they are captured, launched and given up, and that results are right whatever changes between runs.

import { beforeAll, describe, expect, test } from 'vitest';
import { Runtime, Session, type SessionOptions, Tensor } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { assertClose, knownAnswer, knownAnswers } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

// Graphs that write a word at their end are made only where threads may spin.
process.env.TRT_NODE_SPIN = '1'; // before the addon is loaded, which is at its first use

/** What mlp answers without graphs, for inputs that differ in each call. */
let plain: Session;
let calls = 0;

beforeAll(async () => {
  plain = await Session.load(await referencePlan('mlp'), { ...reference, cudaGraph: 'off' });
  return () => plain.close();
});

/** Inputs of `rows` rows that no other call got, and the right answer. */
function fresh(rows = 8): { x: Float32Array; y: Float32Array } {
  calls++;
  const x = Float32Array.from({ length: rows * 64 }, (_, i) => Math.sin(calls * 31 + i));
  return { x, y: plain.runSync({ x }).y!.data as Float32Array };
}

const graphs = (session: Session): ReturnType<Session['stats']>['cudaGraph'] =>
  session.stats().cudaGraph;

/** Runs with new inputs of `rows` rows and checks the answer. Where faults are injected, `answer` must have been made before. */
async function check(session: Session, rows = 8, answer = fresh(rows)): Promise<void> {
  const { x, y } = answer;
  const result = await session.run({ x });
  expect(result.y!.shape).toEqual([rows, 32]);
  expect(result.y!.data).toEqual(y);
}

describe('when a graph is captured', () => {
  test.each([
    ['auto', 5, 4, 1],
    ['on', 5, 4, 1],
    ['off', 5, 0, 0],
  ] as const)('%s: of %i same runs %i launch one', async (cudaGraph, runs, hits, captures) => {
    const session = await referenceSession('mlp', { cudaGraph });
    for (let run = 0; run < runs; run++) await check(session);
    expect(graphs(session)).toEqual({ hits, captures, fallbacks: 0, fallbackReason: undefined });
  });

  test('auto after the second run, on after the first', async () => {
    const auto = await referenceSession('mlp');
    await check(auto);
    expect(graphs(auto).captures).toBe(0);
    await check(auto);
    expect(graphs(auto)).toMatchObject({ captures: 1, hits: 1 });
    const on = await referenceSession('mlp', { cudaGraph: 'on' });
    await check(on);
    expect(graphs(on)).toMatchObject({ captures: 1, hits: 0 });
  });

  test('runSync and run share them', async () => {
    const session = await referenceSession('mlp');
    const run = (): void => {
      const { x, y } = fresh();
      expect(session.runSync({ x }).y!.data).toEqual(y);
    };
    run();
    run();
    await check(session);
    run();
    expect(graphs(session)).toMatchObject({ captures: 1, hits: 3, fallbacks: 0 });
  });

  test('each slot has its own', async () => {
    const session = await referenceSession('mlp', { instances: 2, cudaGraph: 'on' });
    const answers = [fresh(), fresh()];
    injectFaults('delay=20');
    const rounds = async (): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        await Promise.all(answers.map((answer) => check(session, 8, answer)));
      }
    };
    await rounds();
    // A third where they did not overlap at first, and so had the same activation memory.
    const { captures, hits } = graphs(session);
    expect([2, 3]).toContain(captures);
    await rounds();
    expect(graphs(session)).toMatchObject({ captures, hits: hits + 6, fallbacks: 0 });
  });

  test.each(knownAnswers.filter(({ name }) => name !== 'lane'))(
    'known answers, captured at once: $name',
    async ({ name }) => {
      const session = await referenceSession(name, { cudaGraph: 'on' });
      for (let round = 0; round < 3; round++) await knownAnswer(name).check(session);
      const { captures, hits, fallbacks } = graphs(session);
      expect(hits + fallbacks).toBeGreaterThan(0);
      if (name !== 'nonzero') expect(captures).toBeGreaterThan(0);
    },
  );
});

describe('results are right', () => {
  const options = { cudaGraph: 'on' } as const;

  test('into reused arrays and tensors; the same object comes back', async () => {
    const session = await referenceSession('mlp', options);
    const array = new Float32Array(8 * 32);
    const tensor = new Tensor('float32', new Float32Array(8 * 32), [8, 32]);
    for (let round = 0; round < 6; round++) {
      const { x, y } = fresh();
      const first = await session.run({ x }, { outputs: { y: array } });
      expect(array).toEqual(y);
      expect(first.y.data).toBe(array);
      const other = fresh();
      const second = await session.run({ x: other.x }, { outputs: { y: tensor } });
      expect(second.y).toBe(tensor);
      expect(tensor.data).toEqual(other.y);
      expect(array).toEqual(y);
    }
    // Both go through staging: one combination.
    expect(graphs(session)).toMatchObject({ captures: 1, hits: 11 });
  });

  test('over pinned tensors, in and out', async () => {
    const session = await referenceSession('mlp', options);
    using runtime = new Runtime(reference);
    using input = runtime.createPinnedBuffer(8 * 64 * 4);
    using output = runtime.createPinnedBuffer(8 * 32 * 4);
    const x = input.tensor('float32', [8, 64]);
    const target = output.tensor('float32', [8, 32]);
    for (let round = 0; round < 5; round++) {
      const { x: values, y } = fresh();
      input.write(values);
      expect((await session.run({ x }, { outputs: { y: target } })).y).toBe(target);
      expect(target.data).toEqual(y);
    }
    expect(graphs(session)).toMatchObject({ captures: 1, hits: 4 });
  });

  test('over device tensors, in and out', async () => {
    const session = await referenceSession('mlp', options);
    using runtime = new Runtime(reference);
    using x = runtime.createDeviceTensor('float32', [8, 64]);
    using target = runtime.createDeviceTensor('float32', [8, 32]);
    for (let round = 0; round < 5; round++) {
      const { x: values, y } = fresh();
      x.writeSync(new Tensor('float32', values, [8, 64]));
      await session.run({ x }, { outputs: { y: target } });
      expect((await target.read()).data).toEqual(y);
    }
    expect(graphs(session)).toMatchObject({ captures: 1, hits: 4 });
  });

  test('two sessions in a chain, over the device', async () => {
    const first = await referenceSession('slow', options);
    const second = await referenceSession('mlp', options);
    const [slow, mlp] = await Promise.all(
      ['slow', 'mlp'].map((name) => referenceSession(name, { cudaGraph: 'off' })),
    );
    for (let round = 0; round < 6; round++) {
      const { x: values } = fresh(64);
      const x = new Tensor('float32', values, [64, 64]);
      const { y: between } = await first.run({ x }, { outputs: { y: 'device' } });
      const { y } = await second.run({ x: between });
      between.close();
      const middle = (await slow!.run({ x })).y!;
      expect(y!.data).toEqual((await mlp!.run({ x: middle })).y!.data);
    }
    // The buffer that was closed serves the next run: the same address, so the same graph.
    expect(graphs(first)).toMatchObject({ captures: 1, hits: 5 });
    expect(graphs(second)).toMatchObject({ captures: 1, hits: 5 });
  });

  test('while device outputs are kept, so that each run has another buffer', async () => {
    const session = await referenceSession('mlp');
    const kept = [];
    for (let round = 0; round < 12; round++) {
      const { x, y } = fresh();
      kept.push({ tensor: (await session.run({ x }, { outputs: { y: 'device' } })).y, y });
    }
    for (const { tensor, y } of kept) {
      expect((await tensor.read()).data).toEqual(y);
      tensor.close();
    }
  });

  test('shapes A, B, A, B … and profiles that alternate', async () => {
    const session = await referenceSession('mlp');
    for (let round = 0; round < 5; round++) for (const rows of [8, 3]) await check(session, rows);
    expect(graphs(session)).toMatchObject({ captures: 2, fallbacks: 0 });
    expect(graphs(session).hits).toBeGreaterThanOrEqual(6);
    // The second profile needs more activation memory, which is then elsewhere: one more capture for each.
    for (let round = 0; round < 3; round++) for (const rows of [8, 64]) await check(session, rows);
    const { captures, hits } = graphs(session);
    expect(captures).toBe(4);
    for (let round = 0; round < 5; round++) for (const rows of [8, 64]) await check(session, rows);
    expect(graphs(session)).toMatchObject({ captures, hits: hits + 10, fallbacks: 0 });
  });

  test('a growing batch, beyond what was reserved', async () => {
    const session = await referenceSession('mlp', { cudaGraph: 'on', maxCudaGraphs: 64 });
    const sizes = [1, 2, 31, 32, 33, 64, 200, 256];
    for (let round = 0; round < 3; round++) for (const rows of sizes) await check(session, rows);
    expect(graphs(session).hits).toBeGreaterThan(0);
  });

  test('other pinned buffers, closed ones made again, and other outputs wanted', async () => {
    const session = await referenceSession('mlp', options);
    using runtime = new Runtime(reference);
    const addresses = new Set<bigint>();
    for (let round = 0; round < 12; round++) {
      using input = runtime.createPinnedBuffer(8 * 64 * 4, { mapped: true });
      using output = runtime.createPinnedBuffer(8 * 32 * 4, { mapped: true });
      addresses.add(input.deviceAddress);
      const { x, y } = fresh();
      input.write(x);
      const feeds = { x: input.tensor('float32', [8, 64]) };
      const target = output.tensor('float32', [8, 32]);
      await session.run(feeds, { outputs: { y: target } });
      expect(target.data).toEqual(y);
      expect((await session.run(feeds)).y!.data).toEqual(y);
      expect(await session.run(feeds, { outputs: [] })).toEqual({});
      expect((await session.run(feeds, { outputs: ['y'] })).y!.data).toEqual(y);
    }
    // Else nothing was made again at the same address, and this test shows less than it says.
    expect(addresses.size).toBeLessThan(12);
  });

  test('two outputs, of which now one and now the other is wanted', async () => {
    const session = await referenceSession('two_inputs', options);
    const off = await referenceSession('two_inputs', { cudaGraph: 'off' });
    for (let round = 0; round < 4; round++) {
      for (const outputs of [['c'], ['z'], ['z', 'c'], undefined]) {
        const feeds = { a: fresh(8).x.slice(0, 6), b: fresh(8).x.slice(0, 3) };
        expect(await session.run(feeds, { outputs })).toEqual(await off.run(feeds, { outputs }));
      }
    }
    expect(graphs(session).hits).toBeGreaterThan(8);
  });

  test('values of shape tensors', async () => {
    const session = await referenceSession('reshape_by_input', options);
    for (let round = 0; round < 4; round++) {
      for (const shape of [
        [2, 6],
        [6, 2],
        [12, 1],
      ]) {
        const x = new Tensor('float32', fresh(1).x.slice(0, 12), [3, 4]);
        const { y } = await session.run({ x, shape });
        expect(y!.shape).toEqual(shape);
        expect(y!.data).toEqual(x.data);
      }
    }
    expect(graphs(session)).toMatchObject({ captures: 3 });
  });
});

describe('how many are kept', () => {
  test.each([1, 2])('maxCudaGraphs %i, three shapes in turn', async (maxCudaGraphs) => {
    for (const cudaGraph of ['auto', 'on'] as const) {
      const session = await referenceSession('mlp', { cudaGraph, maxCudaGraphs });
      for (let round = 0; round < 4; round++) {
        for (const rows of [8, 3, 5]) await check(session, rows);
      }
      const { captures, hits, fallbacks } = graphs(session);
      expect(fallbacks).toBe(0);
      // 'on' captures what was forgotten again and again; 'auto' has forgotten that it was there before.
      expect({ captures, hits }).toEqual(
        cudaGraph === 'on' ? { captures: 12, hits: 0 } : { captures: 0, hits: 0 },
      );
      for (let run = 0; run < 3; run++) await check(session, 5);
      expect(graphs(session).hits).toBeGreaterThanOrEqual(2);
    }
  });

  test('the one used longest ago goes', async () => {
    const session = await referenceSession('mlp', { cudaGraph: 'on', maxCudaGraphs: 2 });
    for (const rows of [1, 2, 1, 3]) await check(session, rows); // 3 pushes out 2
    expect(graphs(session)).toMatchObject({ captures: 3, hits: 1 });
    await check(session, 1);
    expect(graphs(session)).toMatchObject({ captures: 3, hits: 2 });
    await check(session, 2);
    expect(graphs(session)).toMatchObject({ captures: 4, hits: 2 });
  });
});

describe('what cannot be captured runs without', () => {
  test('outputs whose size depends on the data', async () => {
    const session = await referenceSession('nonzero', { cudaGraph: 'on' });
    for (let run = 1; run <= 3; run++) {
      const { y } = await session.run({ x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) });
      expect(Array.from(y!.data as BigInt64Array)).toEqual([0n, 0n, 0n, 1n, 3n, 7n]);
      expect(graphs(session)).toEqual({
        hits: 0,
        captures: 0,
        fallbacks: run,
        fallbackReason: "an output's size depends on the data",
      });
    }
  });

  test.each(['capture', 'instantiate', 'graph'])('%s is refused', async (fault) => {
    const session = await referenceSession('mlp');
    injectFaults(fault);
    for (let run = 0; run < 8; run++) await check(session);
    const { hits, captures, fallbacks, fallbackReason } = graphs(session);
    expect({ hits, captures }).toEqual({ hits: 0, captures: 0 });
    expect(fallbacks).toBeGreaterThan(0);
    expect(fallbackReason).toMatch(/capture/i);
    // It has stopped trying: healed, it stays without.
    injectFaults('');
    for (let run = 0; run < 3; run++) await check(session);
    expect(graphs(session)).toMatchObject({ captures: 0, fallbacks: fallbacks + 3 });
  });

  // Counted from the second run on, which begins with the capture.
  test.each([
    ['capture@1', 'the capture failed'],
    ['instantiate@1', 'cuGraphInstantiate'],
    ['graph@1', 'cuStreamBeginCapture'],
    ['enqueue@1', 'Injected fault: enqueue'],
    ['copy@1', 'cuMemcpyHtoDAsync'],
    ['copy@2', 'cuMemcpyDtoHAsync'],
  ])('one refusal (%s) is not the end', async (fault, reason) => {
    const session = await referenceSession('mlp');
    await check(session);
    const answers = Array.from({ length: 6 }, () => fresh());
    injectFaults(fault);
    await check(session, 8, answers[0]);
    expect(graphs(session)).toMatchObject({ captures: 0, fallbacks: 1, hits: 0 });
    expect(graphs(session).fallbackReason).toContain(reason);
    for (const answer of answers.slice(1)) await check(session, 8, answer);
    expect(graphs(session)).toMatchObject({ captures: 1, fallbacks: 1 });
    expect(graphs(session).hits).toBeGreaterThan(0);
  });
});

describe('failures of a graph that runs', () => {
  async function captured(options: SessionOptions = {}): Promise<Session> {
    const session = await referenceSession('mlp', options);
    for (let run = 0; run < 3; run++) await check(session);
    expect(graphs(session)).toMatchObject({ captures: 1, hits: 2 });
    return session;
  }

  test('copies are part of it: none is called for any more', async () => {
    const session = await captured();
    const answer = fresh();
    const { x, y } = fresh();
    injectFaults('copy');
    await check(session, 8, answer);
    expect(session.runSync({ x }).y!.data).toEqual(y);
    await expectError(() => session.run({ x: x.subarray(0, 192) }), 'ERR_TRT_CUDA');
    injectFaults('');
    await check(session);
    expect(session.stats()).toMatchObject({ failed: 1 });
  });

  test.each(['adaptive', 'spin', 'block'] as const)(
    'a kernel that fails in flight, %s',
    async (completion) => {
      const session = await captured({ completion });
      const { x } = fresh();
      injectFaults('launch=719@1');
      const error = await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST');
      expect(error.cudaErrorName).toBe('CUDA_ERROR_LAUNCH_FAILED');
      await expectError(() => session.runSync({ x }), 'ERR_TRT_DEVICE_LOST');
      injectFaults('');
      for (let run = 0; run < 3; run++) await check(session);
      expect(session.stats()).toMatchObject({ failed: 2, running: 0 });
    },
  );

  test.each(['adaptive', 'spin', 'block'] as const)(
    'a lost device, with many in flight, %s',
    async (completion) => {
      const session = await referenceSession('mlp', { completion, instances: 4 });
      for (let run = 0; run < 3; run++) {
        await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => check(session)));
      }
      injectFaults('delay=10');
      const { x } = fresh();
      const runs = Array.from({ length: 8 }, () => session.run({ x }));
      injectFaults('sticky=700');
      for (const result of await Promise.allSettled(runs)) {
        if (result.status === 'fulfilled') continue;
        expect(result.reason).toMatchObject({ code: 'ERR_TRT_DEVICE_LOST' });
      }
      const error = await expectError(() => session.run({ x }), 'ERR_TRT_DEVICE_LOST');
      expect(error.cudaErrorName).toBe('CUDA_ERROR_ILLEGAL_ADDRESS');
      injectFaults('');
      await check(session);
      expect(session.stats()).toMatchObject({ running: 0, queued: 0 });
    },
  );

  test('memory operations that are refused while many are in flight', async () => {
    const session = await referenceSession('mlp', { instances: 8, completion: 'spin' });
    injectFaults('memop');
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 24 }, () => check(session)));
    }
    assertClose([session.stats().completed], [120], 0, 'completed');
    expect(session.stats()).toMatchObject({ failed: 0 });
  });
});
