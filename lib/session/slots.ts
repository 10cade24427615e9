// Slots: the execution slots of a session as JavaScript sees them; which are free, and what they are prepared for.

import type { NativeExecutor } from '../native.js';
import { sameShape } from '../validate.js';
import type { ResolvedFeeds } from './feeds.js';
import { type OutputPlan, checkRoom, collectOutputs } from './outputs.js';
import type { IoTable } from './io-table.js';
import type { RunResult } from './run.js';

/** What a slot is prepared for. */
interface Prepared {
  readonly profile: number;
  readonly shapes: readonly (readonly number[])[];
  readonly values: readonly (readonly number[] | null)[];
  readonly outputShapes: readonly (readonly number[])[];
  readonly dataDependent: boolean;
}

/** The slots of one executor. */
export class Slots {
  readonly #table: IoTable;
  readonly #executor: NativeExecutor;
  readonly #free: number[] = [];
  readonly #prepared: (Prepared | undefined)[] = [];

  constructor(table: IoTable, executor: NativeExecutor) {
    this.#table = table;
    this.#executor = executor;
    for (let slot = executor.slots - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  /** A free slot, which is busy from now on; the one used last, as it is likely prepared for the same shapes. */
  take(): number | undefined {
    return this.#free.pop();
  }

  /** The slot is free again. */
  give(slot: number): void {
    this.#free.push(slot);
  }

  /** After a failure: nothing is known of the slot any more. */
  forget(slot: number): void {
    this.#prepared[slot] = undefined;
  }

  /** Prepares the slot, unless it is prepared for just this. @throws what the addon's prepare throws, and ERR_TRT_LENGTH_MISMATCH for small targets */
  prepare(slot: number, feeds: ResolvedFeeds, profile: number, outputs: OutputPlan): void {
    let prepared = this.#prepared[slot];
    if (prepared === undefined || !matches(prepared, feeds, profile)) {
      this.#prepared[slot] = undefined;
      const { shapes, values } = feeds;
      const outputShapes = this.#executor.prepare(slot, profile, shapes, values);
      const dataDependent = outputShapes.some((shape) => shape.some((extent) => extent < 0));
      prepared = { profile, shapes: shapes.slice(), values, outputShapes, dataDependent };
      this.#prepared[slot] = prepared;
    }
    checkRoom(outputs, prepared.outputShapes);
  }

  /** The outputs of the run that the slot completed. */
  collect(slot: number, outputs: OutputPlan): RunResult {
    const { outputShapes, dataDependent } = this.#prepared[slot] as Prepared;
    return collectOutputs(this.#table, this.#executor, slot, outputs, outputShapes, dataDependent);
  }
}

function matches(prepared: Prepared, feeds: ResolvedFeeds, profile: number): boolean {
  if (prepared.profile !== profile) return false;
  for (let index = 0; index < feeds.shapes.length; index++) {
    if (!sameShape(prepared.shapes[index] ?? [], feeds.shapes[index] ?? [])) return false;
    const values = feeds.values[index];
    if (values !== null && values !== undefined && !sameShape(prepared.values[index] ?? [], values))
      return false;
  }
  return true;
}
