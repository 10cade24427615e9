// OldestSequences: one request of each sequence at a time goes to a dynamic batcher, which makes batches of the oldest.

import { Batcher } from './batcher.js';
import type { Sequence } from './sequence-slots.js';
import type { SequenceStrategy, StrategyParts } from './sequence-strategy.js';

/** @internal */
export class OldestSequences implements SequenceStrategy {
  readonly #parts: StrategyParts;
  readonly #batcher: Batcher;

  constructor(parts: StrategyParts) {
    const { config, backend, statistics } = parts;
    const oldest = config.sequence_batching?.oldest;
    this.#parts = parts;
    this.#batcher = new Batcher({
      config: {
        ...config,
        dynamic_batching: {
          preferred_batch_size: oldest?.preferred_batch_size ?? [],
          max_queue_delay_microseconds: oldest?.max_queue_delay_microseconds ?? 0,
          preserve_ordering: oldest?.preserve_ordering ?? false,
          priority_levels: 0,
          default_priority_level: 0,
          priority_queue_policy: {},
        },
      },
      backend,
      statistics,
      // There are never more than slots.
      maxQueueSize: Infinity,
      fits: parts.fits,
    });
  }

  get pending(): number {
    return this.#batcher.pending;
  }

  wake(sequence: Sequence): void {
    if (sequence.running !== undefined || sequence.queue.length === 0) return;
    this.#batcher.enqueue(this.#parts.take(sequence));
  }

  drain(): Promise<void> {
    return this.#batcher.drain();
  }

  close(): void {
    this.#batcher.close();
  }
}
