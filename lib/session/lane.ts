// Lane: one device of a session: its engine, its executor's slots, and what became of their runs.

import type { DeviceLostError } from '../errors.js';
import type { NativeEngine, NativeExecutor, NativeRuntime } from '../native.js';
import type { IoTable } from './io-table.js';
import { Queue } from './queue.js';
import type { Run } from './run.js';
import { Slot } from './slots.js';
import { RunClock } from './timing.js';
import type { RunTiming, SessionDeviceStats } from './types.js';

/** What a lane is made of. */
export interface LaneParts {
  readonly device: number;
  readonly runtime: NativeRuntime;
  readonly engine: NativeEngine;
  readonly executor: NativeExecutor;
}

/** One device. Sessions of one device have one. */
export class Lane {
  readonly device: number;
  readonly engine: NativeEngine;
  readonly executor: NativeExecutor;
  readonly #runtime: NativeRuntime;
  /** By the executor's index. */
  readonly slots: readonly Slot[];
  /** The one used last is taken first, as it is likely prepared for the same shapes. */
  readonly free: Slot[] = [];
  /** Runs that wait for this device and no other, as their tensors lie here. */
  readonly waiting = new Queue<Run>();
  readonly clock: RunClock | undefined;
  running = 0;
  completed = 0;
  failed = 0;
  /** Why nothing works on the device any more. */
  lost: DeviceLostError | undefined;
  /** Whether its slots are given to no run any more: it is lost, and there was another when that happened. */
  out = false;

  constructor(
    table: IoTable,
    parts: LaneParts,
    index: number,
    onTiming: ((timing: RunTiming) => void) | undefined,
  ) {
    this.device = parts.device;
    this.engine = parts.engine;
    this.executor = parts.executor;
    this.#runtime = parts.runtime;
    this.clock = onTiming && new RunClock(parts.executor, parts.device, onTiming);
    const count = parts.executor.slots;
    this.slots = Array.from(
      { length: count },
      (_, slot) => new Slot(table, this, slot, index * count + slot),
    );
    for (const slot of this.slots) this.free.unshift(slot);
  }

  stats(): SessionDeviceStats {
    const { device, completed, failed, running, lost } = this;
    return { device, completed, failed, running, lost: lost !== undefined };
  }

  /** Once nothing runs here any more. */
  async close(): Promise<void> {
    await this.executor.close();
    this.engine.close();
    this.#runtime.close();
  }
}
