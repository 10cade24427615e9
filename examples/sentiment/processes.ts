// Both ways as processes of their own, for the tests and the figures: the one service, and the original's server beside its web service.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ExampleError } from '../kit/failure.ts';
import { type ExampleModel, exampleFolder } from '../kit/models.ts';
import { findPython } from '../kit/python.ts';
import { startServer } from '../kit/server.ts';

const { root } = exampleFolder(import.meta.url);

/** Something that answers sentences at a URL, and whatever it needs for that. */
export interface RunningService extends AsyncDisposable {
  readonly url: string;
}

/** Starts a program that prints the URL where it serves. @throws ExampleError with what it wrote when it ends before that. */
async function startService(command: string, args: readonly string[]): Promise<RunningService> {
  const child: ChildProcess = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let log = '';
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        const found = /(?:Serving|listening).*(http:\S+)\n/.exec(log)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    child.once('error', reject);
    child.once('close', () => reject(new ExampleError(log.trimEnd(), `It was: ${args.join(' ')}`)));
  });
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** One process: main.ts. */
export async function startOne(port = 0): Promise<RunningService> {
  return startService(process.execPath, ['--import', 'tsx', 'main.ts', `--port=${port}`]);
}

/** `trt-node serve`, and the web service in Python in front of it. */
export async function startOriginal(
  repository: string,
  { folder }: ExampleModel,
): Promise<RunningService> {
  const python = findPython(['tritonclient', 'tokenizers', 'numpy']);
  const server = await startServer(repository);
  const script = path.join('original', 'web_service.py');
  try {
    const args = [script, folder, `--url=${server.http}`, '--port=0'];
    const service = await startService(python, args);
    return {
      url: service.url,
      [Symbol.asyncDispose]: async () => {
        await service[Symbol.asyncDispose]();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
