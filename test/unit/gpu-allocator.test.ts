// GpuAllocator: the limit, the statistics, memory from JavaScript, from whatever thread TensorRT asks.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type DeviceBuffer, type Engine, GpuAllocator, Runtime, Session, build } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { knownAnswer, ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';

const x = ramp(8 * 64);
const MiB = 2 ** 20;

function allocator(options: ConstructorParameters<typeof GpuAllocator>[0] = {}): GpuAllocator {
  const made = new GpuAllocator({ ...reference, ...options });
  onTestFinished(() => {
    made.close();
  });
  return made;
}

/** Buffers of a runtime of its own, given and taken back. */
function jsMemory(): {
  allocate: (bytes: number) => DeviceBuffer;
  deallocate: (address: bigint) => void;
  open: Map<bigint, DeviceBuffer>;
  asked: number[];
} {
  const runtime = new Runtime(reference);
  onTestFinished(() => {
    runtime.close();
  });
  const open = new Map<bigint, DeviceBuffer>();
  const asked: number[] = [];
  return {
    open,
    asked,
    allocate: (bytes) => {
      const buffer = runtime.createDeviceBuffer(bytes);
      asked.push(bytes);
      open.set(buffer.address, buffer);
      return buffer;
    },
    deallocate: (address) => {
      const buffer = open.get(address);
      expect(buffer, 'was given before').toBeDefined();
      buffer?.close();
      open.delete(address);
    },
  };
}

describe('limit and statistics', () => {
  test('a session takes weights and activations from it, and gives all back', async () => {
    const gpuAllocator = allocator();
    expect(gpuAllocator.device).toBe(0);
    expect(gpuAllocator.stats()).toEqual({
      allocatedBytes: 0,
      peakBytes: 0,
      allocations: 0,
      deallocations: 0,
      refusals: 0,
    });
    const plan = await referencePlan('mlp');
    const session = await Session.load(plan, { ...reference, gpuAllocator });
    const loaded = gpuAllocator.stats();
    expect(loaded.allocations).toBeGreaterThanOrEqual(2);
    expect(loaded.allocatedBytes).toBeGreaterThan(session.memory().activationBytes);
    const plain = await Session.load(plan, reference);
    expect((await session.run({ x })).y!.data).toEqual((await plain.run({ x })).y!.data);
    await plain.close();
    await session.close();
    const after = gpuAllocator.stats();
    expect(after.allocatedBytes).toBe(0);
    expect(after.deallocations).toBe(after.allocations);
    expect(after.peakBytes).toBe(loaded.peakBytes);
  });

  test('what would go beyond the limit is refused, and the error names the limit', async () => {
    const plan = await referencePlan('mlp');
    const gpuAllocator = allocator({ limitBytes: 1000 });
    const error = await expectError(
      () => Session.load(plan, { ...reference, gpuAllocator }),
      'ERR_TRT_OUT_OF_MEMORY',
      'limit of 1000 bytes',
      'limitBytes',
    );
    expect(error.requestedBytes).toBeGreaterThan(1000);
    expect(error.log.length).toBeGreaterThan(0);
    expect(gpuAllocator.stats()).toMatchObject({ allocatedBytes: 0, allocations: 0, refusals: 1 });
    using runtime = new Runtime({ ...reference, gpuAllocator });
    await expectError(() => runtime.deserializeEngine(plan), 'ERR_TRT_OUT_OF_MEMORY', '1000 bytes');
    await expectError(
      () => runtime.deserializeEngineAsync(plan),
      'ERR_TRT_OUT_OF_MEMORY',
      '1000 bytes',
    );
  });

  test('two sessions share the limit; closing the first makes room', async () => {
    const plan = await referencePlan('mlp');
    const probe = allocator();
    await (await Session.load(plan, { ...reference, gpuAllocator: probe })).close();
    const gpuAllocator = allocator({ limitBytes: Math.ceil(probe.stats().peakBytes * 1.5) });
    const options = { ...reference, gpuAllocator };
    const first = await Session.load(plan, options);
    await expectError(() => Session.load(plan, options), 'ERR_TRT_OUT_OF_MEMORY', 'limit of');
    await first.close();
    await (await Session.load(plan, options)).close();
    expect(gpuAllocator.stats().allocatedBytes).toBe(0);
  });

  test('contexts of the low level, temporaries, and memory that outlives the handle', async () => {
    const gpuAllocator = allocator({ limitBytes: 64 * MiB });
    const plan = await referencePlan('nonzero');
    using runtime = new Runtime({ ...reference, gpuAllocator });
    const engine = runtime.deserializeEngine(plan);
    const context = engine.createExecutionContext();
    const { allocatedBytes } = gpuAllocator.stats();
    expect(allocatedBytes).toBeGreaterThan(0);
    const temporary = allocator({ limitBytes: 1000 });
    context.setTemporaryStorageAllocator(temporary);
    using stream = runtime.createStream();
    using input = runtime.createDeviceBuffer(4096);
    const [name] = engine.inputs.map((tensor) => tensor.name);
    const output = engine.outputs[0]!.name;
    using outputs = runtime.createOutputAllocator();
    context.setInputShape(name!, engine.inputs[0]!.profiles[0]!.opt);
    context.setTensorAddress(name!, input);
    context.setOutputAllocator(output, outputs);
    await expectError(
      () => context.enqueue(stream),
      'ERR_TRT_OUT_OF_MEMORY',
      'limit of 1000 bytes',
    );
    context.setTemporaryStorageAllocator(null);
    context.enqueue(stream);
    await stream.synchronize();
    const large = allocator();
    context.setTemporaryStorageAllocator(large);
    large.close();
    context.enqueue(stream);
    await stream.synchronize();
    context.close();
    engine.close();
    expect(gpuAllocator.stats().allocatedBytes).toBe(0);
  });

  test('wrong options', async () => {
    await expectError(() => allocator({ limitBytes: 0 }), 'ERR_TRT_INVALID_ARGUMENT', 'limitBytes');
    await expectError(() => allocator({ limit: 1 } as never), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(() => allocator({ allocate: 1 } as never), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(
      () => allocator({ deallocate: () => undefined }),
      'ERR_TRT_INVALID_ARGUMENT',
      'allocate',
    );
    const plan = await referencePlan('mlp');
    await expectError(
      () => Session.load(plan, { ...reference, gpuAllocator: {} as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      'GpuAllocator',
    );
    const closed = allocator();
    closed.close();
    await expectError(() => closed.stats(), 'ERR_TRT_CLOSED');
    await expectError(
      () => Session.load(plan, { ...reference, gpuAllocator: closed }),
      'ERR_TRT_CLOSED',
    );
  });

  test('a build takes one', async () => {
    const gpuAllocator = allocator();
    const plan = await build({
      ...reference,
      onnx: 'test/fixtures/onnx/mlp.onnx',
      ...knownAnswer('mlp').build,
      gpuAllocator,
    });
    expect(plan.length).toBeGreaterThan(100);
    expect(gpuAllocator.stats().allocatedBytes).toBe(0);
  });
});

describe('memory from JavaScript', () => {
  test('on the JavaScript thread, and by way of it from the others', async () => {
    const { allocate, deallocate, open, asked } = jsMemory();
    const gpuAllocator = allocator({ allocate, deallocate });
    const plan = await referencePlan('mlp');
    {
      using runtime = new Runtime({ ...reference, gpuAllocator });
      using engine = runtime.deserializeEngine(plan);
      expect(asked.length).toBe(1);
      expect(engine.numLayers).toBeGreaterThan(0);
    }
    const session = await Session.load(plan, { ...reference, gpuAllocator });
    expect((await session.run({ x })).y!.data.length).toBe(8 * 32);
    expect(gpuAllocator.stats().allocatedBytes).toBeGreaterThan(0);
    expect(asked.length).toBeGreaterThan(1);
    await session.close();
    await expect.poll(() => open.size).toBe(0);
    expect(gpuAllocator.stats().allocatedBytes).toBe(0);
  });

  test('null, an exception, too little: refused, with the reason', async () => {
    const plan = await referencePlan('mlp');
    const load = (allocate: () => unknown): Promise<unknown> =>
      Session.load(plan, {
        ...reference,
        gpuAllocator: allocator({ allocate: allocate as () => null }),
      });
    await expectError(() => load(() => null), 'ERR_TRT_OUT_OF_MEMORY', 'returned none');
    const mine = new Error('mine');
    const thrown = await expectError(
      () =>
        load(() => {
          throw mine;
        }),
      'ERR_TRT_OUT_OF_MEMORY',
    );
    expect(thrown.cause).toBe(mine);
    using runtime = new Runtime(reference);
    await expectError(
      () => load(() => runtime.createDeviceBuffer(1)),
      'ERR_TRT_OUT_OF_MEMORY',
      'buffer of 1 bytes',
    );
    using buffer = runtime.createDeviceBuffer(MiB * 64);
    await expectError(() => load(() => buffer), 'ERR_TRT_OUT_OF_MEMORY', 'still uses');
  });

  test('the JavaScript thread is blocked: refused, not hung', async () => {
    const { allocate, deallocate } = jsMemory();
    const gpuAllocator = allocator({ allocate, deallocate });
    const plan = await referencePlan('mlp');
    const blocking = await Session.load(plan, reference);
    onTestFinished(() => blocking.close());
    const loading = expectError(
      () => Session.load(plan, { ...reference, gpuAllocator }),
      'ERR_TRT_OUT_OF_MEMORY',
      'blocked by a synchronous call',
    );
    injectFaults('delay=2500@1');
    blocking.runSync({ x });
    await loading;
  }, 20_000);

  test('allocate itself waits for the thread that asks: refused, not hung', async () => {
    const { allocate, deallocate, open } = jsMemory();
    const plan = await referencePlan('mlp');
    let engine: Engine | undefined;
    let entered = false;
    const gpuAllocator = allocator({
      allocate: (bytes) => {
        const buffer = allocate(bytes);
        if (!entered) {
          entered = true;
          // A runtime deserializes one plan at a time: this one waits for the other to end.
          engine = runtime.deserializeEngine(plan);
        }
        return buffer;
      },
      deallocate,
    });
    const runtime = new Runtime({ ...reference, gpuAllocator });
    await expectError(
      () => runtime.deserializeEngineAsync(plan),
      'ERR_TRT_OUT_OF_MEMORY',
      'blocked by a synchronous call',
    );
    expect(engine?.refittable).toBe(false);
    runtime.close();
    // What was given too late goes back, too.
    await vi.waitFor(() => {
      expect(open.size).toBe(0);
    });
  }, 20_000);
});
