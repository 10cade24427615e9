// Shared memory, as L0_shared_memory and L0_cuda_shared_memory check it: regions of /dev/shm, and device memory of another process (CPU reference runtime).

import { rmSync, symlinkSync, truncateSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { IpcMemoryHandle } from 'trt-node';
import { SharedMemoryRegistry } from '../../../lib/serving/shared-memory/registry.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { expectError } from '../../helpers/expect-error.js';
import { type Running, simpleJson, startDoor, until } from '../../helpers/http-door.js';
import { Peer } from '../../helpers/peer.js';
import { FakeService } from '../../helpers/serving-service.js';

process.env.TRT_NODE_RUNTIME = 'reference';

let last = 0;

/** A new object in /dev/shm, removed when the calling test ends: its key and its file. */
function sharedObject(content: Buffer): { key: string; file: string } {
  const key = `/trt-node-test-${process.pid}-${last++}`;
  const file = `/dev/shm${key}`;
  writeFileSync(file, content);
  onTestFinished(() => {
    rmSync(file, { force: true });
  });
  return { key, file };
}

const system = '/v2/systemsharedmemory';
const infer = '/v2/models/simple/infer';

const range = (region: string, size: number, offset?: number) => ({
  shared_memory_region: region,
  shared_memory_byte_size: size,
  ...(offset === undefined ? {} : { shared_memory_offset: offset }),
});

async function registered(
  size = 256,
  options = {},
): Promise<Running & { key: string; file: string }> {
  const running = await startDoor(options);
  const content = Buffer.alloc(size);
  for (let index = 0; index < 16; index++) content.writeInt32LE(index, 4 * index);
  for (let index = 16; index < 32; index++) content.writeInt32LE(1, 4 * index);
  const { key, file } = sharedObject(content);
  const reply = await running.post(`${system}/region/data/register`, { key, byte_size: size });
  expect([reply.status, reply.text]).toEqual([200, '']);
  return { ...running, key, file };
}

describe('system shared memory', () => {
  test('inputs are read from it and outputs written to it', async () => {
    const { post, file } = await registered();
    const input = { datatype: 'INT32', shape: [1, 16] };
    const reply = await post(infer, {
      inputs: [
        { name: 'INPUT0', ...input, parameters: range('data', 64) },
        { name: 'INPUT1', ...input, parameters: range('data', 64, 64) },
      ],
      outputs: [
        { name: 'OUTPUT0', parameters: range('data', 64, 128) },
        { name: 'OUTPUT1', parameters: range('data', 64, 192) },
      ],
    });
    expect(reply.status).toBe(200);
    expect(reply.json<{ outputs: object[] }>().outputs[0]).toEqual({
      name: 'OUTPUT0',
      datatype: 'INT32',
      shape: [1, 16],
      parameters: { shared_memory_byte_size: 64 },
    });
    const content = readFileSync(file);
    expect([content.readInt32LE(128), content.readInt32LE(192 + 60)]).toEqual([1, 14]);
    expect(content.length).toBe(256);
  });

  test('BYTES go there and back', async () => {
    const { post } = await startDoor();
    const content = Buffer.concat([
      Buffer.from([2, 0, 0, 0, 65, 66, 0, 0, 0, 0]),
      Buffer.alloc(22),
    ]);
    const { key, file } = sharedObject(content);
    await post(`${system}/region/text/register`, { key, byte_size: 32 });
    const reply = await post('/v2/models/identity_bytes/infer', {
      inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [2], parameters: range('text', 10) }],
      outputs: [{ name: 'OUTPUT0', parameters: range('text', 16, 16) }],
    });
    expect(reply.status).toBe(200);
    expect(readFileSync(file).subarray(16, 26)).toEqual(content.subarray(0, 10));
  });

  test('status, registering twice, unregistering one and all', async () => {
    const { get, post, key } = await registered();
    const row = { name: 'data', key, offset: 0, byte_size: 256 };
    expect((await get(`${system}/status`)).json()).toEqual([row]);
    expect((await get(`${system}/region/data/status`)).json()).toEqual([row]);
    const twice = await post(`${system}/region/data/register`, { key, byte_size: 8 });
    expect([twice.status, twice.error]).toEqual([
      400,
      "shared memory region 'data' already in manager",
    ]);
    expect(
      (await post(`${system}/region/part/register`, { key, offset: 8, byte_size: 8 })).status,
    ).toBe(200);
    expect((await post(`${system}/region/part/unregister`)).status).toBe(200);
    expect((await get(`${system}/status`)).json<object[]>().length).toBe(1);
    const gone = await get(`${system}/region/part/status`);
    expect([gone.status, gone.error]).toEqual([
      404,
      "Unable to find system shared memory region: 'part'",
    ]);
    const other = await get('/v2/cudasharedmemory/region/data/status');
    expect(other.error).toContain("'data' is registered as system shared memory, not CUDA");
    expect((await post(`${system}/unregister`)).status).toBe(200);
    expect((await get(`${system}/status`)).text).toBe('[]');
  });

  test.each<[string, object, string]>([
    ['too large', { byte_size: 257 }, "failed to register shared memory region 'r': invalid args"],
    ['beyond the end', { offset: 250, byte_size: 7 }, 'invalid args'],
    ['empty', { byte_size: 0 }, 'invalid args'],
    ['negative', { offset: -1, byte_size: 1 }, "Unable to parse 'offset'"],
    ['overflowing', { offset: 2 ** 53 - 2, byte_size: 2 ** 53 - 2 }, 'invalid args'],
    ['without a size', {}, "Shared memory register request has no 'byte_size' field"],
    ['without a key', { key: undefined, byte_size: 1 }, "has no 'key' field"],
    [
      'unknown',
      { key: '/trt-node-nothing', byte_size: 1 },
      "Unable to open shared memory region: '/trt-node-nothing'",
    ],
    ['of a path', { key: '/../../etc/passwd', byte_size: 1 }, 'is no name'],
    ['of another folder', { key: 'a/b', byte_size: 1 }, 'is no name'],
    ['of the folder', { key: '.', byte_size: 1 }, 'is no name'],
    [
      'of Triton’s own',
      { key: '/triton_python_backend_shm_region_1', byte_size: 1 },
      'reserved prefix',
    ],
  ])('a region that is %s is refused', async (_what, given, words) => {
    const { post, get, key } = await registered();
    const reply = await post(`${system}/region/r/register`, { key, ...given });
    expect([reply.status, reply.error]).toEqual([400, expect.stringContaining(words)]);
    expect((await get(`${system}/status`)).json<object[]>().length).toBe(1);
  });

  test('links are not followed', async () => {
    const { post } = await startDoor();
    const { key, file } = sharedObject(Buffer.alloc(8));
    rmSync(file);
    symlinkSync('/etc/hostname', file);
    const reply = await post(`${system}/region/r/register`, { key, byte_size: 1 });
    expect(reply.error).toBe(`Unable to open shared memory region: '${key}'`);
  });

  test('what is outside of the region is neither read nor written', async () => {
    const { post } = await registered();
    const ask = async (inputs: object, outputs: object = {}) => {
      const [first, second] = simpleJson.inputs;
      const bare = { ...first, data: undefined };
      const reply = await post(infer, {
        inputs: [{ ...bare, parameters: inputs }, second],
        outputs: [{ name: 'OUTPUT0', parameters: outputs }],
      });
      return [reply.status, reply.error];
    };
    expect(await ask(range('none', 64))).toEqual([
      404,
      "Unable to find shared memory region: 'none'",
    ]);
    expect(await ask(range('data', 64, 256))).toEqual([
      400,
      "Invalid offset for shared memory region: 'data'",
    ]);
    expect(await ask(range('data', 64, 200))).toEqual([
      400,
      "Invalid offset + byte size for shared memory region: 'data'",
    ]);
    expect(await ask(range('data', 63))).toEqual([
      400,
      "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 63",
    ]);
    expect(await ask(range('data', 64), range('data', 63))).toEqual([
      400,
      "shared memory size specified with the request for output 'OUTPUT0' (63 bytes) should be at least 64 bytes to hold the results",
    ]);
    const both = { ...range('data', 64), classification: 1 };
    expect(await ask(range('data', 64), both)).toEqual([
      400,
      "Output can't set both 'shared_memory_region' and 'classification'",
    ]);
  });

  test('an object that was made shorter is an error, and is not made longer again', async () => {
    const { post, file } = await registered();
    truncateSync(file, 100);
    const [first, second] = simpleJson.inputs;
    const bare = { ...first, data: undefined };
    const read = await post(infer, {
      inputs: [{ ...bare, parameters: range('data', 64, 64) }, second],
    });
    expect([read.status, read.error]).toEqual([
      400,
      "Invalid offset + byte size for shared memory region: 'data'",
    ]);
    const outputs = [{ name: 'OUTPUT0', parameters: range('data', 64, 64) }];
    expect((await post(infer, { ...simpleJson, outputs })).status).toBe(400);
    expect(readFileSync(file).length).toBe(100);
  });

  test('a region that is unregistered while it is used is written to the end', async () => {
    const { post, get, service, file } = await registered();
    const outputs = [{ name: 'OUTPUT0', parameters: range('data', 64, 128) }];
    const slow = post('/v2/models/slow/infer', { ...simpleJson, outputs });
    await until(() => service.held === 1);
    await post(`${system}/region/data/unregister`);
    expect((await get(`${system}/status`)).text).toBe('[]');
    service.release();
    expect((await slow).status).toBe(200);
    expect(readFileSync(file).readInt32LE(128)).toBe(1);
  });

  test('can be switched off', async () => {
    const { post } = await startDoor({ settings: { sharedMemory: false } });
    const { key } = sharedObject(Buffer.alloc(8));
    const reply = await post(`${system}/region/r/register`, { key, byte_size: 8 });
    expect(reply.status).toBe(501);
  });

  test('descriptors are closed', async () => {
    const { readdirSync } = await import('node:fs');
    const { key } = sharedObject(Buffer.alloc(64));
    const registry = new SharedMemoryRegistry();
    const before = readdirSync('/proc/self/fd').length;
    for (let round = 0; round < 200; round++) {
      registry.registerSystem('r', key, 0, 64);
      const reserved = registry.reserve('r', 0, 64);
      registry.unregister('system', 'r');
      reserved.release();
      reserved.release();
      await expectError(() => registry.registerSystem('r', key, 0, 65), 'ERR_TRT_REQUEST');
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});

/** Another process with device memory of `content`, and its handle. */
async function exporter(content: Buffer): Promise<{ peer: Peer; exported: IpcMemoryHandle }> {
  const peer = new Peer();
  onTestFinished(() => peer.end());
  const exported = await peer.do<IpcMemoryHandle>(
    `state.runtime = new trt.Runtime({ runtime: 'reference' });
     state.buffer = state.runtime.createDeviceBuffer(args.content.byteLength);
     state.buffer.writeSync(args.content);
     return state.buffer.exportIpcHandle();`,
    { content },
  );
  return { peer, exported };
}

async function readBack(peer: Peer, bytes: number): Promise<Buffer> {
  const content = await peer.do<Uint8Array>(
    `const into = new Uint8Array(args.bytes); state.buffer.readSync(into); return into;`,
    { bytes },
  );
  return Buffer.from(content);
}

describe('CUDA shared memory', () => {
  const cuda = '/v2/cudasharedmemory';
  const body = ({ handle }: IpcMemoryHandle, size: number) => ({
    raw_handle: { b64: Buffer.from(handle).toString('base64') },
    device_id: 0,
    byte_size: size,
  });

  test('inputs stay on the device, outputs go there', async () => {
    const content = Buffer.from(Float32Array.of(1, 2, 3, 4, 0, 0, 0, 0).buffer);
    const { peer, exported } = await exporter(content);
    let onDevice: InferTensor | undefined;
    const service = new FakeService([
      {
        name: 'double',
        versions: ['1'],
        maxBatchSize: 0,
        inputs: [{ name: 'INPUT0', datatype: 'FP32', dims: [4] }],
        outputs: [{ name: 'OUTPUT0', datatype: 'FP32', dims: [4] }],
        compute: async ({ INPUT0 }) => {
          onDevice = INPUT0;
          const { data } = await INPUT0!.device!.read();
          const doubled = Float32Array.from(data as Float32Array, (value) => value * 2);
          return { OUTPUT0: new InferTensor('FP32', doubled, [4]) };
        },
      },
    ]);
    const { get, post } = await startDoor({}, service);
    expect((await post(`${cuda}/region/gpu/register`, body(exported, 32))).text).toBe('');
    expect((await get(`${cuda}/status`)).json()).toEqual([
      { name: 'gpu', device_id: 0, byte_size: 32 },
    ]);
    const reply = await post('/v2/models/double/infer', {
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [4], parameters: range('gpu', 16) }],
      outputs: [{ name: 'OUTPUT0', parameters: range('gpu', 16, 16) }],
    });
    expect(reply.status).toBe(200);
    expect(service.requests[0]!.onDevice).toEqual(['OUTPUT0']);
    expect(onDevice!.device!.closed).toBe(true);
    const result = await readBack(peer, 32);
    expect([result.readFloatLE(16), result.readFloatLE(28)]).toEqual([2, 8]);
    // From the device to the device: the output is the input itself.
    const identity = await post('/v2/models/identity_fp32/infer', {
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [4], parameters: range('gpu', 16, 16) }],
      outputs: [{ name: 'OUTPUT0', parameters: range('gpu', 16) }],
    });
    expect(identity.status).toBe(200);
    expect((await readBack(peer, 32)).readFloatLE(0)).toBe(2);
    expect((await post(`${cuda}/region/gpu/unregister`)).status).toBe(200);
    expect((await get(`${cuda}/status`)).text).toBe('[]');
  });

  test('datatypes that TensorRT lacks come to the host', async () => {
    const { exported } = await exporter(Buffer.from(Uint16Array.of(7, 8).buffer));
    const { post, service } = await startDoor();
    await post(`${cuda}/region/gpu/register`, body(exported, 4));
    const reply = await post('/v2/models/identity_uint16/infer', {
      inputs: [{ name: 'INPUT0', datatype: 'UINT16', shape: [2], parameters: range('gpu', 4) }],
    });
    expect(reply.json<{ outputs: { data: number[] }[] }>().outputs[0]!.data).toEqual([7, 8]);
    expect((service.requests[0]!.inputs.INPUT0 as InferTensor).device).toBeUndefined();
  });

  test('handles that are none are refused', async () => {
    const { post } = await startDoor();
    const { exported } = await exporter(Buffer.alloc(64));
    const refused = async (given: object) => {
      const reply = await post(`${cuda}/region/r/register`, given);
      expect(reply.status).toBe(400);
      return reply.error;
    };
    const good = body(exported, 64);
    expect(await refused({ ...good, raw_handle: undefined })).toContain("no 'raw_handle' field");
    expect(await refused({ ...good, raw_handle: { b64: 'AAAA' } })).toBe(
      "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t",
    );
    const junk = { b64: Buffer.alloc(64, 7).toString('base64') };
    expect(await refused({ ...good, raw_handle: junk })).toBe(
      "failed to register shared memory region 'r': invalid args",
    );
    expect(await refused({ ...good, byte_size: 2 ** 40 })).toContain('invalid args');
    expect(await refused({ ...good, device_id: 99 })).toContain('invalid args');
    expect(await refused({ ...good, device_id: -1 })).toContain("Unable to parse 'device_id'");
  });
});
