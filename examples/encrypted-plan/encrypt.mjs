// node encrypt.mjs PLAN ENCRYPTED

import { encryptPlan, keyFromEnvironment } from './format.mjs';

process.on('uncaughtException', (error) => {
  const code = 'code' in error ? `${error.code}: ` : '';
  console.error(`${code}${error.message}`); // what is wrong, and what to do
  process.exit(1);
});
const [from, to] = process.argv.slice(2);
if (to === undefined) {
  console.error('Usage: PLAN_KEY=… node encrypt.mjs PLAN ENCRYPTED');
  process.exit(2);
}
await encryptPlan(from, to, keyFromEnvironment());
console.log(`Wrote ${to}`);
