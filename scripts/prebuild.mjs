// npm run prebuild: prebuilds/<platform>-<arch>/ with the addon and the CPU reference runtime, stripped, for the package.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './run.mjs';

const shim = fileURLToPath(new URL('cmake-js-shim.mjs', import.meta.url));
rmSync('prebuilds', { recursive: true, force: true });
run('prebuildify', ['--napi', '--strip', '--tag-libc', '--node-gyp', shim]);

// prebuildify moved the addon out of build/Release and stripped the library there: link both again.
rmSync('build/Release', { recursive: true, force: true });
run('cmake-js', ['build', '--log-level', 'error']);
