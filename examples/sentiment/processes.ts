// Both ways as processes of their own, for the tests and the figures: the one service, and the original's server beside its web service.
import path from 'node:path';
import { ExampleError } from '../kit/failure.ts';
import { type ExampleModel, exampleFolder } from '../kit/models.ts';
import { startProgram } from '../kit/program.ts';
import { findPython } from '../kit/python.ts';
import { startServer } from '../kit/server.ts';

const { root } = exampleFolder(import.meta.url);

/** Something that answers sentences at a URL, and whatever it needs for that. */
export interface RunningService extends AsyncDisposable {
  readonly url: string;
}

/** Starts a program that prints the URL where it serves. @throws ExampleError with what it wrote when it ends before that. */
async function startService(command: string, args: readonly string[]): Promise<RunningService> {
  const program = await startProgram(
    command,
    args,
    (log) => /(?:Serving|listening).*(http:\S+)\n/.exec(log)?.[1],
    (status, log) =>
      new ExampleError(log, `It was: ${args.join(' ')}, which ended with ${status}.`),
    { cwd: root },
  );
  return { url: program.ready, [Symbol.asyncDispose]: program.close };
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
