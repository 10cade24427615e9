// node run.mjs ENCRYPTED: decrypts the plan while it is loaded, and runs it once on zeros.

import { Session, Tensor } from 'trt-node';
import { decryptPlan, keyFromEnvironment } from './format.mjs';

process.on('uncaughtException', (error) => {
  const code = 'code' in error ? `${error.code}: ` : '';
  console.error(`${code}${error.message}`); // what is wrong, and what to do
  process.exit(1);
});
const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: PLAN_KEY=… node run.mjs ENCRYPTED');
  process.exit(2);
}
const session = await Session.load(await decryptPlan(file, keyFromEnvironment()));
const arrays = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
};
const feeds = {};
for (const { name, dtype, shape, profiles } of session.inputs) {
  const extents = profiles[0]?.opt ?? shape;
  const length = extents.reduce((product, extent) => product * extent, 1);
  feeds[name] = new Tensor(dtype, new (arrays[dtype] ?? Uint16Array)(length), extents);
}
for (const [name, tensor] of Object.entries(await session.run(feeds))) {
  console.log(
    `${name}: ${tensor.dtype} [${tensor.shape.join(', ')}] ${tensor.data.slice(0, 4).join(' ')} …`,
  );
}
await session.close();
