// How an example ends when something is missing: a sentence saying what, one saying what to do, and exit status 1.
import { isTensorRTError } from 'trt-node';

/** Something that the person at the keyboard can mend. */
export class ExampleError extends Error {
  override readonly name = 'ExampleError';

  /**
   * @param message - What is wrong: what was expected, and what was found.
   * @param hint - What to install or change, as a command where there is one.
   */
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

interface SystemError extends Error {
  code: string;
  port?: number;
}

/** The two lines of an error that needs no stack trace; undefined for a fault of the example itself. */
export function explain(error: unknown): string | undefined {
  if (error instanceof ExampleError) return `${error.message}\n${error.hint}`;
  if (isTensorRTError(error)) {
    // The message ends with the hint.
    return `${error.code}: ${error.message.replace(error.hint, '').trimEnd()}\n${error.hint}`;
  }
  if (error instanceof Error && 'code' in error) {
    const { code, message, port } = error as SystemError;
    if (code === 'EADDRINUSE') {
      return `Port ${port ?? ''} is in use: ${message}\nEnd the program that listens there, or choose another port.`;
    }
    if (code === 'ERR_SOCKET_BAD_PORT') return `${message}\nGive a port from 0 to 65535.`;
    if (code.startsWith('ERR_PARSE_ARGS_')) {
      return `${message.split(/\.\s/)[0] ?? message}.\nThe flags are in README.md.`;
    }
    if (code === 'ERR_MODULE_NOT_FOUND')
      return `${message}\nRun npm install in the project's root.`;
  }
  return undefined;
}

/** Runs an example's program: what it throws is told in two lines where a person can mend it. */
export async function main(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    const text = explain(error);
    if (text === undefined) throw error;
    console.error(text);
    process.exitCode = 1;
  }
}
