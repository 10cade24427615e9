// Python for the parts of an example that are about Python: finds an interpreter that has what they need, and runs it.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { ExampleError } from './failure.ts';

/** What pip calls a module where the names differ. */
const packages: Readonly<Record<string, string>> = {
  tritonclient: "'tritonclient[all]'",
  PIL: 'pillow',
};

/** Of the modules those that `python` cannot import; undefined where there is no such interpreter. */
export function missingModules(python: string, modules: readonly string[]): string[] | undefined {
  const script =
    'import importlib.util, sys\nprint(*[name for name in sys.argv[1:] if importlib.util.find_spec(name) is None])';
  try {
    const options = { encoding: 'utf8', stdio: 'pipe' } as const;
    const told = execFileSync(python, ['-c', script, ...modules], options);
    return told.split(/\s+/).filter((name) => name !== '');
  } catch {
    return undefined;
  }
}

/** The interpreter: TRT_NODE_PYTHON, or python3. @throws ExampleError saying what to install. */
export function findPython(modules: readonly string[]): string {
  const python = process.env.TRT_NODE_PYTHON ?? 'python3';
  const missing = missingModules(python, modules);
  if (missing === undefined) {
    throw new ExampleError(
      `${python} cannot be run.`,
      'Install Python 3.10 or newer, or set TRT_NODE_PYTHON to an interpreter.',
    );
  }
  if (missing.length > 0) {
    throw new ExampleError(
      `${python} has no ${missing.join(', ')}.`,
      `Run: ${python} -m pip install ${missing.map((name) => packages[name] ?? name).join(' ')} (or set TRT_NODE_PYTHON to an interpreter that has them).`,
    );
  }
  return python;
}

const execFileAsync = promisify(execFile);

/** Runs a script that needs `modules`, and gives what it printed. @throws ExampleError with the end of what it wrote to stderr when it fails. */
export async function runPython(
  script: string,
  args: readonly string[],
  modules: readonly string[],
): Promise<string> {
  const python = findPython(modules);
  try {
    const { stdout } = await execFileAsync(python, [script, ...args], {
      maxBuffer: 2 ** 26,
      encoding: 'utf8',
    });
    return stdout;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    const end = stderr.trimEnd().split('\n').slice(-3).join('\n');
    throw new ExampleError(
      `${script} failed: ${end || message}`,
      `Run it by itself to see more: ${python} ${[script, ...args].join(' ')}`,
    );
  }
}
