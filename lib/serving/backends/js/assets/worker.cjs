// The js backend's worker thread: loads a model's module and executes the batches that in-workers.ts sends.
'use strict';

const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { parentPort, workerData } = require('node:worker_threads');

const { file } = workerData;
const context = Object.freeze({
  ...workerData.context,
  log(level, message) {
    parentPort.postMessage({ kind: 'log', level, message: String(message) });
  },
});

function errorMessage(thrown) {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { name, message, code, stack } = thrown;
  return { name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}

function unpack({ datatype, shape, data, bytes, lengths }) {
  if (data !== undefined) return { datatype, shape, data };
  const items = [];
  let at = 0;
  for (const length of lengths) items.push(bytes.subarray(at, (at += length)));
  return { datatype, shape, data: items };
}

/** Copies, as the model may use its array again; what is no tensor goes as it is, and is refused on the other side. */
function pack(output, transfer) {
  const tensor = typeof output === 'object' && output !== null;
  const bare = !tensor || ArrayBuffer.isView(output) || Array.isArray(output);
  const { data, shape, datatype, dtype } = bare ? { data: output } : output;
  const about = {
    ...(shape === undefined ? {} : { shape: Array.isArray(shape) ? [...shape] : shape }),
    ...(datatype === undefined ? {} : { datatype }),
    ...(dtype === undefined ? {} : { dtype }),
  };
  if (Array.isArray(data)) {
    const wrong = data.findIndex((item) => typeof item !== 'string' && !ArrayBuffer.isView(item));
    if (wrong >= 0) return { ...about, data };
    const items = data.map((item) => (typeof item === 'string' ? Buffer.from(item) : item));
    const lengths = Uint32Array.from(items, (item) => item.byteLength);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const item of items) {
      bytes.set(new Uint8Array(item.buffer, item.byteOffset, item.byteLength), at);
      at += item.byteLength;
    }
    transfer.push(bytes.buffer, lengths.buffer);
    return { ...about, bytes, lengths };
  }
  if (!ArrayBuffer.isView(data)) return { ...about, data };
  // A Buffer's slice() would be a view.
  const source = Buffer.isBuffer(data) ? new Uint8Array(data) : data;
  const copy = source === data ? source.slice() : source;
  transfer.push(copy.buffer);
  return { ...about, data: copy };
}

function packResponse(response, transfer) {
  if (response instanceof Error) return { error: errorMessage(response) };
  const outputs = Object.entries(response?.outputs ?? {});
  return {
    outputs: Object.fromEntries(outputs.map(([name, output]) => [name, pack(output, transfer)])),
    ...(response?.parameters === undefined ? {} : { parameters: response.parameters }),
  };
}

/** Of the requests that are being executed. */
let controllers = [];

async function execute(model, messages) {
  controllers = messages.map(({ aborted }) => {
    const controller = new AbortController();
    if (aborted) controller.abort();
    return controller;
  });
  const requests = messages.map(({ inputs, about }, index) => ({
    ...about,
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, unpack(tensor)]),
    ),
    signal: controllers[index].signal,
  }));
  try {
    const responses = await model.execute(requests, context);
    if (!Array.isArray(responses)) {
      throw new Error('execute() did not return an array of responses');
    }
    const transfer = [];
    const value = responses.map((response) => packResponse(response, transfer));
    parentPort.postMessage({ kind: 'answer', value }, transfer);
  } catch (thrown) {
    parentPort.postMessage({ kind: 'error', error: errorMessage(thrown) });
  }
}

async function main() {
  const exported = await import(pathToFileURL(file).href);
  const model = typeof exported.execute === 'function' ? exported : exported.default;
  if (typeof model?.execute !== 'function') {
    throw new Error(`expected a function 'execute' among the exports of ${path.basename(file)}`);
  }
  await model.initialize?.(context);
  parentPort.on('message', (message) => {
    if (message.kind === 'execute') void execute(model, message.requests);
    else if (message.kind === 'cancel') controllers[message.index]?.abort();
    else void finalize(model);
  });
  parentPort.postMessage({ kind: 'ready' });
}

async function finalize(model) {
  try {
    await model.finalize?.();
  } catch (thrown) {
    context.log('warning', `finalize() failed: ${errorMessage(thrown).message}`);
  }
  // Lets the thread end by itself once the log is delivered.
  parentPort.close();
}

main().catch((thrown) => {
  parentPort.postMessage({ kind: 'failed', error: errorMessage(thrown) });
});
