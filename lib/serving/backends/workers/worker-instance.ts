// WorkerInstance: one worker thread of a model: a job at a time, started anew when it ends unexpectedly or takes too long.

import { Worker } from 'node:worker_threads';
import { ServingError, asError } from '../../../errors.js';

/** What a worker is made of. @internal */
export interface WorkerOptions {
  /** Of the model, for messages. */
  readonly model: string;
  /** The worker's program. */
  readonly file: string;
  readonly workerData: unknown;
  /** Milliseconds that a job may take before the thread is ended; 0: any. */
  readonly timeoutMs: number;
  /** How often it may be started anew without having finished a job in between. */
  readonly maxRestarts: number;
  readonly log: (level: 'error' | 'warning' | 'info' | 'verbose', message: string) => void;
}

/** What workers say besides answers to jobs. */
type WorkerMessage =
  | { readonly kind: 'ready'; readonly value?: unknown }
  | { readonly kind: 'failed'; readonly error: WorkerError }
  | {
      readonly kind: 'log';
      readonly level: 'error' | 'warning' | 'info' | 'verbose';
      readonly message: string;
    }
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: WorkerError };

/** An error as it crosses threads. @internal */
export interface WorkerError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
}

interface Job {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** An error of another thread, in this one. @internal */
export function fromWorker(error: WorkerError): Error {
  const made: Error & { code?: string } = new Error(error.message);
  made.name = error.name;
  if (error.code !== undefined) made.code = error.code;
  if (error.stack !== undefined) made.stack = error.stack;
  return made;
}

function loadFailed(model: string, cause: Error): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `failed to load '${model}': ${cause.message}`,
    "Mend the model's file as the message says, and load it again.",
    { cause },
  );
}

/** @internal */
export class WorkerInstance {
  readonly #options: WorkerOptions;
  /** Called when {@link idle} may have become true, or {@link dead} was set. */
  onChange: (() => void) | undefined;
  /** Why it is not started any more. */
  dead: Error | undefined;
  /** What the worker said of itself when it was ready. */
  about: unknown;
  #worker: Worker | undefined;
  #ready = false;
  /** The thread is being ended; it takes no more jobs. */
  #ending = false;
  #closed = false;
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #restarts = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Whether a job can start now. */
  get idle(): boolean {
    return this.#ready && !this.#ending && this.#job === undefined;
  }

  /** Starts the thread. @returns Rejects when the model cannot be initialized */
  start(): Promise<void> {
    const worker = new Worker(this.#options.file, { workerData: this.#options.workerData });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'ready') {
          this.#ready = true;
          this.about = message.value;
          worker.unref();
          resolve();
        } else if (message.kind === 'failed') {
          failure = fromWorker(message.error);
          void worker.terminate();
        } else this.#received(message);
      });
      worker.on('error', (error: unknown) => {
        failure ??= asError(error);
      });
      worker.on('exit', (code) => {
        const wasReady = this.#ready;
        this.#ready = false;
        this.#ending = false;
        this.#worker = undefined;
        const cause = failure ?? new Error(`the worker thread ended with status ${code}`);
        if (wasReady) this.#ended(cause);
        else reject(loadFailed(this.#options.model, cause));
      });
    });
  }

  /** Runs a job; only while {@link idle}. @returns What the worker answers; rejects with what it throws, or when the thread ends */
  run(message: object, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    const worker = this.#worker as Worker;
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      worker.postMessage(message, transfer); // throws for what cannot be cloned: then there is no job
      this.#job = { resolve, reject };
      worker.ref();
      if (timeoutMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timedOut();
        }, timeoutMs);
      }
    });
  }

  /** Tells the worker something about the job that it has. */
  post(message: object): void {
    this.#worker?.postMessage(message);
  }

  /** Ends the thread, after the worker had its say (`finalize`) for as long as a job may take, at most 5 seconds. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) return;
    const limit = Math.min(this.#options.timeoutMs || 5000, 5000);
    worker.ref();
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        resolve();
      });
    });
    const timer = setTimeout(() => {
      void worker.terminate();
    }, limit);
    if (this.#ready) worker.postMessage({ kind: 'finalize' });
    else void worker.terminate();
    await ended;
    clearTimeout(timer);
  }

  #received(message: Exclude<WorkerMessage, { kind: 'ready' | 'failed' }>): void {
    if (message.kind === 'log') {
      this.#options.log(message.level, message.message);
      return;
    }
    this.#finish((job) => {
      if (message.kind === 'answer') job.resolve(message.value);
      else job.reject(fromWorker(message.error));
    });
  }

  #finish(settle: (job: Job) => void): void {
    const job = this.#job;
    if (job === undefined) return;
    clearTimeout(this.#timer);
    this.#job = undefined;
    this.#restarts = 0;
    this.#worker?.unref();
    settle(job);
    this.onChange?.();
  }

  #timedOut(): void {
    const job = this.#job;
    this.#job = undefined;
    this.#ending = true;
    const { model, timeoutMs } = this.#options;
    job?.reject(
      new ServingError(
        'ERR_TRT_MODEL_BACKEND',
        `model '${model}' took longer than its timeout_ms of ${timeoutMs} for a batch, and was stopped`,
        'Give it more time with the parameter timeout_ms, or mend what takes so long.',
      ),
    );
    void this.#worker?.terminate();
  }

  /** The thread has ended after it was ready: fails its job, and starts another thread. */
  #ended(cause: Error): void {
    clearTimeout(this.#timer);
    const { model, maxRestarts, log } = this.#options;
    const job = this.#job;
    this.#job = undefined;
    job?.reject(
      new ServingError(
        'ERR_TRT_MODEL_BACKEND',
        `the worker thread of model '${model}' ended while it executed a batch: ${cause.message}`,
        'Mend the model: it must not end its thread or throw outside of execute(). It is started anew.',
        { cause },
      ),
    );
    if (this.#closed) return;
    if (this.#restarts >= maxRestarts) {
      this.#giveUp(cause);
      return;
    }
    this.#restarts++;
    log(
      'warning',
      `model '${model}': a worker thread ended (${cause.message}); starting it anew, ${this.#restarts} of at most ${maxRestarts} times`,
    );
    this.start().then(
      () => {
        this.onChange?.();
      },
      (error: unknown) => {
        if (!this.#closed) this.#giveUp(asError(error));
      },
    );
  }

  #giveUp(cause: Error): void {
    const { model } = this.#options;
    this.dead = new ServingError(
      'ERR_TRT_MODEL_UNAVAILABLE',
      `model '${model}' is not started anew any more: ${cause.message}`,
      'Mend the model and load it again.',
      { cause },
    );
    this.#options.log('error', this.dead.message);
    this.onChange?.();
  }
}
