// Sums over the devices of a session: what it has done, and the memory that it holds.

import type { NativeExecutor } from '../native.js';
import type {
  SessionDeviceMemory,
  SessionDeviceStats,
  SessionMemory,
  SessionStats,
} from './types.js';

function sumOf<T>(rows: readonly T[], value: (row: T) => number): number {
  return rows.reduce((sum, row) => sum + value(row), 0);
}

export function sumStats(
  counts: Pick<SessionStats, 'abandoned' | 'running' | 'queued'>,
  devices: readonly SessionDeviceStats[],
  executors: readonly ReturnType<NativeExecutor['stats']>[],
): SessionStats {
  return {
    completed: sumOf(devices, (row) => row.completed),
    failed: sumOf(devices, (row) => row.failed),
    ...counts,
    cudaGraph: {
      hits: sumOf(executors, (row) => row.graphHits),
      captures: sumOf(executors, (row) => row.graphCaptures),
      fallbacks: sumOf(executors, (row) => row.graphFallbacks),
      fallbackReason: executors.find((row) => row.graphFallbackReason !== '')?.graphFallbackReason,
    },
    launches: {
      onEventLoop: sumOf(executors, (row) => row.inlineLaunches),
      onThread: sumOf(executors, (row) => row.offThreadLaunches),
    },
    devices,
  };
}

export function sumMemory(devices: readonly SessionDeviceMemory[]): SessionMemory {
  return {
    hostBytes: sumOf(devices, (row) => row.hostBytes),
    pinnedBytes: sumOf(devices, (row) => row.pinnedBytes),
    deviceBytes: sumOf(devices, (row) => row.deviceBytes),
    activationBytes: sumOf(devices, (row) => row.activationBytes),
    devices,
  };
}
