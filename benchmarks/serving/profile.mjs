// Where the server's main thread spends its time: node profile.mjs FILE.cpuprofile [LINES]; run.mjs --profile makes such files.
import { readFileSync } from 'node:fs';

const [file, lines = '30'] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node profile.mjs FILE.cpuprofile [LINES]');
  process.exit(2);
}
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const own = new Map(nodes.map(({ id }) => [id, 0]));
samples.forEach((id, index) => own.set(id, own.get(id) + timeDeltas[index]));
const places = new Map();
let busy = 0;
for (const { id, callFrame } of nodes) {
  const { functionName, url, lineNumber } = callFrame;
  if (functionName === '(idle)') continue;
  const place = url.replace(/^.*\/(dist|node_modules)\//, '') || 'native';
  const name = `${functionName || '(anonymous)'}  ${place}${url === '' ? '' : `:${lineNumber + 1}`}`;
  places.set(name, (places.get(name) ?? 0) + own.get(id));
  busy += own.get(id);
}
const sorted = [...places].sort(([, a], [, b]) => b - a).slice(0, Number(lines));
console.log(`${(busy / 1e6).toFixed(1)} s of work, by the function that did it:`);
for (const [name, us] of sorted)
  console.log(`${((us / busy) * 100).toFixed(1).padStart(5)} %  ${name}`);
