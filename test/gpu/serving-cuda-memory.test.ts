// CUDA shared memory over HTTP on a real GPU: another process's device memory is a request's input and output.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type IpcMemoryHandle, createServer } from 'trt-node';
import { assertClose, ramp } from '../helpers/known-answers.js';
import { Peer } from '../helpers/peer.js';
import { openRepository } from './serving-support.js';

const program = fileURLToPath(new URL('peer.child.mjs', import.meta.url));
const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

test('a client hands in handles, and reads its own memory', async () => {
  const repository = await openRepository({
    mlp: { plan: 'mlp.plan', config: 'max_batch_size: 32' },
  });
  const door = await createServer(repository, {});
  const { port } = await door.listen(0);
  const client = new Peer(program);
  const post = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text === '' ? undefined : JSON.parse(text);
  };
  try {
    const x = ramp(8 * 64);
    const handles = await client.do<IpcMemoryHandle[]>(
      `state.runtime = new trt.Runtime();
      // As large as CUDA's own blocks, so that each handle begins with its buffer: the protocol knows no offset into an allocation.
      state.buffers = [0, 1].map(() => state.runtime.createDeviceBuffer(4 << 20));
      state.buffers[0].writeSync(args.x);
      return state.buffers.map((buffer) => buffer.exportIpcHandle());`,
      { x },
    );
    for (const [index, { handle, offset }] of handles.entries()) {
      assert.equal(offset, 0);
      await post(`/v2/cudasharedmemory/region/region${index}/register`, {
        raw_handle: { b64: Buffer.from(handle).toString('base64') },
        device_id: 0,
        byte_size: 8 * 64 * 4,
      });
    }
    const parameters = (region: number, size: number): object => ({
      shared_memory_region: `region${region}`,
      shared_memory_byte_size: size,
    });
    for (let turn = 0; turn < 10; turn++) {
      await post('/v2/models/mlp/infer', {
        inputs: [{ name: 'x', shape: [8, 64], datatype: 'FP32', parameters: parameters(0, 2048) }],
        outputs: [{ name: 'y', parameters: parameters(1, 1024) }],
      });
    }
    const y = await client.do<Float32Array>(
      'const y = new Float32Array(256); state.buffers[1].readSync(y); return y;',
    );
    assertClose(y, firstRow, 1e-5, 'y in the client’s memory');
    await post('/v2/cudasharedmemory/unregister', {});
    const left = await fetch(`http://127.0.0.1:${port}/v2/cudasharedmemory/status`);
    assert.deepEqual(await left.json(), []);
  } finally {
    await client.end();
    await door.close({ graceMs: 1000 });
    await repository.close();
  }
});
