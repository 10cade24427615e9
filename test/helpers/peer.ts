// Peer: another process that tests give work to (test/helpers/peer.cjs).

import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

interface Answer {
  readonly id: number;
  readonly value: unknown;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<void>;
  #last = 0;

  /** `program`: test/helpers/peer.cjs. */
  constructor(
    program = path.join(process.cwd(), 'test/helpers/peer.cjs'),
    env: Record<string, string> = {},
  ) {
    this.#child = fork(program, {
      env: { ...process.env, ...env },
      execArgv: [],
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => {
      const answer = message as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        const message = `the process ended with ${code ?? signal ?? ''}`;
        for (const [id, settle] of this.#waiting) {
          settle({ id, value: undefined, error: { code: 'ENDED', message } });
        }
        resolve();
      });
    });
  }

  /** What the body of an async function of (trt, state, args) gives there; rejects with an Error that has `code`. */
  async do<T = unknown>(body: string, args: Record<string, unknown> = {}): Promise<T> {
    const id = ++this.#last;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, body, args });
    });
    if (answer.error === undefined) return answer.value as T;
    throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  }

  /** Ends the process, and waits for that. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
