// Copies packages out of node_modules, with what they depend on at run time, into another folder.
// Usage: node copy-modules.mjs TARGET NAME...
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [target, ...wanted] = process.argv.slice(2);
if (!target || wanted.length === 0) {
  console.error('usage: copy-modules.mjs TARGET NAME...');
  process.exit(2);
}
const seen = new Set();
const queue = [...wanted];
while (queue.length > 0) {
  const name = queue.pop();
  const folder = join('node_modules', name);
  // An optional dependency of another platform is simply not there.
  if (seen.has(name) || !existsSync(folder)) continue;
  seen.add(name);
  cpSync(folder, join(target, name), { recursive: true, dereference: true });
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  queue.push(...Object.keys(dependencies), ...Object.keys(optionalDependencies));
}
for (const name of wanted) {
  if (!seen.has(name)) {
    console.error(`copy-modules.mjs: ${name} is not in node_modules; run npm install first`);
    process.exit(1);
  }
}
