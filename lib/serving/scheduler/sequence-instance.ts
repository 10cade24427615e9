// SequenceInstance: one instance of a backend, as a backend of its own: sequences stay with the instance that knows them.

import type { Backend, Batch, ModelMemory } from '../model/backend.js';
import type { PendingRequest } from '../request.js';

/** Executes one batch at a time: the next batch of a sequence needs what came of the last. @internal */
export class SequenceInstance implements Backend {
  readonly #backend: Backend;
  readonly #index: number;
  #busy = false;
  onFree: (() => void) | undefined;

  constructor(backend: Backend, index: number) {
    this.#backend = backend;
    this.#index = index;
  }

  get platform(): string {
    return this.#backend.platform;
  }
  get free(): number {
    return this.#busy ? 0 : Math.min(1, this.#backend.free);
  }
  get broken(): Error | undefined {
    return this.#backend.broken;
  }

  execute(batch: Batch): void {
    this.#busy = true;
    const requests: readonly PendingRequest[] = batch.requests;
    this.#backend.execute({
      requests,
      size: batch.size,
      instance: this.#index,
      ended: (timing, error) => {
        this.#busy = false;
        batch.ended(timing, error);
        this.onFree?.();
      },
    });
  }

  memory(): ModelMemory {
    return this.#backend.memory();
  }

  /** The backend belongs to the model. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
