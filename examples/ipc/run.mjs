// Owns device memory, and lets a service in another process run a plan on it. Usage: node run.mjs [--plan=FILE]
// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Runtime } from 'trt-node';

process.on('uncaughtException', (error) => {
  const code = 'code' in error ? `${error.code}: ` : '';
  console.error(`${code}${error.message}`); // what is wrong, and what to do
  process.exit(1);
});
const { values: flags } = parseArgs({ options: { plan: { type: 'string' } } });

const runtime = new Runtime();
const stream = runtime.createStream();
const input = runtime.createDeviceBuffer(8 * 64 * 4);
const output = runtime.createDeviceBuffer(8 * 32 * 4);
const staging = runtime.createPinnedBuffer(input.bytes);
// Recorded when the input is there: the service's streams wait for it on the device.
const ready = runtime.createEvent({ interprocess: true });

const service = fork(fileURLToPath(new URL('service.mjs', import.meta.url)), {
  serialization: 'advanced', // so that a Uint8Array arrives as one
});
service.once('exit', (status) => {
  if (status !== 0) process.exit(1); // it has said why
});
service.send({
  plan: flags.plan,
  input: input.exportIpcHandle(),
  output: output.exportIpcHandle(),
  ready: ready.exportIpcHandle(),
});
const [opened] = await once(service, 'message');
console.log(
  `The service (process ${service.pid}) has opened the memory; it runs ${opened.runtime} ${opened.version}.`,
);

for (let request = 1; request <= 3; request++) {
  staging.write(Float32Array.from({ length: 8 * 64 }, (_, index) => Math.sin(index * request)));
  stream.copyHostToDevice(input, staging);
  stream.recordEvent(ready);
  service.send('run');
  await once(service, 'message'); // the output is there
  const y = new Float32Array(8 * 32);
  output.readSync(y);
  const sum = y.subarray(0, 32).reduce((total, value) => total + value, 0);
  console.log(`request ${request}: first row sums to ${sum.toFixed(4)}`);
  // mlp.onnx ends with a softmax over each row.
  if (Math.abs(sum - 1) > 1e-3) process.exitCode = 1;
}

service.disconnect();
await once(service, 'exit'); // it has closed the memory: only now may it be freed
runtime.close();
