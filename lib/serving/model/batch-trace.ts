// Tells the traced requests of a batch when they reached the steps that only the model knows of.

import type { PendingRequest } from '../request.js';
import type { BatchTiming } from './backend.js';

/** Before the requests' promises go on: called in the turn in which the backend has settled them. @internal */
export function traceBatch(requests: readonly PendingRequest[], timing: BatchTiming): void {
  for (const { options, acceptedAt } of requests) {
    const { trace } = options;
    if (trace === undefined) continue;
    trace('QUEUE_START', acceptedAt);
    trace('COMPUTE_START', timing.start);
    trace('COMPUTE_INPUT_END', timing.computeStart);
    trace('COMPUTE_OUTPUT_START', timing.computeEnd);
    trace('COMPUTE_END', timing.end);
  }
}
