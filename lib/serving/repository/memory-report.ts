// What the repository tells of its models: memory of each, and the rows of the start-up table.

import type { ModelMemory } from '../model/backend.js';
import type { ModelState } from '../service.js';
import { type ModelEntry, reasonOf } from './model-entry.js';

/** A row of {@link ModelRepository.describe}: a version, or a model that has none. */
export interface ModelDescription {
  readonly name: string;
  /** '' where no version was tried. */
  readonly version: string;
  readonly state: ModelState | '';
  /** Why it is not ready, or why its last reload failed; '' where there is nothing to say. */
  readonly reason: string;
  /** As in Triton's `platform`; the backend where it has none; '' while it is not loaded. */
  readonly platform: string;
  /** Instances on all devices together; 0 while it is not loaded. */
  readonly instances: number;
  /** Bytes. */
  readonly deviceBytes: number;
  readonly hostBytes: number;
}

/** What the versions of a model hold now, those that are being replaced included. @internal */
export function memoryOf(entry: ModelEntry): ModelMemory {
  const sum = { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  for (const version of entry.held()) {
    const memory = version.memory();
    sum.deviceBytes += memory.deviceBytes;
    sum.pinnedBytes += memory.pinnedBytes;
    sum.hostBytes += memory.hostBytes;
  }
  return sum;
}

/** The rows of one model; none before anything was tried. @internal */
export function describeEntry(entry: ModelEntry): ModelDescription[] {
  const failed = entry.failure?.error;
  return entry.rows().map((row) => {
    const loaded = entry.ready.get(row.version);
    const memory = loaded?.memory();
    const config = loaded?.config;
    const groups = config?.instance_group ?? [];
    const instances = groups.reduce(
      (sum, { count, gpus }) => sum + Math.max(1, count) * Math.max(1, gpus.length),
      0,
    );
    return {
      ...row,
      reason:
        row.reason === '' && failed !== undefined ? `last load: ${reasonOf(failed)}` : row.reason,
      platform: config === undefined ? '' : config.platform || config.backend,
      instances,
      deviceBytes: memory?.deviceBytes ?? 0,
      hostBytes: (memory?.hostBytes ?? 0) + (memory?.pinnedBytes ?? 0),
    };
  });
}
