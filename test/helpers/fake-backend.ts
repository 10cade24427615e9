// A backend whose batches end when the test says so, or by themselves.

import type { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { Backend, Batch, ModelMemory } from '../../lib/serving/model/backend.js';
import type { PendingRequest } from '../../lib/serving/request.js';

/** Outputs, and what goes to `extra`. */
export type ComputeOne = (
  request: PendingRequest,
) => [(InferTensor | undefined)[], Map<string, InferTensor>?] | Error;

export class FakeBackend implements Backend {
  readonly platform = 'fake';
  readonly broken = undefined;
  onFree: (() => void) | undefined;
  /** All batches so far. */
  readonly batches: Batch[] = [];
  readonly #running = new Set<Batch>();

  /**
   * @param compute - What each request gets.
   * @param capacity - Batches at a time.
   * @param manual - Batches end by {@link end} only.
   */
  constructor(
    readonly compute: ComputeOne,
    readonly capacity = 1,
    readonly manual = false,
  ) {}

  get free(): number {
    return this.capacity - this.#running.size;
  }

  execute(batch: Batch): void {
    if (this.free <= 0) throw new Error('executed without being free');
    this.batches.push(batch);
    this.#running.add(batch);
    if (!this.manual) {
      setImmediate(() => {
        this.end(batch);
      });
    }
  }

  /** Ends a batch; default: the oldest that runs. */
  end(batch = [...this.#running][0]!): void {
    const now = performance.now();
    for (const request of batch.requests) {
      const made = this.compute(request);
      if (made instanceof Error) request.fail(made, 'BACKEND');
      else request.complete(made[0], undefined, made[1]);
    }
    this.#running.delete(batch);
    batch.ended({ start: now, computeStart: now, computeEnd: now, end: now });
    this.onFree?.();
  }

  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Lets everything that was scheduled for the next turns of the event loop happen. */
export async function turns(count = 4): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
