// The inference service: runs a plan on memory of the process that started it.
// @ts-check
import { once } from 'node:events';
import { CudaEvent, DeviceBuffer, Session, build } from 'trt-node';

/** @typedef {import('trt-node').IpcMemoryHandle} Handle */

process.on('uncaughtException', (error) => {
  const code = 'code' in error ? `${error.code}: ` : '';
  console.error(`${code}${error.message}`); // what is wrong, and what to do
  process.exit(1);
});

const [start] =
  /** @type {[{ plan?: string, input: Handle, output: Handle, ready: Uint8Array }]} */ (
    await once(process, 'message')
  );

/** @param {Handle} exported */
const open = ({ handle, offset, bytes }) => DeviceBuffer.fromIpcHandle(handle, { offset, bytes });
const input = open(start.input);
const output = open(start.output);
const ready = CudaEvent.fromIpcHandle(start.ready);
const onnx = 'test/fixtures/onnx/mlp.onnx';
const plan =
  start.plan ??
  (await build({ onnx, profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }] }));
const session = await Session.load(plan);
const x = input.tensor('float32', [8, 64]);
const y = output.tensor('float32', [8, 32]);
process.send?.({ runtime: session.runtime, version: session.version });

process.on('message', () => {
  void (async () => {
    await ready.synchronize(); // the input is there
    await session.run({ x }, { outputs: { y } });
    process.send?.('done');
  })();
});

process.on('disconnect', () => {
  void (async () => {
    await session.close();
    for (const handle of [input, output, ready]) handle.close();
  })();
});
