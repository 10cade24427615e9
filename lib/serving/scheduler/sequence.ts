// SequenceScheduler: sequence_batching, direct and oldest.

import { ServingError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend } from '../model/backend.js';
import type { LoadContext } from '../model/loading.js';
import type { ModelStatistics } from '../model/statistics.js';
import type { Scheduler } from './scheduler.js';

/** What a scheduler is made of. @internal */
export interface SchedulerParts {
  readonly name: string;
  readonly version: string;
  readonly config: ModelConfig;
  /** Real path of the model's folder, for initial states from files. */
  readonly folder: string | undefined;
  readonly backend: Backend;
  readonly statistics: ModelStatistics;
  readonly context: LoadContext;
}

/** Placeholder until it is merged. @internal */
export function createSequenceScheduler(parts: SchedulerParts): Scheduler {
  throw new ServingError(
    'ERR_TRT_REQUEST_UNSUPPORTED',
    `${parts.name}: sequence_batching is not there yet`,
    '',
  );
}
