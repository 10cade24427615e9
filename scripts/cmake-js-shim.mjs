#!/usr/bin/env node
// What prebuildify runs in place of node-gyp: it passes `rebuild --target=20.20.2 --devdir=… --arch=x64 --release`, of which
// cmake-js would take --target for a CMake target. Builds incrementally: a release is built in a fresh clone anyway.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
const arch = process.argv.find((argument) => argument.startsWith('--arch='));
const { status } = spawnSync(process.execPath, [cmakeJs, 'build', ...(arch ? [arch] : [])], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
