// The reference runtime in TensorRT 8's form (native/test/stubs/nvinfer8.cc), which the C++ tests' build makes.

import { existsSync } from 'node:fs';
import path from 'node:path';

const stubs = ['build/test/stubs', 'build/dev/test/stubs'].find((folder) =>
  existsSync(path.join(folder, 'reference-8601')),
);

/** Whether it was built: the C++ tests (`npm run test:native`) do that. */
export const hasTensorRT8 = stubs !== undefined;

/** A stub library of the C++ tests: `8.4/libnvinfer.so.8`. */
export const stub = (file: string): string => path.resolve(stubs ?? '', file);

/** libnvinfer.so.8 that says that it is this version. */
export const library8 = (version: '8.6.1' | '8.5.2'): string =>
  stub(`reference-${version === '8.6.1' ? '8601' : '8502'}/libnvinfer.so.8`);
