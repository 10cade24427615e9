// Prints a result as Markdown tables: node benchmarks/table.mjs RESULT.json [--write]; --write leaves them beside it, as .md.
import { readFileSync, writeFileSync } from 'node:fs';
import { validate } from './parts/schema.mjs';
import { tables } from './parts/tables.mjs';

const write = process.argv.includes('--write');
const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
if (names.length === 0) {
  console.error('usage: node benchmarks/table.mjs RESULT.json… [--write]');
  process.exit(2);
}
for (const name of names) {
  const result = JSON.parse(readFileSync(name, 'utf8'));
  const problems = validate(result);
  for (const problem of problems) console.error(`${name}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  const text = tables(result);
  if (write) writeFileSync(name.replace(/\.json$/, '.md'), `${text}\n`);
  else console.log(text);
}
