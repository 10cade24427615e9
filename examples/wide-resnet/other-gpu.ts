// A plan of another GPU, to show what happens to it here: one of the test fixtures with a Jetson Orin's compute capability in its header.
import { readFileSync } from 'node:fs';

/** The tags before major and minor of the compute capability; docs/preflight.md describes the header. */
const before = Buffer.from('1080010007800100', 'hex');

/** A plan of TensorRT 10.6 that says it was built where the compute capability is 8.7. */
export function planOfJetsonOrin(): Uint8Array {
  const plan = readFileSync(new URL('../../test/fixtures/plans/mlp.plan', import.meta.url));
  const place = plan.indexOf(before) + before.length;
  plan.writeInt32LE(8, place);
  plan.writeInt32LE(7, place + 8);
  return plan;
}
