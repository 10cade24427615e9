// The low-level objects on a real GPU: profiles, shapes, addresses, streams, events, graphs, allocators, inspector, profiler.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DeviceBuffer,
  type Engine,
  type ExecutionContext,
  Runtime,
  type Stream,
} from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { codeOf, readPlan } from './support.js';

const mlpFirstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

interface Mlp {
  runtime: Runtime;
  engine: Engine;
  context: ExecutionContext;
  stream: Stream;
  x: DeviceBuffer;
  y: DeviceBuffer;
}

function withMlp(
  body: (mlp: Mlp) => void | Promise<void>,
  strategy?: 'static' | 'onProfileChange' | 'userManaged',
) {
  return async (): Promise<void> => {
    const runtime = new Runtime();
    try {
      const engine = runtime.deserializeEngine(readPlan('mlp.plan'));
      const context = engine.createExecutionContext(strategy);
      const stream = runtime.createStream();
      const x = runtime.createDeviceBuffer(64 * 64 * 4);
      const y = runtime.createDeviceBuffer(64 * 32 * 4);
      x.writeSync(ramp(8 * 64));
      context.setTensorAddress('x', x);
      context.setTensorAddress('y', y);
      await body({ runtime, engine, context, stream, x, y });
    } finally {
      runtime.close();
    }
  };
}

const rows = (y: DeviceBuffer, n: number): Float32Array => {
  const out = new Float32Array(n * 32);
  y.readSync(out);
  return out;
};

test(
  'engine tells its tensors and profiles',
  withMlp(({ engine, runtime }) => {
    assert.equal(runtime.kind, 'tensorrt');
    assert.deepEqual(
      engine.tensors.map((t) => [t.name, t.mode, t.dtype, t.shape, t.location]),
      [
        ['x', 'input', 'float32', [-1, 64], 'device'],
        ['y', 'output', 'float32', [-1, 32], 'device'],
      ],
    );
    assert.equal(engine.numOptimizationProfiles, 2);
    assert.deepEqual(
      engine.tensor('x').profiles.map(({ min, opt, max }) => [min[0], opt[0], max[0]]),
      [
        [1, 8, 32],
        [33, 64, 256],
      ],
    );
    assert.match(engine.tensor('x').layouts[0]?.formatDescription ?? '', /linear FP32/i);
    assert.equal(engine.refittable, false);
    assert.ok(engine.numLayers >= 1);
    assert.equal(engine.deviceMemoryBytesPerProfile.length, 2);
  }),
);

test(
  'both profiles give the right numbers',
  withMlp(async ({ context, stream, x, y }) => {
    context.setInputShape('x', [8, 64]);
    assert.deepEqual(context.inferShapes(), []);
    assert.deepEqual(context.tensorShape('y'), [8, 32]);
    assert.deepEqual(context.tensorStrides('y'), [32, 1]);
    context.enqueue(stream);
    await stream.synchronize();
    assertClose(rows(y, 8), mlpFirstRow, 1e-5, 'y');

    const first = ramp(8 * 64);
    const all = Float32Array.from({ length: 64 * 64 }, (_, i) => first[i % first.length] as number);
    x.writeSync(all);
    context.setOptimizationProfile(1, stream);
    assert.equal(context.optimizationProfile, 1);
    context.setInputShape('x', [64, 64]);
    context.enqueue(stream);
    await stream.synchronize();
    assertClose(
      rows(y, 64).subarray(63 * 32),
      [0.03000027, 0.03833454, 0.03029057, 0.03396379],
      1e-5,
      'y[63]',
    );
  }),
);

test(
  "a shape outside the profiles is refused with TensorRT's words",
  withMlp(async ({ context, stream }) => {
    const never = await codeOf(() => {
      context.setInputShape('x', [300, 64]);
    });
    assert.equal(never.code, 'ERR_TRT_SHAPE_OUT_OF_RANGE');
    assert.match(never.log.join('\n'), /satisfyProfile/);
    // TensorRT takes a shape of another profile here, and refuses it when it is used.
    context.setInputShape('x', [33, 64]);
    const uses = [
      () => context.inferShapes(),
      () => {
        context.enqueue(stream);
      },
    ];
    for (const use of uses) {
      const { code, log } = await codeOf(use);
      assert.equal(code, 'ERR_TRT_SHAPE_OUT_OF_RANGE');
      assert.match(log.join('\n'), /exceed min\.\.max range for profile 0/);
    }
  }),
);

test(
  'enqueue without an address is refused',
  withMlp(async ({ context, stream }) => {
    context.setInputShape('x', [8, 64]);
    context.setTensorAddress('y', null);
    const { code } = await codeOf(() => {
      context.enqueue(stream);
    });
    assert.equal(code, 'ERR_TRT_EXECUTION');
  }),
);

test(
  'user-managed device memory',
  withMlp(async ({ runtime, context, stream, y }) => {
    context.setInputShape('x', [8, 64]);
    const bytes = context.updateDeviceMemorySizeForShapes();
    assert.ok(bytes >= 0);
    context.setDeviceMemory(runtime.createDeviceBuffer(Math.max(bytes, 256)));
    context.enqueue(stream);
    await stream.synchronize();
    assertClose(rows(y, 8), mlpFirstRow, 1e-5, 'y');
  }, 'userManaged'),
);

test(
  'a captured graph replays with new data',
  withMlp(async ({ context, stream, x, y }) => {
    context.setInputShape('x', [8, 64]);
    context.enqueue(stream); // TensorRT allocates at the first enqueue after a shape change, which a capture forbids
    await stream.synchronize();
    stream.beginCapture('threadLocal');
    assert.equal(stream.capturing, true);
    context.enqueue(stream);
    const graph = stream.endCapture();
    assert.ok(graph.numNodes >= 1);
    x.writeSync(new Float32Array(8 * 64));
    graph.launch(stream);
    await stream.synchronize();
    const zero = rows(y, 8);
    x.writeSync(ramp(8 * 64));
    graph.launch(stream);
    await stream.synchronize();
    const again = rows(y, 8);
    assertClose(again, mlpFirstRow, 1e-5, 'y');
    assert.notDeepEqual(Array.from(zero), Array.from(again));
  }),
);

test(
  'events order streams and measure time',
  withMlp(async ({ runtime, context, stream, x, y }) => {
    const start = runtime.createEvent({ timing: true });
    const end = runtime.createEvent({ timing: true });
    const copied = runtime.createEvent();
    const copies = runtime.createStream({ priority: -1 });
    const pinned = runtime.createPinnedBuffer(8 * 64 * 4);
    const result = runtime.createPinnedBuffer(8 * 32 * 4);
    pinned.write(ramp(8 * 64));
    context.setInputShape('x', [8, 64]);
    copies.copyHostToDevice(x, pinned);
    copies.recordEvent(copied);
    stream.waitEvent(copied);
    stream.recordEvent(start);
    context.enqueue(stream);
    stream.copyDeviceToHost(result, y);
    stream.recordEvent(end);
    await end.synchronize();
    assert.equal(stream.query(), true);
    const ms = end.elapsedSince(start);
    assert.ok(ms > 0 && ms < 1000, `${ms} ms`);
    const out = new Float32Array(8 * 32);
    result.read(out);
    assertClose(out, mlpFirstRow, 1e-5, 'y');
  }),
);

test(
  'inspector and profiler',
  withMlp(async ({ engine, context, stream }) => {
    const inspector = engine.createInspector();
    context.setInputShape('x', [8, 64]);
    const info = JSON.parse(inspector.engineInformation('json')) as { Layers: unknown[] };
    assert.equal(info.Layers.length, engine.numLayers);
    assert.ok(inspector.layerInformation(0, 'oneline').length > 0);
    // TensorRT 10.6 crashes with a context of an engine of several profiles.
    const { code } = await codeOf(() => {
      inspector.setExecutionContext(context);
    });
    assert.equal(code, 'ERR_TRT_UNSUPPORTED');
    for (let round = 0; round < 2; round++) {
      context.setProfiling(true);
      context.enqueue(stream);
      await stream.synchronize();
      const times = context.takeLayerTimes();
      assert.ok(times.length >= 1);
      for (const { name, milliseconds } of times) assert.ok(name.length > 0 && milliseconds >= 0);
      assert.deepEqual(context.takeLayerTimes(), []);
      context.setProfiling(false);
      context.enqueue(stream);
      await stream.synchronize();
      assert.deepEqual(context.takeLayerTimes(), []);
    }
  }),
);

test('the inspector shows the shapes of a context', () => {
  using runtime = new Runtime();
  const engine = runtime.deserializeEngine(readPlan('lane.plan'));
  const context = engine.createExecutionContext();
  context.setInputShape('input', [2, 3, 360, 640]);
  const inspector = engine.createInspector();
  inspector.setExecutionContext(context);
  assert.match(inspector.engineInformation('json'), /\[2,3,360,640\]/);
});

test(
  'settings come back as they were set',
  withMlp(({ runtime, context, engine }) => {
    context.nvtxVerbosity = 1;
    assert.equal(context.nvtxVerbosity, 1);
    context.persistentCacheLimit = 0;
    assert.equal(context.persistentCacheLimit, 0);
    context.setAuxStreams([]);
    assert.ok(runtime.maxThreads >= 1);
    assert.equal(runtime.engineHostCodeAllowed, false);
    assert.equal(typeof runtime.temporaryDirectory, 'string');
    const bytes = engine.serialize();
    assert.equal(Buffer.from(bytes).subarray(0, 4).toString(), 'ftrt');
  }),
);

test('runtime options reach TensorRT', () => {
  const lines: string[] = [];
  const runtime = new Runtime({
    maxThreads: 2,
    engineHostCodeAllowed: true,
    temporaryDirectory: '/tmp',
    logSeverity: 'verbose',
    log: (_severity: unknown, message: string) => {
      lines.push(message);
    },
  } as never);
  try {
    assert.equal(runtime.maxThreads, 2);
    assert.equal(runtime.engineHostCodeAllowed, true);
    assert.equal(runtime.temporaryDirectory, '/tmp');
    assert.equal(runtime.numDlaCores, 0);
  } finally {
    runtime.close();
  }
});

test('an output whose size depends on the data', async () => {
  using runtime = new Runtime();
  const engine = runtime.deserializeEngine(readPlan('nonzero.plan'));
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();
  const x = runtime.createDeviceBuffer(2 * 8 * 4);
  x.writeSync(Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0));
  context.setTensorAddress('x', x);
  context.setInputShape('x', [2, 8]);
  assert.deepEqual(context.inferShapes(), []);
  assert.equal(context.tensorShape('y')[1], -1);
  const allocator = runtime.createOutputAllocator();
  context.setOutputAllocator('y', allocator);
  context.enqueue(stream);
  await stream.synchronize();
  assert.deepEqual(allocator.shape, [2, 3]);
  const y = new BigInt64Array(6);
  allocator.readSync(y);
  assert.deepEqual(Array.from(y, Number), [0, 0, 0, 1, 3, 7]);

  // The user's own allocator, called while enqueueing; its refusal fails the run and nothing else.
  const asked: number[] = [];
  const mine = runtime.createOutputAllocator((bytes: number) => {
    asked.push(bytes);
    return null;
  });
  context.setOutputAllocator('y', mine);
  const { code } = await codeOf(() => {
    context.enqueue(stream);
  });
  assert.equal(code, 'ERR_TRT_OUTPUT_ALLOCATOR');
  assert.ok(asked.length >= 1);
  context.setOutputAllocator('y', allocator);
  context.enqueue(stream);
  await stream.synchronize();
  assert.deepEqual(allocator.shape, [2, 3]);
});

test('closing a parent closes its children, and use after close is an error', async () => {
  const runtime = new Runtime();
  const engine = runtime.deserializeEngine(readPlan('mlp.plan'));
  const context = engine.createExecutionContext();
  runtime.close();
  assert.equal(engine.closed, true);
  assert.equal(context.closed, true);
  assert.equal((await codeOf(() => engine.createExecutionContext())).code, 'ERR_TRT_CLOSED');
  assert.equal(
    (
      await codeOf(() => {
        context.setInputShape('x', [1, 64]);
      })
    ).code,
    'ERR_TRT_CLOSED',
  );
  runtime.close();
});

test('plugin libraries: the standard ones are loaded, more by name, a missing one is an error', async () => {
  using runtime = new Runtime({ pluginLibraries: ['libnvinfer_vc_plugin.so.10'] });
  const loaded = runtime.pluginLibraries.join(' ');
  assert.match(loaded, /libnvinfer_plugin\.so\.10/);
  assert.match(loaded, /libnvinfer_vc_plugin\.so\.10/);
  const missing = await codeOf(() => new Runtime({ pluginLibraries: ['libno_such_plugin.so'] }));
  assert.equal(missing.code, 'ERR_TRT_LIBRARY_NOT_FOUND', missing.message);
  assert.match(missing.message, /libno_such_plugin/);
});
