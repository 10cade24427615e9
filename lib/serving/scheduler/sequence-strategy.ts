// SequenceStrategy: which requests of an instance's sequences make a batch: sequence-direct.ts and sequence-oldest.ts.

import type { ModelConfig } from '../config/model-config.js';
import type { ModelStatistics } from '../model/statistics.js';
import type { PendingRequest } from '../request.js';
import type { SequenceInstance } from './sequence-instance.js';
import type { SequenceRequest, PaddingRequest } from './sequence-request.js';
import type { Sequence } from './sequence-slots.js';

/** What a strategy is made of. @internal */
export interface StrategyParts {
  readonly config: ModelConfig;
  readonly backend: SequenceInstance;
  readonly statistics: ModelStatistics;
  /** The sequences of the instance, by slot. */
  readonly slots: () => readonly (Sequence | undefined)[];
  /** Takes the next request of a sequence, with its controls and states; frees the slot if it is the last. */
  readonly take: (sequence: Sequence) => SequenceRequest;
  /** A request for a slot that has nothing to say. */
  readonly padding: (like: PendingRequest) => PaddingRequest;
  /** Whether two requests can be in one batch. */
  readonly fits: (request: PendingRequest, first: PendingRequest) => boolean;
}

/** @internal */
export interface SequenceStrategy {
  /** `sequence` has a slot here, and a request that waits. */
  wake(sequence: Sequence): void;
  /** Requests that were taken and wait. */
  readonly pending: number;
  /** Sends without delay from now on. @returns Resolves when nothing runs */
  drain(): Promise<void>;
  /** Fails what was taken and waits. */
  close(): void;
}
