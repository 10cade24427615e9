// SequenceSlots: which sequence has which slot of which instance, and which sequences wait for one.

import type { SequenceRequest } from './sequence-request.js';
import type { CorrelationId } from './sequence-controls.js';
import type { StateValues } from './sequence-states.js';

/** A place in the batches of an instance. */
export interface Slot {
  readonly instance: number;
  readonly index: number;
}

/** A sequence from its first request to its last. @internal */
export class Sequence {
  readonly id: CorrelationId;
  slot: Slot | undefined;
  /** Requests that wait, in order. */
  readonly queue: SequenceRequest[] = [];
  /** The request that is being executed. */
  running: SequenceRequest | undefined;
  states: StateValues;
  /** performance.now() of the last request. */
  lastUsed = 0;
  /** Nobody adds requests any more: its end was sent, or it was idle for too long. */
  closed = false;

  constructor(id: CorrelationId, states: StateValues) {
    this.id = id;
    this.states = states;
  }
}

/** @internal */
export class SequenceSlots {
  /** By instance and index. */
  readonly #taken: (Sequence | undefined)[][];
  /** Sequences that have no slot yet, oldest first. */
  readonly backlog: Sequence[] = [];

  constructor(instances: number, slots: number) {
    this.#taken = Array.from({ length: instances }, () => Array.from<undefined>({ length: slots }));
  }

  /** The sequences of an instance, by slot. */
  of(instance: number): readonly (Sequence | undefined)[] {
    return this.#taken[instance] as (Sequence | undefined)[];
  }

  /** Gives `sequence` the first free slot, evenly over the instances, or puts it into the backlog. */
  place(sequence: Sequence): void {
    const count = this.#taken[0]?.length ?? 0;
    for (let index = 0; index < count; index++) {
      for (const [instance, taken] of this.#taken.entries()) {
        if (taken[index] === undefined) {
          this.#assign(sequence, { instance, index });
          return;
        }
      }
    }
    this.backlog.push(sequence);
  }

  /** Frees the slot of `sequence` for the next of the backlog, which is given back. */
  release(sequence: Sequence): Sequence | undefined {
    const { slot } = sequence;
    if (slot === undefined) return undefined;
    sequence.slot = undefined;
    (this.#taken[slot.instance] as (Sequence | undefined)[])[slot.index] = undefined;
    const next = this.backlog.shift();
    if (next !== undefined) this.#assign(next, slot);
    return next;
  }

  /** All sequences that have a slot or wait for one. */
  *all(): Generator<Sequence> {
    for (const taken of this.#taken) {
      for (const sequence of taken) if (sequence !== undefined) yield sequence;
    }
    yield* this.backlog;
  }

  #assign(sequence: Sequence, slot: Slot): void {
    sequence.slot = slot;
    (this.#taken[slot.instance] as (Sequence | undefined)[])[slot.index] = sequence;
  }
}
