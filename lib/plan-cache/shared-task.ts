// SharedTask: one piece of work that several callers wait for; given up when the last of them has left.

import { asError } from '../errors.js';
import { abortedError } from '../session/run.js';

/** Work by name. A caller that aborts leaves; the work is aborted when nobody waits for it any more. */
export class SharedTasks<Listener> {
  readonly #tasks = new Map<string, Task<Listener>>();

  /**
   * Joins the work of that name, or begins it.
   *
   * @param work - Gets a signal of its own, and the listeners of all who wait at the time.
   */
  join(
    name: string,
    listener: Listener,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal, listeners: ReadonlySet<Listener>) => Promise<void>,
  ): Promise<void> {
    let task = this.#tasks.get(name);
    // Whoever comes while the work is being given up begins anew.
    if (task === undefined || task.controller.signal.aborted) {
      const begun = new Task<Listener>(work);
      this.#tasks.set(name, begun);
      const forget = (): void => {
        if (this.#tasks.get(name) === begun) this.#tasks.delete(name);
      };
      begun.done.then(forget, forget);
      task = begun;
    }
    return task.join(listener, signal);
  }
}

class Task<Listener> {
  readonly controller = new AbortController();
  readonly done: Promise<void>;
  readonly #listeners = new Set<Listener>();
  #waiting = 0;

  constructor(work: (signal: AbortSignal, listeners: ReadonlySet<Listener>) => Promise<void>) {
    this.done = work(this.controller.signal, this.#listeners);
  }

  join(listener: Listener, signal: AbortSignal | undefined): Promise<void> {
    this.#waiting++;
    this.#listeners.add(listener);
    return new Promise((resolve, reject) => {
      let left = false;
      const leave = (): void => {
        if (left) return;
        left = true;
        signal?.removeEventListener('abort', onAbort);
        this.#listeners.delete(listener);
        if (--this.#waiting === 0) this.controller.abort();
      };
      const onAbort = (): void => {
        leave();
        if (signal !== undefined) reject(abortedError('Session.load', signal));
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.done.then(
        () => {
          leave();
          resolve();
        },
        (error: unknown) => {
          leave();
          reject(asError(error));
        },
      );
    });
  }
}
