// The onnxruntime backend's worker thread: holds a session and runs the feeds that backend.ts sends. onnxruntime-node computes on the thread that calls it.
'use strict';

const { parentPort, workerData } = require('node:worker_threads');

const { model, options, module: ortPath } = workerData;
/** Where JavaScript has Float16Array, onnxruntime-node takes and gives that for float16; else the bits. */
const Half = globalThis.Float16Array;

function errorMessage(thrown) {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { name, message, stack } = thrown;
  return { name, message, stack };
}

function toOrt(ort, { type, shape, data, bytes, lengths }) {
  if (data === undefined) {
    const items = [];
    let at = 0;
    for (const length of lengths) {
      items.push(Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8'));
      at += length;
    }
    return new ort.Tensor('string', items, shape);
  }
  const half = type === 'float16' && Half !== undefined;
  const elements = half ? new Half(data.buffer, data.byteOffset, data.length) : data;
  return new ort.Tensor(type, elements, shape);
}

function fromOrt({ type, dims, data }, transfer) {
  const shape = [...dims];
  if (type === 'string') {
    const items = data.map((item) => Buffer.from(item, 'utf8'));
    const lengths = Uint32Array.from(items, (item) => item.byteLength);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const item of items) {
      bytes.set(item, at);
      at += item.byteLength;
    }
    transfer.push(bytes.buffer, lengths.buffer);
    return { type, shape, bytes, lengths };
  }
  // The session's own memory may not be transferred.
  const copy =
    type === 'float16'
      ? new Uint16Array(data.buffer, data.byteOffset, data.length).slice()
      : data.slice();
  transfer.push(copy.buffer);
  return { type, shape, data: copy };
}

async function main() {
  const loaded = require(ortPath);
  const ort = loaded.default ?? loaded;
  const session = await ort.InferenceSession.create(model, options);
  parentPort.on('message', async ({ kind, feeds, fetches }) => {
    if (kind === 'finalize') {
      await session.release().catch(() => undefined);
      parentPort.close();
      return;
    }
    try {
      const inputs = Object.fromEntries(
        Object.entries(feeds).map(([name, tensor]) => [name, toOrt(ort, tensor)]),
      );
      const outputs = await session.run(inputs, fetches);
      const transfer = [];
      const value = Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor, transfer)]),
      );
      parentPort.postMessage({ kind: 'answer', value }, transfer);
    } catch (thrown) {
      parentPort.postMessage({ kind: 'error', error: errorMessage(thrown) });
    }
  });
  const { inputMetadata, outputMetadata } = session;
  parentPort.postMessage({ kind: 'ready', value: { inputMetadata, outputMetadata } });
}

main().catch((thrown) => {
  parentPort.postMessage({ kind: 'failed', error: errorMessage(thrown) });
});
