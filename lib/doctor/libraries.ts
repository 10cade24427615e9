// TensorRT's libraries in the usual places, by their file names; none is opened.

import { readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** A TensorRT library on disk. */
export interface FoundLibrary {
  readonly path: string;
  /** As the file name says: "10" or "10.6.0". */
  readonly version: string;
  readonly flavor: 'full' | 'lean' | 'dispatch';
}

const pattern = /^libnvinfer(_lean|_dispatch)?\.so\.(\d+(?:\.\d+)*)$/;

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Folders that match `base/<pattern>/rest`. */
function glob(base: string, inner: RegExp, rest: string): string[] {
  return names(base)
    .filter((name) => inner.test(name))
    .map((name) => path.join(base, name, rest));
}

/** Where TensorRT is usually installed: system folders, archives, pip packages, and LD_LIBRARY_PATH. */
function folders(): string[] {
  const { LD_LIBRARY_PATH = '', VIRTUAL_ENV = '', CONDA_PREFIX = '' } = process.env;
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const pythons = [VIRTUAL_ENV, CONDA_PREFIX, '/usr', '/usr/local'].filter((root) => root !== '');
  const packages = pythons.flatMap((root) =>
    glob(path.join(root, 'lib'), /^python3/, '').flatMap((folder) => [
      path.join(folder, 'site-packages'),
      path.join(folder, 'dist-packages'),
    ]),
  );
  return [
    ...LD_LIBRARY_PATH.split(':').filter((folder) => folder !== ''),
    ...packages.flatMap((folder) => glob(folder, /^tensorrt(_lean|_dispatch)?_libs$/, '')),
    `/usr/lib/${triplet}`,
    '/usr/lib64',
    '/usr/local/lib',
    ...glob('/usr/local', /^tensorrt/i, 'lib'),
    ...glob('/opt', /^tensorrt/i, 'lib'),
  ];
}

/** All TensorRT libraries in the usual places, each once. */
export function findTensorRTLibraries(): FoundLibrary[] {
  const found = new Map<string, FoundLibrary>();
  for (const folder of new Set(folders())) {
    for (const name of names(folder)) {
      const match = pattern.exec(name);
      if (match === null) continue;
      const file = path.join(folder, name);
      const flavor = match[1] === '_lean' ? 'lean' : match[1] === '_dispatch' ? 'dispatch' : 'full';
      const entry = { path: file, version: match[2] ?? '', flavor } as const;
      const real = realpathSync(file);
      const other = found.get(real);
      if (other === undefined || other.version.length < entry.version.length)
        found.set(real, entry);
    }
  }
  return [...found.values()];
}
