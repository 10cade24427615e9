// TensorRT 8.5 and 8.6: everything runs through their slots and layouts, computed by the reference runtime; and two majors at once.

import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Engine, Runtime, Session, type SessionOptions } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { assertClose, knownAnswers, ramp } from '../helpers/known-answers.js';
import { injectFaults, referencePlan, referenceSession } from '../helpers/reference.js';
import { hasTensorRT8, library8, stub } from '../helpers/tensorrt8.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const versions = ['8.6.1', '8.5.2'] as const;

/** A session on TensorRT 8, closed when the calling test ends. */
async function session8(
  name: string,
  version: (typeof versions)[number] = '8.6.1',
  options: SessionOptions = {},
): Promise<Session> {
  const plan = await referencePlan(name); // opens the reference runtime itself, which the library needs
  const session = await Session.load(plan, { library: library8(version), ...options });
  onTestFinished(() => session.close());
  return session;
}

function runtime8(version: (typeof versions)[number], options = {}): Runtime {
  const runtime = new Runtime({ library: library8(version), ...options });
  onTestFinished(() => {
    runtime.close();
  });
  return runtime;
}

describe.skipIf(!hasTensorRT8).each(versions)('TensorRT %s', (version) => {
  test.each(knownAnswers)('$name', async ({ name, check }) => {
    const session = await session8(name, version);
    expect(session.version).toBe(version);
    await check(session);
    await check(session);
  });

  test('graphs, both profiles, lent activation memory, run, runSync and runMany', async () => {
    const session = await session8('mlp', version, { cudaGraph: 'on' });
    const x = ramp(8 * 64);
    const many = Float32Array.from({ length: 64 * 64 }, (_, i) => x[i % x.length] ?? 0);
    for (let i = 0; i < 4; i++) {
      const { y } = await session.run({ x });
      assertClose(y?.data as Float32Array, firstRow, 1e-5, 'run');
      expect((await session.run({ x: many })).y?.shape).toEqual([64, 32]);
    }
    assertClose(session.runSync({ x }).y?.data as Float32Array, firstRow, 1e-5, 'runSync');
    for (const { y } of await session.runMany([{ x }, { x: many }, { x }])) {
      assertClose(y?.data as Float32Array, firstRow, 1e-5, 'runMany');
    }
    const { cudaGraph } = session.stats();
    expect(cudaGraph.captures).toBeGreaterThanOrEqual(2);
    expect(cudaGraph.fallbacks).toBe(0);
    expect(cudaGraph.hits).toBeGreaterThan(6);
    expect(session.memory().activationBytes).toBe(session.engine.deviceMemoryBytes);
  });

  test('an output whose size depends on the data comes through the output allocator', async () => {
    const session = await session8('nonzero', version);
    await session.run({ x: Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3) });
    expect(session.stats().cudaGraph.fallbackReason).toMatch(/depends on the data/);
  });

  test('one execution context a profile, and what to do', async () => {
    await session8('mlp', version);
    const error = await expectError(
      () => session8('mlp', version, { instances: 2 }),
      'ERR_TRT_UNSUPPORTED',
      'has been chosen by another IExecutionContext',
      'load the plan again',
    );
    expect(error).toBeDefined();
    // One that is gone has given its profile back.
    const runtime = runtime8(version);
    const engine = runtime.deserializeEngine(await referencePlan('mlp'));
    engine.createExecutionContext().close();
    expect(engine.createExecutionContext().optimizationProfile).toBe(0);
    const second = engine.createExecutionContext();
    expect(second.optimizationProfile).toBe(-1);
    const stream = runtime.createStream();
    second.setOptimizationProfile(1, stream);
    await expectError(() => {
      second.setOptimizationProfile(0, stream);
    }, 'ERR_TRT_UNSUPPORTED');
  });

  test('the low level', async () => {
    const runtime = runtime8(version);
    expect(runtime).toMatchObject({ version, numDlaCores: 0, engineHostCodeAllowed: false });
    const engine: Engine = runtime.deserializeEngine(await referencePlan('mlp'));
    expect(engine.tensor('x').profiles.map(({ min, max }) => [min[0], max[0]])).toEqual([
      [1, 32],
      [33, 256],
    ]);
    expect(engine.tensor('x').layouts).toHaveLength(2);
    expect(engine.numAuxStreams).toBe(0);
    expect(engine.hardwareCompatibilityLevel).toBe('none');
    expect(engine.deviceMemoryBytesPerProfile).toEqual([
      engine.deviceMemoryBytes,
      engine.deviceMemoryBytes,
    ]);
    await expectError(
      () => engine.createExecutionContext('onProfileChange'),
      'ERR_TRT_UNSUPPORTED',
      '10.0',
    );
    const context = engine.createExecutionContext('userManaged');
    const bytes = context.updateDeviceMemorySizeForShapes();
    expect(bytes).toBe(engine.deviceMemoryBytes);
    await expectError(() => {
      context.setDeviceMemory(runtime.createDeviceBuffer(bytes - 1));
    }, 'ERR_TRT_INVALID_ARGUMENT');
    context.setDeviceMemory(runtime.createDeviceBuffer(bytes));
    const [x, y] = [runtime.createDeviceBuffer(8 * 64 * 4), runtime.createDeviceBuffer(8 * 32 * 4)];
    x.writeSync(ramp(8 * 64));
    context.setInputShape('x', [8, 64]);
    expect(context.inferShapes()).toEqual([]);
    expect(context.tensorShape('y')).toEqual([8, 32]);
    expect(context.tensorStrides('y')).toEqual([32, 1]);
    context.setTensorAddress('x', x);
    context.setTensorAddress('y', y);
    const stream = runtime.createStream();
    context.enqueue(stream);
    await stream.synchronize();
    const out = new Float32Array(8 * 32);
    y.readSync(out);
    assertClose(out, firstRow, 1e-5, 'y');
    await expectError(() => context.setInputShape('x', [300, 64]), 'ERR_TRT_SHAPE_OUT_OF_RANGE');
    const inspector = engine.createInspector();
    expect(JSON.parse(inspector.engineInformation('json'))).toHaveProperty('Layers');
    using again = runtime.deserializeEngine(engine.serialize());
    expect(again.numOptimizationProfiles).toBe(2);
  });

  test("TensorRT's errors arrive with its words", async () => {
    const session = await session8('mlp', version);
    injectFaults('enqueue');
    const error = await session.run({ x: ramp(8 * 64) }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_TRT_EXECUTION' });
    expect((error as { log: string[] }).log.join('\n')).toMatch(/enqueueV3/);
  });
});

describe.skipIf(!hasTensorRT8)('what 8.5 lacks', () => {
  test.each([{ engineHostCodeAllowed: true }, { temporaryDirectory: '/tmp' }])(
    'Runtime(%o)',
    async (options) => {
      await referencePlan('mlp');
      await expectError(
        () => runtime8('8.5.2', options),
        'ERR_TRT_UNSUPPORTED',
        'needs TensorRT 8.6 or newer; this is TensorRT 8.5.2',
      );
      expect(runtime8('8.6.1', options)).toMatchObject(options);
    },
  );
});

describe.skipIf(!hasTensorRT8)('two majors in one process', () => {
  const x = ramp(8 * 64);
  const check = async (session: Session): Promise<void> => {
    const { y } = await session.run({ x });
    assertClose(y?.data as Float32Array, firstRow, 1e-5, session.version);
  };

  test.each([[['8', '10']], [['10', '8']]])('runs between each other, closed %s', async (order) => {
    const sessions: Record<string, Session> = {
      10: await referenceSession('mlp'),
      8: await session8('mlp'),
    };
    expect(sessions[8]?.version).toBe('8.6.1');
    expect(sessions[10]?.version).toMatch(/^10\./);
    const all = Object.values(sessions);
    await Promise.all(Array.from({ length: 40 }, (_, i) => check(all[i % 2] as Session)));
    const [first, last] = order.map((major) => sessions[major] as Session) as [Session, Session];
    await first.close();
    await check(last);
    await last.close();
  });

  test('in workers that come and go', async () => {
    const plan = await referencePlan('mlp');
    const mine = await session8('mlp');
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { Session } = require('${process.cwd()}');
      (async () => {
        for (const options of workerData.options) {
          const session = await Session.load(workerData.plan, options);
          const { y } = await session.run({ x: workerData.x });
          parentPort.postMessage([session.version, y.data[0]]);
        }
      })();`;
    const eight = { library: library8('8.6.1') };
    const ten = { runtime: 'reference' };
    const heard = await Promise.all(
      [[eight, ten], [ten, eight], [eight]].map(
        (options) =>
          new Promise<[string, number][]>((resolve, reject) => {
            const messages: [string, number][] = [];
            const worker = new Worker(source, { eval: true, workerData: { plan, x, options } });
            worker.on('message', (message: [string, number]) => messages.push(message));
            worker.on('error', reject);
            worker.on('exit', () => {
              resolve(messages);
            });
          }),
      ),
    );
    expect(heard.map((messages) => messages.map(([version]) => version.split('.')[0]))).toEqual([
      ['8', '10'],
      ['10', '8'],
      ['8'],
    ]);
    assertClose(
      heard.flat().map(([, value]) => value),
      heard.flat().map(() => firstRow[0] ?? 0),
      1e-5,
      'workers',
    );
    await check(mine);
  });
});

describe.skipIf(!hasTensorRT8)('versions that cannot be used', () => {
  test.each([
    ['7/libnvinfer.so.7', '7.2.3'],
    ['8.2/libnvinfer.so.8', '8.2.1'],
    ['8.4/libnvinfer.so.8', '8.4.1'],
    ['9/libnvinfer.so.9', '9.3.0'],
    ['12/libnvinfer.so.12', '12.0.0'],
    ['rtx/libtensorrt_rtx.so.1', '1.7.1'],
  ])('%s is refused', async (file, version) => {
    await expectError(
      () => new Runtime({ library: stub(file) }),
      'ERR_TRT_LIBRARY_VERSION',
      version,
      'trt-node works with TensorRT 8.5, 8.6, 10.x and 11.x',
    );
  });
});
