// HostBackend: what backends share that compute on the host: a batch is prepared, computed by a runner, and answered; one that fails fails its requests.

import { asError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend, Batch, ModelMemory } from '../model/backend.js';
import { onHostBatch } from './host-batch.js';
import { modelError } from './model-error.js';

/** Where batches are computed. @internal */
export interface HostRunner {
  /** Batches that it takes now. */
  readonly free: number;
  onFree: (() => void) | undefined;
  readonly broken: Error | undefined;
  close(): Promise<void>;
}

/** @internal */
export abstract class HostBackend<Runner extends HostRunner, Input, Output> implements Backend {
  abstract readonly platform: string;
  protected readonly config: ModelConfig;
  protected readonly runner: Runner;
  /** Batches that the runner does not have yet. */
  #starting = 0;
  readonly #running = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(config: ModelConfig, runner: Runner) {
    this.config = config;
    this.runner = runner;
  }

  /** What the runner gets of a batch, whose inputs are all on the host. */
  protected abstract prepare(batch: Batch): Input;

  /** Hands it to the runner, before it returns. */
  protected abstract compute(input: Input, batch: Batch): Promise<Output>;

  /** Settles every request of the batch. @throws when the output is none for this batch */
  protected abstract answer(batch: Batch, output: Output): void;

  get free(): number {
    return Math.max(0, this.runner.free - this.#starting);
  }

  get broken(): Error | undefined {
    return this.runner.broken;
  }

  get onFree(): (() => void) | undefined {
    return this.runner.onFree;
  }

  set onFree(callback: (() => void) | undefined) {
    this.runner.onFree = callback;
  }

  execute(batch: Batch): void {
    this.#starting++;
    const run = this.#run(batch).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all(this.#running);
      await this.runner.close().catch(() => undefined); // finalize() failed: the model is gone all the same
    })();
    return this.#closing;
  }

  async #run(given: Batch): Promise<void> {
    const start = performance.now();
    let computeStart = start;
    let computeEnd = start;
    let failure: Error | undefined;
    try {
      let batch: Batch;
      let computing: Promise<Output>;
      try {
        batch = await onHostBatch(given);
        const input = this.prepare(batch);
        computeStart = performance.now();
        computing = this.compute(input, batch);
      } finally {
        this.#starting--;
      }
      const output = await computing;
      computeEnd = performance.now();
      this.answer(batch, output);
    } catch (thrown) {
      failure = modelError(this.config.name, asError(thrown));
      for (const request of given.requests) request.fail(failure, 'BACKEND');
    }
    const end = performance.now();
    computeEnd = Math.max(computeStart, computeEnd);
    given.ended({ start, computeStart, computeEnd, end }, failure);
    if (failure !== undefined) this.onFree?.(); // it may have ended before the runner had it
  }
}
