// Device memory and events between processes, and memory of other libraries: two Node.js processes on the CPU reference runtime.

import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CudaEvent,
  DeviceBuffer,
  type IpcMemoryHandle,
  Runtime,
  Tensor,
  type TensorRTError,
} from 'trt-node';
import { expectError, thrownBy } from '../helpers/expect-error.js';
import { collectUntil } from '../helpers/gc.js';
import { ramp } from '../helpers/known-answers.js';
import { Peer } from '../helpers/peer.js';
import { injectFaults, reference, referencePlan, referenceSession } from '../helpers/reference.js';

process.env.TRT_NODE_REFERENCE_DEVICES = '2';

const x = ramp(8 * 64);
const INVALID = 'ERR_TRT_INVALID_ARGUMENT';

function startPeer(env: Record<string, string> = {}): Peer {
  const peer = new Peer(undefined, env);
  onTestFinished(() => peer.end());
  return peer;
}

function openRuntime(device = 0): Runtime {
  const runtime = new Runtime({ ...reference, device });
  onTestFinished(() => {
    runtime.close();
  });
  return runtime;
}

/** A peer with a buffer of `data`, and the handle of it. */
async function exporter(data: Float32Array): Promise<{ peer: Peer; exported: IpcMemoryHandle }> {
  const peer = startPeer();
  const exported = await peer.do<IpcMemoryHandle>(
    `state.runtime = new trt.Runtime({ runtime: 'reference' });
     state.buffer = state.runtime.createDeviceBuffer(args.data.byteLength);
     state.buffer.writeSync(args.data);
     return state.buffer.exportIpcHandle();`,
    { data },
  );
  return { peer, exported };
}

const open = (exported: IpcMemoryHandle, more: object = {}): DeviceBuffer => {
  const { handle, offset, bytes } = exported;
  return DeviceBuffer.fromIpcHandle(handle, { ...reference, offset, bytes, ...more });
};

describe('memory of another process', () => {
  test('is a feed and an output target, without a copy', async () => {
    const { peer, exported } = await exporter(x);
    expect([exported.handle.length, exported.offset, exported.bytes]).toEqual([64, 0, 2048]);
    using buffer = open(exported);
    expect([buffer.device, buffer.bytes]).toEqual([0, 2048]);
    const session = await referenceSession('mlp');
    const expected = (await session.run({ x })).y!.data;
    const feeds = { x: buffer.tensor('float32', [8, 64]) };
    for (let run = 0; run < 4; run++) {
      expect((await session.run(feeds)).y!.data).toEqual(expected);
    }
    expect(session.runSync(feeds).y!.data).toEqual(expected);
    expect(session.stats().cudaGraph.hits).toBeGreaterThan(0);
    // What it writes is seen here at once.
    await peer.do('state.buffer.writeSync(args.data)', { data: ramp(8 * 64, 0.25) });
    const other = (await session.run({ x: ramp(8 * 64, 0.25) })).y!.data;
    expect((await session.run(feeds)).y!.data).toEqual(other);
    // And what is written here there.
    await session.run({ x }, { outputs: { y: buffer.tensor('float32', [8, 32], 1024) } });
    const seen = await peer.do<Float32Array>(
      'const into = new Float32Array(256); state.buffer.readSync(into, 1024); return into;',
    );
    expect(seen).toEqual(expected);
  });

  test("of a session's outputs, and of a part of a buffer", async () => {
    const peer = startPeer();
    const plan = await referencePlan('mlp');
    const exported = await peer.do<IpcMemoryHandle>(
      `state.session = await trt.Session.load(args.plan, { runtime: 'reference' });
       state.y = (await state.session.run({ x: args.x }, { outputs: { y: 'device' } })).y;
       return state.y.exportIpcHandle();`,
      { plan, x },
    );
    expect(exported.bytes).toBe(8 * 32 * 4);
    const { y } = (await referenceSession('mlp')).runSync({ x });
    using buffer = open(exported);
    using tensor = buffer.tensor('float32', [8, 32]);
    expect((await tensor.read()).data).toEqual(y!.data);
    const part = await peer.do<IpcMemoryHandle>(
      `state.part = new trt.Runtime({ runtime: 'reference' }).createDeviceBuffer(4096);
       state.tensor = state.part.tensor('float32', [4], 1024);
       state.tensor.writeSync(new trt.Tensor('float32', new Float32Array([1, 2, 3, 4]), [4]));
       return state.tensor.exportIpcHandle();`,
    );
    expect([part.offset, part.bytes]).toEqual([1024, 16]);
    using there = open(part);
    expect(there.tensor('float32', [4]).readSync().data).toEqual(new Float32Array([1, 2, 3, 4]));
  });

  test('opened twice is the same memory, closed with the last one', async () => {
    const { exported } = await exporter(x);
    const first = open(exported);
    const second = open(exported);
    expect(second.address).toBe(first.address);
    first.close();
    const got = new Float32Array(512);
    second.readSync(got);
    expect(got).toEqual(x);
    const tensor = second.tensor('float32', [8, 64]);
    second.close();
    expect(tensor.closed).toBe(true);
    using third = open(exported);
    third.readSync(got);
    expect(got).toEqual(x);
  });

  test('a run that uses it holds it, also when it is closed meanwhile', async () => {
    const { exported } = await exporter(x);
    const session = await referenceSession('mlp');
    const expected = session.runSync({ x }).y!.data;
    const buffer = open(exported);
    injectFaults('delay=30');
    const run = session.run({ x: buffer.tensor('float32', [8, 64]) });
    buffer.close();
    expect((await run).y!.data).toEqual(expected);
  });

  test('the exporting process ends first, or frees it', async () => {
    const { peer, exported } = await exporter(x);
    const buffer = open(exported);
    await peer.kill();
    const got = new Float32Array(512);
    buffer.readSync(got); // the mapping stays; of CUDA the same is seen, but not promised
    expect(got).toEqual(x);
    buffer.close();
    await expectError(() => open(exported), INVALID, 'stands for nothing');
    const second = await exporter(x);
    await second.peer.do('state.buffer.close()');
    await expectError(() => open(second.exported), INVALID, 'stands for nothing');
    // The importing process ends first: the exporter goes on.
    const third = await exporter(x);
    const importer = startPeer();
    await importer.do(
      `const { handle, offset, bytes } = args.exported;
       state.buffer = trt.DeviceBuffer.fromIpcHandle(handle, { runtime: 'reference', offset, bytes });
       state.buffer.writeSync(new Float32Array([42]));`,
      { exported: third.exported },
    );
    await importer.kill();
    const value = await third.peer.do<Float32Array>(
      'const into = new Float32Array(1); state.buffer.readSync(into); return into;',
    );
    expect([...value]).toEqual([42]);
  });

  test('on another device', async () => {
    const { exported } = await exporter(x);
    using buffer = open(exported, { device: 1 });
    expect(buffer.device).toBe(1);
    const session = await referenceSession('mlp', { devices: [0, 1] });
    const expected = session.runSync({ x }).y!.data;
    const before = session.stats().devices[1]!.completed;
    const { y } = await session.run({ x: buffer.tensor('float32', [8, 64]) });
    expect(y!.data).toEqual(expected);
    expect(session.stats().devices[1]!.completed).toBe(before + 1);
  });

  test('handles that are none, and ranges beyond the allocation', async () => {
    const { exported } = await exporter(x);
    const from = (handle: unknown, options: object = {}): DeviceBuffer =>
      DeviceBuffer.fromIpcHandle(handle as never, { ...reference, ...options });
    await expectError(() => from('AAAA'), INVALID, 'Uint8Array', 'base64');
    await expectError(() => from(new Uint8Array(63)), INVALID, 'got 63');
    await expectError(() => from(new Uint8Array(65)), INVALID, 'got 65');
    await expectError(() => from(new Uint8Array(64)), INVALID, 'stands for nothing');
    await expectError(() => from(new Uint8Array(64).fill(255)), INVALID);
    const { handle } = exported;
    for (const [index, byte] of handle.entries()) {
      // Whatever was changed on the way: refused, or (padding) the same memory.
      for (const other of [byte ^ 1, byte ^ 0x80]) {
        const changed = handle.slice();
        changed[index] = other;
        let opened: DeviceBuffer | undefined;
        try {
          opened = from(changed);
        } catch (error) {
          expect((error as TensorRTError).code).toBe(INVALID);
        }
        expect(opened?.bytes ?? 2048).toBe(2048);
        opened?.close();
      }
    }
    await expectError(() => from(handle, { bytes: 2049 }), INVALID, '2048 bytes');
    await expectError(() => from(handle, { offset: 2049 }), INVALID);
    await expectError(() => from(handle, { offset: 4, bytes: 2048 }), INVALID);
    await expectError(() => from(handle, { offset: 4, bytes: 2 ** 53 - 1 }), INVALID);
    await expectError(() => from(handle, { offset: -1 }), INVALID, 'offset');
    await expectError(() => from(handle, { bytes: 1.5 }), INVALID, 'bytes');
    await expectError(() => from(handle, { device: 2 }), INVALID, 'device');
    await expectError(() => from(handle, { size: 1 }), INVALID, 'size');
    using rest = from(handle, { offset: 48 });
    expect(rest.bytes).toBe(2000);
  });

  test('what cannot be shared', async () => {
    const runtime = openRuntime();
    const own = runtime.createDeviceBuffer(64);
    await expectError(() => open(own.exportIpcHandle()), INVALID, 'this very process');
    const { exported } = await exporter(x);
    using buffer = open(exported);
    await expectError(() => buffer.exportIpcHandle(), 'ERR_TRT_UNSUPPORTED', 'cannot be shared');
    own.close();
    await expectError(() => own.exportIpcHandle(), 'ERR_TRT_CLOSED');
    const integrated = startPeer({ TRT_NODE_REFERENCE_INTEGRATED: '1' });
    for (const body of [
      "new trt.Runtime({ runtime: 'reference' }).createDeviceBuffer(64).exportIpcHandle()",
      "trt.DeviceBuffer.fromIpcHandle(new Uint8Array(64), { runtime: 'reference' })",
    ]) {
      const error = await thrownBy(() => integrated.do(body));
      expect(error).toMatchObject({ code: 'ERR_TRT_UNSUPPORTED' });
    }
  });
});

describe('events of another process', () => {
  const state = `state.runtime = new trt.Runtime({ runtime: 'reference' });
    state.stream = state.runtime.createStream();
    state.event = state.runtime.createEvent({ interprocess: true });`;

  test('order the work of two processes', async () => {
    const peer = startPeer();
    const handle = await peer.do<Uint8Array>(`${state} return state.event.exportIpcHandle();`);
    expect(handle.length).toBe(64);
    using event = CudaEvent.fromIpcHandle(handle, reference);
    expect(event.query()).toBe(true); // never recorded
    const plan = await referencePlan('mlp');
    // The other process records behind work that takes a while.
    await peer.do(
      `const { addon } = require(process.cwd() + '/dist/load.js').loadAddon();
       const { openPlatform } = require(process.cwd() + '/dist/platform.js');
       const engine = state.runtime.deserializeEngine(args.plan);
       const context = engine.createExecutionContext();
       context.setInputShape('x', [8, 64]);
       context.setTensorAddress('x', state.runtime.createDeviceBuffer(2048));
       context.setTensorAddress('y', state.runtime.createDeviceBuffer(1024));
       addon.setReferenceFaults(openPlatform({ runtime: 'reference' }), 'delay=1000');
       context.enqueue(state.stream);
       state.stream.recordEvent(state.event);`.replaceAll(
        'require(',
        'process.mainModule.require(',
      ),
      { plan },
    );
    expect(event.query()).toBe(false);
    const runtime = openRuntime();
    const stream = runtime.createStream();
    stream.waitEvent(event);
    expect(stream.query()).toBe(false);
    await event.synchronize();
    expect(event.query()).toBe(true);
    await stream.synchronize();
    // The other way round.
    stream.recordEvent(event);
    await stream.synchronize();
    expect(await peer.do('await state.event.synchronize(); return state.event.query();')).toBe(
      true,
    );
    await peer.kill();
    expect(event.query()).toBe(true);
  });

  test('errors', async () => {
    const runtime = openRuntime();
    using plain = runtime.createEvent();
    await expectError(() => plain.exportIpcHandle(), INVALID, 'interprocess');
    await expectError(
      () => runtime.createEvent({ interprocess: true, timing: true }),
      INVALID,
      'got both',
    );
    using own = runtime.createEvent({ interprocess: true });
    const handle = own.exportIpcHandle();
    await expectError(() => CudaEvent.fromIpcHandle(handle, reference), INVALID, 'very process');
    await expectError(() => CudaEvent.fromIpcHandle(new Uint8Array(64), reference), INVALID);
    await expectError(() => CudaEvent.fromIpcHandle(new Uint8Array(3), reference), INVALID, '3');
    await expectError(
      () => CudaEvent.fromIpcHandle(handle, { ...reference, bytes: 3 } as never),
      INVALID,
      'bytes',
    );
    // Memory is no event, and an event no memory of that size.
    const { exported } = await exporter(x);
    await expectError(() => CudaEvent.fromIpcHandle(exported.handle, reference), INVALID);
  });
});

describe('memory at an address', () => {
  test('is used where it is, and let go at the end', async () => {
    const runtime = openRuntime();
    const memory = runtime.createDeviceBuffer(2048);
    memory.writeSync(x);
    const session = await referenceSession('mlp');
    const expected = session.runSync({ x }).y!.data;
    let released = 0;
    const release = (): void => {
      released++;
    };
    const buffer = DeviceBuffer.fromAddress(memory.address, 2048, { ...reference, release });
    expect([buffer.address, buffer.bytes, buffer.device]).toEqual([memory.address, 2048, 0]);
    const feeds = { x: buffer.tensor('float32', [8, 64]) };
    expect(session.runSync(feeds).y!.data).toEqual(expected);
    injectFaults('delay=30');
    const run = session.run(feeds);
    buffer.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(released).toBe(0); // the run still uses it
    expect((await run).y!.data).toEqual(expected);
    injectFaults('');
    await session.run({ x }); // the slot lets go of what it held
    await collectUntil(() => released > 0);
    expect(released).toBe(1);
    const got = new Float32Array(512);
    memory.readSync(got); // never freed by it
    expect(got).toEqual(x);
    using inner = DeviceBuffer.fromAddress(memory.address + 256n, 1024, reference);
    expect(inner.tensor('float32', [256]).readSync().data).toEqual(x.subarray(64, 320));
  });

  test('keeps its owner alive', async () => {
    const memory = openRuntime().createDeviceBuffer(64);
    const buffers: DeviceBuffer[] = [];
    const weak = ((): WeakRef<object> => {
      const owner = { what: 'holds the memory' };
      buffers[0] = DeviceBuffer.fromAddress(memory.address, 64, { ...reference, owner });
      return new WeakRef(owner);
    })();
    await collectUntil(() => weak.deref() === undefined, 5);
    expect(weak.deref()).toBeDefined();
    buffers.pop()?.close();
    await collectUntil(() => weak.deref() === undefined);
    expect(weak.deref()).toBeUndefined();
  });

  test('a buffer that is forgotten lets go as well', async () => {
    const memory = openRuntime().createDeviceBuffer(64);
    let released = 0;
    const release = (): void => {
      released++;
    };
    ((): void => {
      void DeviceBuffer.fromAddress(memory.address, 64, { ...reference, release });
    })();
    await collectUntil(() => released > 0);
    expect(released).toBe(1);
  });

  test('addresses that are none, of another device, of the host', async () => {
    const runtime = openRuntime();
    const memory = runtime.createDeviceBuffer(64);
    const pinned = runtime.createPinnedBuffer(64, { mapped: true });
    const from = (address: unknown, bytes: unknown, options: object = {}): DeviceBuffer =>
      DeviceBuffer.fromAddress(address as never, bytes as never, { ...reference, ...options });
    const release = (): void => {
      throw new Error('released');
    };
    const { address } = memory;
    await expectError(() => from(0x1000n, 64, { release }), INVALID, '0x1000', 'knows');
    await expectError(() => from(0n, 64), INVALID, 'bigint');
    await expectError(() => from(-1n, 64), INVALID, 'bigint');
    await expectError(() => from(1n << 64n, 64), INVALID, 'bigint');
    await expectError(() => from(Number(address), 64), INVALID, 'bigint');
    await expectError(() => from(address, -1), INVALID, 'bytes');
    await expectError(() => from(address, 2 ** 40), INVALID, 'knows');
    await expectError(() => from((1n << 64n) - 1n, 64), INVALID);
    await expectError(() => from(pinned.deviceAddress, 64), INVALID, 'host memory');
    await expectError(() => from(address, 64, { device: 1 }), INVALID, 'of device 0', 'device: 0');
    await expectError(() => from(address, 64, { release: 1 }), INVALID, 'release');
    await expectError(() => from(address, 64, { free: release }), INVALID, 'free');
    using buffer = from(address, 64);
    await expectError(() => buffer.tensor('float32', [17]), 'ERR_TRT_LENGTH_MISMATCH', '64 bytes');
    await expectError(() => buffer.tensor('float32', [16], 4), 'ERR_TRT_LENGTH_MISMATCH');
    await expectError(() => buffer.tensor('float32', [1], 65), INVALID);
    await expectError(() => buffer.tensor('float32', [-1]), 'ERR_TRT_INVALID_SHAPE');
    using tensor = buffer.tensor('float32', [2], 8);
    tensor.writeSync(new Tensor('float32', new Float32Array([3, 4]), [2]));
    const got = new Float32Array(16);
    memory.readSync(got);
    expect([...got.subarray(2, 4)]).toEqual([3, 4]);
  });
});
