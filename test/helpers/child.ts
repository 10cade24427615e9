import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildResult {
  /** Exit status, or null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  args?: string[];
  /** Flags of node itself. */
  nodeArgs?: string[];
  /** Added to this process's environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** After this the child is killed, and the result's signal is SIGKILL. Default 30 000. */
  timeoutMs?: number;
}

/**
 * Runs a file, or with `{ code }` a CommonJS text, in a Node.js process of its own and waits for it to exit: for what must be seen
 * from outside (exit status, a crash, output at exit). The text can say `require('trt-node')`, which is dist/.
 */
export function runChild(
  program: string | { code: string },
  options: ChildOptions = {},
): Promise<ChildResult> {
  const { args = [], nodeArgs = [], env = {}, cwd = repositoryRoot, timeoutMs = 30_000 } = options;
  const target =
    typeof program === 'string' ? [program] : ['--input-type=commonjs', '-e', program.code];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArgs, ...target, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
}
