// The low level: Runtime, Engine, ExecutionContext, Stream, CudaEvent, buffers, graphs, allocators, inspector.

import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type DeviceBuffer,
  type Engine,
  type ExecutionContext,
  Runtime,
  type Stream,
} from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';

const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

interface Mlp {
  runtime: Runtime;
  engine: Engine;
  context: ExecutionContext;
  stream: Stream;
  input: DeviceBuffer;
  output: DeviceBuffer;
}

/** mlp with an input of 8 rows in place. */
async function mlp(): Promise<Mlp> {
  const runtime = new Runtime(reference);
  onTestFinished(() => {
    runtime.close();
  });
  const engine = runtime.deserializeEngine(await referencePlan('mlp'));
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();
  const input = runtime.createDeviceBuffer(256 * 64 * 4);
  const output = runtime.createDeviceBuffer(256 * 32 * 4);
  input.writeSync(ramp(8 * 64));
  context.setInputShape('x', [8, 64]);
  context.setTensorAddress('x', input);
  context.setTensorAddress('y', output);
  return { runtime, engine, context, stream, input, output };
}

function read(buffer: DeviceBuffer, length: number): Float32Array {
  const values = new Float32Array(length);
  buffer.readSync(values);
  return values;
}

describe('Runtime', () => {
  test('tells what it is and sees the device', () => {
    using runtime = new Runtime(reference);
    expect(runtime).toMatchObject({ kind: 'reference', flavor: 'full', device: 0, closed: false });
    expect(runtime.version).toMatch(/^10\.\d+\.\d+/);
    expect(runtime.libraryPath).toMatch(/^\/.*libtrtnode_reference\.so$/);
    const [device] = runtime.devices();
    expect(device).toMatchObject({ index: 0 });
    expect(device?.name).not.toBe('');
    const { freeBytes, totalBytes } = runtime.memoryInfo();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
    expect(runtime.numDlaCores).toBe(0);
    expect(runtime.engineHostCodeAllowed).toBe(false);
    expect(runtime.maxThreads).toBeGreaterThanOrEqual(1);
  });

  test('options', async () => {
    using runtime = new Runtime({
      ...reference,
      maxThreads: 2,
      engineHostCodeAllowed: true,
      temporaryDirectory: '/tmp',
    });
    expect(runtime.maxThreads).toBe(2);
    expect(runtime.engineHostCodeAllowed).toBe(true);
    expect(runtime.temporaryDirectory).toBe('/tmp');
    await expectError(
      () => new Runtime({ maxThread: 2 } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      "Did you mean 'maxThreads'?",
    );
    await expectError(
      () => new Runtime({ ...reference, device: 7 }),
      'ERR_TRT_INVALID_ARGUMENT',
      'got 7',
    );
  });

  test('deserializes asynchronously, from a path or bytes', async () => {
    using runtime = new Runtime(reference);
    const plan = await referencePlan('mlp');
    const engine = await runtime.deserializeEngineAsync(plan);
    expect(engine.numOptimizationProfiles).toBe(2);
    await expectError(
      () => runtime.deserializeEngineAsync('no/such.plan'),
      'ERR_TRT_FILE',
      'no/such.plan',
    );
    const late = runtime.deserializeEngineAsync(plan);
    runtime.close();
    await expectError(() => late, 'ERR_TRT_CLOSED');
  });
});

describe('Engine', () => {
  test('tells its tensors by name', async () => {
    const { engine } = await mlp();
    expect(engine.inputs.map((tensor) => tensor.name)).toEqual(['x']);
    expect(engine.outputs.map((tensor) => tensor.name)).toEqual(['y']);
    expect(engine.tensor('x')).toMatchObject({
      mode: 'input',
      dtype: 'float32',
      shape: [-1, 64],
      location: 'device',
      isShapeInferenceIO: false,
    });
    expect(engine.tensor('x').profiles).toHaveLength(2);
    expect(engine.tensor('x').layouts).toHaveLength(2);
    expect(engine.tensor('x').layouts[0]?.formatDescription).toMatch(/linear/i);
    expect(engine.tensor('y').profiles).toEqual([]);
    expect(engine).toMatchObject({ capability: 'standard', hardwareCompatibilityLevel: 'none' });
    expect(engine.deviceMemoryBytesPerProfile).toHaveLength(2);
    expect(engine.numLayers).toBeGreaterThan(0);
  });

  test('an unknown name lists those that exist', async () => {
    const { engine, context } = await mlp();
    for (const action of [
      () => engine.tensor('z'),
      () => context.setInputShape('z', [1]),
      () => context.tensorShape('z'),
      () => context.setTensorAddress('z', null),
    ]) {
      await expectError(action, 'ERR_TRT_UNKNOWN_TENSOR', "('x', 'y')", '"z"');
    }
  });

  test('serializes to a plan that deserializes again', async () => {
    const { engine, runtime } = await mlp();
    using again = runtime.deserializeEngine(engine.serialize());
    expect(again.tensors).toEqual(engine.tensors);
  });
});

describe('ExecutionContext', () => {
  test('one inference, step by step', async () => {
    const { context, stream, output } = await mlp();
    expect(context.optimizationProfile).toBe(0);
    expect(context.inferShapes()).toEqual([]);
    expect(context.allInputDimensionsSpecified).toBe(true);
    expect(context.tensorShape('y')).toEqual([8, 32]);
    expect(context.tensorStrides('y')).toEqual([32, 1]);
    expect(context.maxOutputSize('y')).toBeGreaterThanOrEqual(8 * 32 * 4);
    context.enqueue(stream);
    await stream.synchronize();
    expect(stream.query()).toBe(true);
    assertClose(read(output, 8 * 32), firstRow, 1e-5, 'y');
  });

  test('the other profile', async () => {
    const { context, stream, output, input } = await mlp();
    context.setOptimizationProfile(1, stream);
    expect(context.optimizationProfile).toBe(1);
    expect(context.inferShapes()).toEqual(['x']);
    input.writeSync(ramp(64 * 64));
    context.setInputShape('x', [64, 64]);
    context.enqueue(stream);
    await stream.synchronize();
    assertClose(read(output, 64 * 32), firstRow, 1e-5, 'y');
    await expectError(
      () => context.setOptimizationProfile(2, stream),
      'ERR_TRT_INVALID_ARGUMENT',
      'from 0 to 1',
    );
  });

  test('what it refuses', async () => {
    const { context, stream } = await mlp();
    await expectError(
      () => context.setInputShape('x', [300, 64]),
      'ERR_TRT_SHAPE_OUT_OF_RANGE',
      '300',
    );
    await expectError(() => context.setInputShape('x', [8, 64, 1]), 'ERR_TRT_RANK_MISMATCH');
    await expectError(
      () => context.setTensorAddress('x', new Float32Array(1) as never),
      'ERR_TRT_INVALID_ARGUMENT',
      'DeviceBuffer, PinnedBuffer, bigint or null, got Float32Array(1)',
    );
    context.setTensorAddress('y', null);
    expect(context.tensorAddress('y')).toBe(0n);
    const error = await expectError(() => context.enqueue(stream), 'ERR_TRT_EXECUTION');
    expect(error.log.join('\n')).toMatch(/y/);
  });

  test('an output whose size depends on the data', async () => {
    using runtime = new Runtime(reference);
    const engine = runtime.deserializeEngine(await referencePlan('nonzero'));
    const context = engine.createExecutionContext();
    const stream = runtime.createStream();
    const input = runtime.createDeviceBuffer(32);
    input.writeSync(Float32Array.of(0, 1, 0, 2, 0, 0, 0, 3));
    context.setTensorAddress('x', input);
    context.setInputShape('x', [1, 8]);
    expect(context.tensorShape('y')).toEqual([2, -1]);
    const sizes: number[] = [];
    const allocator = runtime.createOutputAllocator((bytes, alignment) => {
      sizes.push(bytes, alignment);
      return runtime.createDeviceBuffer(bytes);
    });
    await expectError(
      () => allocator.readSync(new BigInt64Array(6)),
      'ERR_TRT_INVALID_ARGUMENT',
      'nothing was enqueued',
    );
    context.setOutputAllocator('y', allocator);
    context.enqueue(stream);
    await stream.synchronize();
    expect(allocator.shape).toEqual([2, 3]);
    expect(allocator.capacity).toBeGreaterThanOrEqual(48);
    expect(sizes.length).toBeGreaterThanOrEqual(2);
    const values = new BigInt64Array(6);
    allocator.readSync(values);
    expect(Array.from(values, Number)).toEqual([0, 0, 0, 1, 3, 7]);
    const own = runtime.createOutputAllocator();
    context.setOutputAllocator('y', own);
    context.enqueue(stream);
    await stream.synchronize();
    expect(own.shape).toEqual([2, 3]);
    const throwing = runtime.createOutputAllocator(() => {
      throw new Error('on purpose');
    });
    context.setOutputAllocator('y', throwing);
    const error = await expectError(() => context.enqueue(stream), 'ERR_TRT_OUTPUT_ALLOCATOR');
    expect(error.cause).toMatchObject({ message: 'on purpose' });
  });

  test('values of a shape tensor are read from pinned memory', async () => {
    using runtime = new Runtime(reference);
    const engine = runtime.deserializeEngine(await referencePlan('reshape_by_input'));
    const context = engine.createExecutionContext();
    const stream = runtime.createStream();
    const shape = runtime.createPinnedBuffer(16);
    shape.write(BigInt64Array.of(2n, 6n));
    const input = runtime.createDeviceBuffer(48);
    const output = runtime.createDeviceBuffer(48);
    input.writeSync(ramp(12));
    context.setInputShape('x', [3, 4]);
    context.setTensorAddress('shape', shape);
    context.setTensorAddress('x', input);
    context.setTensorAddress('y', output);
    expect(context.inferShapes()).toEqual([]);
    expect(context.tensorShape('y')).toEqual([2, 6]);
    context.enqueue(stream);
    await stream.synchronize();
    expect(read(output, 12)).toEqual(ramp(12));
  });

  test('user-managed memory', async () => {
    const { engine, runtime, stream, input, output } = await mlp();
    const context = engine.createExecutionContext('userManaged');
    context.setInputShape('x', [8, 64]);
    const bytes = context.updateDeviceMemorySizeForShapes();
    expect(bytes).toBeGreaterThanOrEqual(0);
    context.setDeviceMemory(runtime.createDeviceBuffer(Math.max(256, bytes)));
    context.setTensorAddress('x', input);
    context.setTensorAddress('y', output);
    context.enqueue(stream);
    await stream.synchronize();
    assertClose(read(output, 256), firstRow, 1e-5, 'y');
  });

  test('settings and layer times', async () => {
    const { context, stream } = await mlp();
    context.nvtxVerbosity = 1;
    expect(context.nvtxVerbosity).toBe(1);
    context.persistentCacheLimit = 0;
    expect(context.persistentCacheLimit).toBe(0);
    await expectError(() => (context.nvtxVerbosity = 3), 'ERR_TRT_INVALID_ARGUMENT', 'from 0 to 2');
    context.setAuxStreams([]);
    context.setProfiling(true);
    context.enqueue(stream);
    await stream.synchronize();
    const times = context.takeLayerTimes();
    expect(times.length).toBeGreaterThan(0);
    for (const { name, milliseconds } of times) {
      expect(name).not.toBe('');
      expect(milliseconds).toBeGreaterThanOrEqual(0);
    }
    expect(context.takeLayerTimes()).toEqual([]);
  });
});

describe('streams, events, graphs', () => {
  test('copies, events and times', async () => {
    const { runtime, context, stream, input, output } = await mlp();
    const start = runtime.createEvent({ timing: true });
    const end = runtime.createEvent({ timing: true });
    const copied = runtime.createEvent();
    const copies = runtime.createStream({ priority: -1 });
    const source = runtime.createPinnedBuffer(8 * 64 * 4);
    const result = runtime.createPinnedBuffer(8 * 32 * 4);
    new Float32Array(source.arrayBuffer).set(ramp(8 * 64));
    copies.memset(input, 255);
    copies.copyHostToDevice(input, source);
    copies.recordEvent(copied);
    stream.waitEvent(copied);
    stream.recordEvent(start);
    context.enqueue(stream);
    stream.copyDeviceToHost(result, output, { bytes: 8 * 32 * 4 });
    stream.recordEvent(end);
    await end.synchronize();
    end.synchronizeSync();
    expect(end.query()).toBe(true);
    expect(end.elapsedSince(start)).toBeGreaterThanOrEqual(0);
    const values = new Float32Array(256);
    result.read(values);
    assertClose(values, firstRow, 1e-5, 'y');
  });

  test('a copy between device buffers, in part', async () => {
    using runtime = new Runtime(reference);
    const stream = runtime.createStream();
    const from = runtime.createDeviceBuffer(16);
    const to = runtime.createDeviceBuffer(16);
    from.writeSync(Uint8Array.from({ length: 16 }, (_, index) => index));
    stream.memset(to, 9);
    stream.copyDeviceToDevice(to, from, { fromOffset: 4, toOffset: 8, bytes: 3 });
    stream.synchronizeSync();
    const bytes = new Uint8Array(16);
    to.readSync(bytes);
    expect([...bytes]).toEqual([9, 9, 9, 9, 9, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9]);
    await expectError(
      () => stream.copyDeviceToDevice(to, from, { toOffset: 10, bytes: 7 }),
      'ERR_TRT_INVALID_ARGUMENT',
      'copy: bytes: expected an integer from 0 to 6, got 7',
    );
    await expectError(() => from.writeSync(new Uint8Array(17)), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(() => from.readSync(new Uint8Array(8), 9), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(
      () => from.readSync(new Uint8Array(8), 17),
      'ERR_TRT_INVALID_ARGUMENT',
      'from 0 to 16',
    );
    await expectError(() => stream.memset(to, 256), 'ERR_TRT_INVALID_ARGUMENT', 'from 0 to 255');
  });

  test('a captured graph replays with new data', async () => {
    const { context, stream, input, output } = await mlp();
    context.enqueue(stream);
    await stream.synchronize();
    stream.beginCapture();
    expect(stream.capturing).toBe(true);
    context.enqueue(stream);
    using graph = stream.endCapture();
    expect(stream.capturing).toBe(false);
    expect(graph.numNodes).toBeGreaterThan(0);
    input.writeSync(new Float32Array(8 * 64));
    graph.launch(stream);
    await stream.synchronize();
    const zeros = read(output, 256);
    input.writeSync(ramp(8 * 64));
    graph.launch(stream);
    await stream.synchronize();
    assertClose(read(output, 256), firstRow, 1e-5, 'y');
    expect(read(output, 256)).not.toEqual(zeros);
  });

  test('a stream tells the failure of its work', async () => {
    const { context, stream } = await mlp();
    injectFaults('launch=700@1');
    context.enqueue(stream);
    const error = await expectError(() => stream.synchronize(), 'ERR_TRT_DEVICE_LOST');
    expect(error.cudaErrorName).toBe('CUDA_ERROR_ILLEGAL_ADDRESS');
  });

  test('a CUDA error that is not sticky', async () => {
    using runtime = new Runtime(reference);
    const buffer = runtime.createDeviceBuffer(16);
    injectFaults('copy=1@1');
    const error = await expectError(() => buffer.writeSync(new Uint8Array(16)), 'ERR_TRT_CUDA');
    expect(error).toMatchObject({ cudaErrorName: 'CUDA_ERROR_INVALID_VALUE', cudaErrorCode: 1 });
    expect(error.call).toMatch(/^cuMemcpy/);
    buffer.writeSync(new Uint8Array(16));
  });
});

describe('EngineInspector', () => {
  test('tells of layers', async () => {
    const { engine, context } = await mlp();
    using inspector = engine.createInspector();
    // TensorRT 10.6 crashes with the context of an engine of several profiles (docs/verification.md).
    await expectError(
      () => {
        inspector.setExecutionContext(context);
      },
      'ERR_TRT_UNSUPPORTED',
      'one optimization profile',
    );
    inspector.setExecutionContext(null);
    const all = JSON.parse(inspector.engineInformation()) as { Layers: unknown[] };
    expect(all.Layers).toHaveLength(engine.numLayers);
    expect(inspector.layerInformation(0, 'oneline')).not.toBe('');
    expect(() => JSON.parse(inspector.layerInformation(0)) as unknown).not.toThrow();
    await expectError(
      () => inspector.layerInformation(engine.numLayers),
      'ERR_TRT_INVALID_ARGUMENT',
      'layer',
    );
    await expectError(
      () => inspector.engineInformation('xml' as never),
      'ERR_TRT_INVALID_ARGUMENT',
      "'json'",
    );
  });
});

describe('closing', () => {
  test('a parent closes its children; afterwards every use is an error', async () => {
    const { runtime, engine, context, stream, input } = await mlp();
    const event = runtime.createEvent();
    runtime.close();
    runtime.close();
    for (const handle of [runtime, engine, context, stream, input, event]) {
      expect(handle.closed, handle.constructor.name).toBe(true);
    }
    const uses: [string, () => unknown][] = [
      ['Engine', () => engine.createExecutionContext()],
      ['ExecutionContext', () => context.setInputShape('x', [1, 64])],
      ['Stream', () => stream.query()],
      ['Stream', () => stream.synchronize()],
      ['DeviceBuffer', () => input.address],
      ['CudaEvent', () => event.query()],
      ['Runtime', () => runtime.createStream()],
      ['Runtime', () => runtime.createDeviceTensor('float32', [1])],
    ];
    for (const [name, use] of uses)
      await expectError(use, 'ERR_TRT_CLOSED', `expected an open ${name}`);
  });

  test('using closes at the end of the block', () => {
    let kept: Stream;
    {
      using runtime = new Runtime(reference);
      using stream = runtime.createStream();
      kept = stream;
      expect(kept.closed).toBe(false);
    }
    expect(kept.closed).toBe(true);
  });

  test('a context that work still uses may be closed', async () => {
    const { runtime, engine, context, stream, output } = await mlp();
    injectFaults('delay=30');
    context.enqueue(stream);
    context.close();
    engine.close();
    await stream.synchronize();
    assertClose(read(output, 256), firstRow, 1e-5, 'y');
    runtime.close();
  });
});
