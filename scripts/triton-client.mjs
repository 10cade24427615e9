// Python with tritonclient, tokenizers and Pillow, for the tests of test/clients and of the examples: a virtual environment in .cache/triton-client, made once.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root, run } from './run.mjs';

/** Fixed, so that a failing test means a change of ours; NumPy is what its shared memory and arrays need. */
const wheels = ['tritonclient[all]==2.73.0', 'numpy'];
/** Without what they depend on: tokenizers needs more only to download models, Pillow nothing. */
const loneWheels = ['tokenizers==0.23.3', 'pillow==13.0.0'];
const folder = path.join(root, '.cache', 'triton-client');

/**
 * The Python to use: that of TRT_NODE_TRITON_PYTHON, or of the environment made here; undefined, with a word on the console, where it can be had
 * neither way. CI must have it: there the failure is thrown.
 */
export function tritonPython() {
  const given = process.env.TRT_NODE_TRITON_PYTHON;
  if (given) return given;
  const python = path.join(folder, 'bin', 'python');
  // Another list of wheels wants another environment.
  const done = path.join(folder, `complete-${loneWheels.join('-')}`);
  if (existsSync(done)) return python;
  try {
    rmSync(folder, { recursive: true, force: true });
    run('python3', ['-m', 'venv', folder], { quiet: true });
    const install = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:'];
    run(python, [...install, ...wheels], { quiet: true });
    run(python, [...install, '--no-deps', ...loneWheels], { quiet: true });
    const imports = 'tritonclient.http, tritonclient.grpc, tokenizers, PIL';
    run(python, ['-c', `import ${imports}; open(${JSON.stringify(done)}, 'w')`], { quiet: true });
    return python;
  } catch (error) {
    if (process.env.CI) throw error;
    console.log(`Not tested: Python's tritonclient cannot be installed. ${error.message}`);
    return undefined;
  }
}
