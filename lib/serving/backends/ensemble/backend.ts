// EnsembleBackend: takes every request at once, and sends it through the steps by itself: batches are made by the models that the steps call.

import type { Backend, Batch, ModelMemory } from '../../model/backend.js';
import { type EnsembleParts, EnsembleRun } from './run.js';

/** @internal */
export class EnsembleBackend implements Backend {
  readonly platform = 'ensemble';
  readonly free = Infinity;
  readonly broken = undefined;
  onFree: (() => void) | undefined;
  readonly #parts: EnsembleParts;
  #running = 0;
  #onIdle: (() => void)[] = [];

  constructor(parts: EnsembleParts) {
    this.#parts = parts;
  }

  execute(batch: Batch): void {
    const start = performance.now();
    let open = batch.requests.length;
    let failure: Error | undefined;
    const ended = (error: Error | undefined): void => {
      failure ??= error;
      if (--open > 0) return;
      const end = performance.now();
      batch.ended({ start, computeStart: start, computeEnd: end, end }, failure);
      if (--this.#running > 0) return;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    };
    this.#running++;
    for (const request of batch.requests) new EnsembleRun(this.#parts, request, ended).start();
  }

  /** Its own; the models of its steps have theirs. */
  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  }

  async close(): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }
}
