// Running other programs, for the scripts here: from the repository's root, with their output shown.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command and throws when it fails. `quiet`: its output is shown only then. */
export function run(command, args, { env = {}, quiet = false } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? 'pipe' : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) {
    if (quiet) process.stderr.write(stdout + stderr);
    throw new Error(`\`${command} ${args.join(' ')}\` ended with ${signal ?? `status ${status}`}`);
  }
  return stdout ?? '';
}
