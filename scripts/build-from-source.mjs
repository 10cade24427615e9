#!/usr/bin/env node
// npx trt-node-build: compiles the addon inside the installed package, for platforms without a prebuilt binary. It needs CMake 3.21
// and a C++20 compiler (g++ 11, clang 14), and no network: the Node-API headers are npm packages that trt-node depends on.
// Further arguments go to CMake: npx trt-node-build -DCMAKE_CXX_COMPILER=clang++
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('..', import.meta.url));
const build = path.join(source, 'build');

function cmake(...args) {
  const { error, status } = spawnSync('cmake', args, { stdio: 'inherit' });
  if (error) {
    console.error(`trt-node-build: cmake cannot be run (${error.message}).`);
    console.error('Install CMake 3.21 or newer and a C++20 compiler: apt-get install cmake g++');
    process.exit(1);
  }
  if (status !== 0) {
    console.error('trt-node-build: the build failed; the reason is above.');
    process.exit(1);
  }
}

const node = `-DTRT_NODE_NODE=${process.execPath}`;
cmake('-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release', node, ...process.argv.slice(2));
cmake('--build', build, '--parallel', String(availableParallelism()));
console.log(`Built ${path.join(build, 'Release', 'trt_node.node')}`);
