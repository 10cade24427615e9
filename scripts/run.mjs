// Running other programs, for the scripts here: from the repository's root, with their output shown.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const localBin = path.join(root, 'node_modules', '.bin');

/** Runs a command, of node_modules/.bin or of the PATH, and throws when it fails. `quiet`: its output is shown only then. */
export function run(command, args, { env = {}, quiet = false } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, PATH: `${localBin}:${process.env.PATH}`, ...env },
    stdio: quiet ? 'pipe' : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) {
    if (quiet) process.stderr.write(stdout + stderr);
    const line = [command, ...args].join(' ').slice(0, 120);
    throw new Error(`\`${line}\` ended with ${signal ?? `status ${status}`}`);
  }
  return stdout ?? '';
}
