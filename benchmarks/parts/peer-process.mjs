// Starting peers and talking to them: a process each, a line of JSON out, a line of JSON back.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The peer's answer, or an object with `error`; never rejects. */
export class PeerProcess {
  #child;
  #waiting = [];
  #stderr = '';
  #ended;

  /** `command`, `args`, `env`: what to start; `cwd`: the project's root. */
  constructor({ command, args, env = {} }, cwd) {
    this.#child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => {
      const last = this.#stderr.trim().split('\n').at(-1) ?? '';
      this.#end(`the process ended with ${signal ?? `status ${code}`}. ${last}`.slice(0, 500));
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      let answer;
      try {
        answer = JSON.parse(line);
      } catch {
        return; // a library that prints to standard output
      }
      this.#waiting.shift()?.(answer);
    });
  }

  #end(reason) {
    this.#ended ??= reason;
    for (const resolve of this.#waiting.splice(0)) resolve({ error: reason });
  }

  /** The next line that the peer says; one that takes longer than `timeoutMs` is ended. */
  next(timeoutMs) {
    if (this.#ended !== undefined) return Promise.resolve({ error: this.#ended });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#end(`no answer within ${timeoutMs} ms`);
        this.#child.kill('SIGKILL');
      }, timeoutMs);
      this.#waiting.push((answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  ask(command, timeoutMs) {
    const answer = this.next(timeoutMs);
    if (this.#ended === undefined) this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return answer;
  }

  /** Lets the peer end by itself; ends it after `timeoutMs`. */
  async close(timeoutMs = 10_000) {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await closed;
    clearTimeout(timer);
  }
}
