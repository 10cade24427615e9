// CUDA IPC and foreign addresses on a real GPU: two Node.js processes, and PyTorch where it is installed.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CudaEvent, DeviceBuffer, type IpcMemoryHandle, Runtime, Session } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { Peer } from '../helpers/peer.js';
import { codeOf, plan } from './support.js';

const program = fileURLToPath(new URL('peer.child.mjs', import.meta.url));
const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];
const x = ramp(8 * 64);

async function withPeer(body: (peer: Peer) => Promise<void>): Promise<void> {
  const peer = new Peer(program);
  try {
    await body(peer);
  } finally {
    await peer.end();
  }
}

const exportBuffers = `
  state.runtime = new trt.Runtime();
  state.buffers = args.contents.map((content) => {
    const buffer = state.runtime.createDeviceBuffer(content.byteLength);
    buffer.writeSync(content);
    return buffer;
  });
  return state.buffers.map((buffer) => buffer.exportIpcHandle());`;

const open = ({ handle, offset, bytes }: IpcMemoryHandle): DeviceBuffer =>
  DeviceBuffer.fromIpcHandle(handle, { offset, bytes });

test('another process’s memory is fed and written, without a copy', () =>
  withPeer(async (peer) => {
    // Small ones share a block of CUDA's: each must be found at its own place.
    const contents = [x, ramp(8 * 64, 0.25), new Float32Array(4 << 20).fill(7)];
    const exported = await peer.do<IpcMemoryHandle[]>(exportBuffers, { contents });
    const buffers = exported.map(open);
    for (const [index, buffer] of buffers.entries()) {
      const got = new Float32Array(contents[index]?.length ?? 0);
      buffer.readSync(got);
      assert.deepEqual(got, contents[index], `buffer ${index}`);
    }
    const [first, second] = buffers as [DeviceBuffer, DeviceBuffer];
    const session = await Session.load(plan('mlp.plan'));
    const feeds = { x: first.tensor('float32', [8, 64]) };
    const outputs = { y: second.tensor('float32', [8, 32]) };
    for (let run = 0; run < 20; run++) await session.run(feeds, { outputs });
    assert.ok(session.stats().cudaGraph.hits > 0);
    const y = await peer.do<Float32Array>(
      'const y = new Float32Array(256); state.buffers[1].readSync(y); return y;',
    );
    assertClose(y, firstRow, 1e-5, 'y as the exporter sees it');
    assert.deepEqual((await session.run({ x })).y?.data, y);
    // Opened again: the same memory, until the last is closed.
    const again = open(exported[0] as IpcMemoryHandle);
    assert.equal(again.address, first.address);
    for (const buffer of buffers) buffer.close();
    const got = new Float32Array(512);
    again.readSync(got);
    assert.deepEqual(got, x);
    again.close();
    await session.close();
  }));

test('a session’s output crosses to another process', () =>
  withPeer(async (peer) => {
    const exported = await peer.do<IpcMemoryHandle>(
      `state.session = await trt.Session.load(args.plan);
       state.y = (await state.session.run({ x: args.x }, { outputs: { y: 'device' } })).y;
       return state.y.exportIpcHandle();`,
      { plan: plan('mlp.plan'), x },
    );
    using buffer = open(exported);
    const y = await buffer.tensor('float32', [8, 32]).read();
    assertClose(y.data, firstRow, 1e-5, 'y');
  }));

test('events order the streams of two processes', () =>
  withPeer(async (peer) => {
    const [exported, handle] = await peer.do<[IpcMemoryHandle, Uint8Array]>(
      `state.runtime = new trt.Runtime();
       state.big = state.runtime.createDeviceBuffer(1 << 30);
       state.event = state.runtime.createEvent({ interprocess: true });
       state.stream = state.runtime.createStream();
       return [state.big.exportIpcHandle(), state.event.exportIpcHandle()];`,
    );
    using buffer = open(exported);
    using event = CudaEvent.fromIpcHandle(handle);
    const runtime = new Runtime();
    const stream = runtime.createStream();
    const pinned = runtime.createPinnedBuffer(64);
    for (const value of [17, 42]) {
      await peer.do(
        `for (let i = 0; i < 20; i++) state.stream.memset(state.big, i);
         state.stream.memset(state.big, args.value);
         state.stream.recordEvent(state.event);`,
        { value },
      );
      stream.waitEvent(event);
      stream.copyDeviceToHost(pinned, buffer, { fromOffset: (1 << 30) - 64 });
      await stream.synchronize();
      assert.deepEqual([...new Uint8Array(pinned.arrayBuffer)], new Array(64).fill(value));
    }
    runtime.close();
  }));

test('handles and addresses that are none', () =>
  withPeer(async (peer) => {
    const runtime = new Runtime();
    const own = runtime.createDeviceBuffer(4096);
    const handle = own.exportIpcHandle().handle;
    const refused = async (action: () => unknown, what: string): Promise<string> => {
      const { code, message } = await codeOf(action);
      assert.equal(code, 'ERR_TRT_INVALID_ARGUMENT', `${what}: ${code} ${message}`);
      return message;
    };
    assert.match(await refused(() => DeviceBuffer.fromIpcHandle(handle), 'own'), /very process/);
    await refused(() => DeviceBuffer.fromIpcHandle(new Uint8Array(64)), 'zeros');
    await refused(() => DeviceBuffer.fromIpcHandle(new Uint8Array(64).fill(255)), 'ones');
    const [exported] = await peer.do<IpcMemoryHandle[]>(exportBuffers, { contents: [x] });
    assert.ok(exported);
    const beyond = { offset: 0, bytes: 2 ** 40 };
    await refused(() => DeviceBuffer.fromIpcHandle(exported.handle, beyond), 'beyond');
    using buffer = open(exported);
    const again = await codeOf(() => buffer.exportIpcHandle());
    assert.equal(again.code, 'ERR_TRT_UNSUPPORTED', again.message);
    await refused(() => DeviceBuffer.fromAddress(0x1000n, 64), 'no address');
    const pinned = runtime.createPinnedBuffer(64, { mapped: true });
    await refused(() => DeviceBuffer.fromAddress(pinned.deviceAddress, 64), 'host memory');
    await refused(() => DeviceBuffer.fromAddress(own.address, 2 ** 45), 'too much');
    // None of these has hurt the context.
    const foreign = DeviceBuffer.fromAddress(own.address + 256n, 2048);
    foreign.writeSync(x);
    const session = await Session.load(plan('mlp.plan'));
    const { y } = await session.run({ x: foreign.tensor('float32', [8, 64]) });
    assertClose(y?.data as Float32Array, firstRow, 1e-5, 'y');
    await session.close();
    runtime.close();
  }));

const python = spawnSync('python3', ['-c', 'import torch; assert torch.cuda.is_available()']);

test('PyTorch exports', { skip: python.status !== 0 && 'no PyTorch' }, async () => {
  const child = spawn('python3', [
    '-c',
    `
import base64, json, sys, torch
i = torch.arange(8 * 64, dtype=torch.int64, device='cuda')
x = (((i * 7919) % 1000).float() / 1000 - 0.5).reshape(8, 64)
torch.cuda.synchronize()
device, handle, size, offset, *rest = x.untyped_storage()._share_cuda_()
# PyTorch puts two bytes before CUDA's 64.
print(json.dumps({'handle': base64.b64encode(handle[-64:]).decode(), 'offset': offset}), flush=True)
sys.stdin.read()
`,
  ]);
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => {
      reject(new Error(`python3 ended with ${code}`));
    });
  });
  const { handle, offset } = JSON.parse(line) as { handle: string; offset: number };
  using buffer = DeviceBuffer.fromIpcHandle(Buffer.from(handle, 'base64'), {
    offset,
    bytes: 8 * 64 * 4,
  });
  const session = await Session.load(plan('mlp.plan'));
  const { y } = await session.run({ x: buffer.tensor('float32', [8, 64]) });
  assertClose(y?.data as Float32Array, firstRow, 1e-5, 'y');
  await session.close();
  buffer.close();
  child.removeAllListeners('exit');
  child.stdin.end();
});
