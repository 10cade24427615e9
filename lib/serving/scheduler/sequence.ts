// SequenceScheduler: sequence_batching, direct and oldest: requests of one sequence are executed one after the other, at one instance, with their state.

import { ServingError } from '../../errors.js';
import { sameShape } from '../../validate.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Backend } from '../model/backend.js';
import type { LoadContext } from '../model/loading.js';
import type { ModelStatistics } from '../model/statistics.js';
import type { PendingRequest } from '../request.js';
import type { Scheduler } from './scheduler.js';
import { type CorrelationId, SequenceControls } from './sequence-controls.js';
import { DirectSequences } from './sequence-direct.js';
import { SequenceInstance } from './sequence-instance.js';
import { OldestSequences } from './sequence-oldest.js';
import { PaddingRequest, SequenceRequest } from './sequence-request.js';
import { Sequence, SequenceSlots } from './sequence-slots.js';
import { SequenceStates } from './sequence-states.js';
import type { SequenceStrategy, StrategyParts } from './sequence-strategy.js';

/** Triton's, where max_sequence_idle_microseconds is 0. */
const defaultIdleMs = 1000;

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

/** @throws ERR_TRT_MODEL_CONFIG; ERR_TRT_REQUEST_UNSUPPORTED for iterative sequences; ERR_TRT_MODEL_LOAD for initial states that cannot be read @internal */
export function createSequenceScheduler(parts: SchedulerParts): Scheduler {
  if (parts.config.sequence_batching?.iterative_sequence === true) {
    throw new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `model '${parts.name}': iterative_sequence is not supported`,
      'Leave it out: a client that sends the next request of the sequence does the same.',
    );
  }
  return new SequenceScheduler(parts);
}

function instancesOf(config: ModelConfig): number {
  const counts = config.instance_group.map(
    ({ count, gpus }) => Math.max(1, count) * Math.max(1, gpus.length),
  );
  return Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

function keyOf(id: CorrelationId): string {
  return typeof id === 'string' ? `s${id}` : `n${id}`;
}

class SequenceScheduler implements Scheduler {
  readonly #parts: SchedulerParts;
  readonly #controls: SequenceControls;
  readonly #states: SequenceStates;
  readonly #slots: SequenceSlots;
  readonly #strategies: readonly SequenceStrategy[];
  readonly #idleMs: number;
  /** Sequences that take requests, by correlation id. */
  readonly #live = new Map<string, Sequence>();
  /** For idle sequences, and for such as wait too long for a slot. */
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #onDone: (() => void)[] = [];

  constructor(parts: SchedulerParts) {
    const { config, backend, statistics } = parts;
    const batching = config.sequence_batching;
    this.#parts = parts;
    this.#controls = new SequenceControls(config);
    this.#states = new SequenceStates(config, parts.folder);
    this.#idleMs = (batching?.max_sequence_idle_microseconds ?? 0) / 1000 || defaultIdleMs;
    const candidates = batching?.oldest?.max_candidate_sequences ?? 0;
    const slots = candidates > 0 ? candidates : Math.max(1, config.max_batch_size);
    const count = instancesOf(config);
    this.#slots = new SequenceSlots(count, slots);
    const instances = Array.from(
      { length: count },
      (_, index) => new SequenceInstance(backend, index),
    );
    this.#strategies = instances.map((instance, index) => {
      const strategy: StrategyParts = {
        config,
        backend: instance,
        statistics,
        slots: () => this.#slots.of(index),
        take: (sequence) => this.#take(sequence),
        padding: (like) =>
          new PaddingRequest(
            like,
            this.#controls.tensors({ start: false, end: false, ready: false, id: 0 }),
          ),
        fits: (request, first) => this.#fits(request, first),
      };
      return batching?.oldest === undefined
        ? new DirectSequences(strategy)
        : new OldestSequences(strategy);
    });
    backend.onFree = () => {
      for (const instance of instances) instance.onFree?.();
    };
  }

  get pending(): number {
    let waiting = 0;
    for (const sequence of this.#slots.all()) waiting += sequence.queue.length;
    for (const strategy of this.#strategies) waiting += strategy.pending;
    return waiting;
  }

  enqueue(request: PendingRequest): void {
    const refused = this.#refuses(request);
    if (refused !== undefined) {
      request.fail(refused, refused.code === 'ERR_TRT_QUEUE_FULL' ? 'REJECTED' : 'OTHER');
      return;
    }
    const id = request.options.sequenceId as CorrelationId;
    const sequence = this.#sequenceOf(request, id);
    sequence.lastUsed = performance.now();
    sequence.queue.push(
      new SequenceRequest(sequence, request, () => {
        this.#cancel(sequence);
      }),
    );
    if (request.options.sequenceEnd === true) {
      sequence.closed = true;
      this.#live.delete(keyOf(id));
    }
    this.#setTimer(sequence.lastUsed + this.#idleMs);
    if (sequence.slot === undefined) this.#setTimer(expiryOf(sequence));
    else this.#strategies[sequence.slot.instance]?.wake(sequence);
  }

  async drain(): Promise<void> {
    for (const strategy of this.#strategies) void strategy.drain();
    while (this.pending > 0 || this.#executes()) {
      await new Promise<void>((resolve) => this.#onDone.push(resolve));
    }
    await Promise.all(this.#strategies.map((strategy) => strategy.drain()));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#live.clear();
    const error = new ServingError(
      'ERR_TRT_MODEL_UNAVAILABLE',
      'the model was unloaded while the request waited',
      'Begin the sequence again.',
    );
    for (const sequence of this.#slots.all()) {
      for (const request of sequence.queue.splice(0)) request.fail(error, 'OTHER');
    }
    for (const strategy of this.#strategies) strategy.close();
    this.#wakeDrain();
  }

  #refuses({ batchSize, options }: PendingRequest): ServingError | undefined {
    const { name, context } = this.#parts;
    const { sequenceId: id, sequenceStart } = options;
    const wrong = (reason: string, hint: string): ServingError =>
      new ServingError('ERR_TRT_REQUEST', reason, hint);
    if (batchSize > 1) {
      return wrong(
        `inference request to model '${name}' must specify batch-size 1 due to requirements of sequence batcher`,
        'Send one item a request.',
      );
    }
    if (id === undefined || id === '' || (typeof id !== 'string' && Number(id) === 0)) {
      return wrong(
        `inference request to model '${name}' must specify a non-zero or non-empty correlation ID`,
        'Give the sequence that the request belongs to (sequence_id).',
      );
    }
    if (typeof id !== 'string' && typeof id !== 'bigint' && !Number.isSafeInteger(id)) {
      return wrong(
        `inference request to model '${name}' must specify an integer or a string as correlation ID, got ${id}`,
        'Give large integers as bigint.',
      );
    }
    if (sequenceStart !== true && !this.#live.has(keyOf(id))) {
      return wrong(
        `inference request for sequence ${id} to model '${name}' must specify the START flag on the first request of the sequence`,
        'Set sequence_start; a sequence also ends when it was idle for max_sequence_idle_microseconds.',
      );
    }
    if (this.pending >= context.maxQueueSize) {
      return new ServingError(
        'ERR_TRT_QUEUE_FULL',
        'Exceeds maximum queue size',
        'Try again later, or send fewer sequences at a time.',
      );
    }
    return this.#controls.refuses(id);
  }

  /** The sequence of a request; one that starts gets a slot, or waits for one. */
  #sequenceOf(request: PendingRequest, id: CorrelationId): Sequence {
    const key = keyOf(id);
    const live = this.#live.get(key);
    if (live !== undefined) {
      if (request.options.sequenceStart === true) {
        this.#parts.context.log(
          'warning',
          `sequence ${id} for model '${this.#parts.name}' has a conflict. The previous sequence did not end before this sequence start. Previous sequence will be terminated early.`,
        );
      }
      return live;
    }
    const sequence = new Sequence(id, this.#states.initial);
    this.#live.set(key, sequence);
    this.#slots.place(sequence);
    return sequence;
  }

  #take(sequence: Sequence): SequenceRequest {
    const request = sequence.queue.shift() as SequenceRequest;
    const { start, end } = request;
    if (start) sequence.states = this.#states.initial;
    const controls = this.#controls.tensors({ start, end, ready: true, id: sequence.id });
    request.extraInputs = new Map([...controls, ...sequence.states]);
    request.extraOutputs = this.#states.outputs;
    sequence.running = request;
    request.onDone = (states) => {
      sequence.running = undefined;
      sequence.states = this.#states.next(sequence.states, states);
      this.#goOn(sequence);
      this.#wakeDrain();
    };
    if (end) this.#release(sequence);
    return request;
  }

  #goOn(sequence: Sequence): void {
    if (sequence.queue.length > 0) {
      if (sequence.slot !== undefined) this.#strategies[sequence.slot.instance]?.wake(sequence);
    } else if (sequence.closed) this.#release(sequence);
  }

  /** Gives the slot of a sequence that has ended to the next that waits. */
  #release(sequence: Sequence): void {
    const next = this.#slots.release(sequence);
    if (next?.slot !== undefined) this.#strategies[next.slot.instance]?.wake(next);
  }

  /** One of its requests was cancelled, and with it the sequence. */
  #cancel(sequence: Sequence): void {
    this.#abandon(
      sequence,
      new ServingError(
        'ERR_TRT_REQUEST_CANCELLED',
        'Request cancelled: another request of its sequence was cancelled',
        'Begin the sequence again.',
      ),
      'CANCELED',
    );
    sequence.running = undefined;
    this.#release(sequence);
    this.#wakeDrain();
  }

  /** Fails what waits of a sequence, and takes no more requests for it. */
  #abandon(sequence: Sequence, error: ServingError, reason: 'CANCELED' | 'REJECTED'): void {
    sequence.closed = true;
    if (this.#live.get(keyOf(sequence.id)) === sequence) this.#live.delete(keyOf(sequence.id));
    const { backlog } = this.#slots;
    const waits = backlog.indexOf(sequence);
    if (waits >= 0) backlog.splice(waits, 1);
    for (const request of sequence.queue.splice(0)) request.fail(error, reason);
  }

  #fits(request: PendingRequest, first: PendingRequest): boolean {
    const { input } = this.#parts.config;
    const same = input.every(({ allow_ragged_batch: ragged }, index) => {
      const [one, other] = [request.inputs[index], first.inputs[index]];
      if (one === undefined || other === undefined) return one === other;
      return ragged || sameShape(one.shape, other.shape);
    });
    if (!same) return false;
    const states = this.#statesOf(request);
    for (const [name, tensor] of this.#statesOf(first)) {
      if (!sameShape(tensor.shape, states.get(name)?.shape ?? [])) return false;
    }
    return true;
  }

  /** The states that a request has, or would have if it were taken now. */
  #statesOf(request: PendingRequest): SequenceStates['initial'] {
    if (!(request instanceof SequenceRequest)) return this.#states.initial;
    if (request.start) return this.#states.initial;
    return request.sequence.states;
  }

  #executes(): boolean {
    for (const sequence of this.#slots.all()) if (sequence.running !== undefined) return true;
    return false;
  }

  #wakeDrain(): void {
    for (const resolve of this.#onDone.splice(0)) resolve();
  }

  #setTimer(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const wait = Math.min(Math.max(0, Math.ceil(at - performance.now())), 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#reap(performance.now());
    }, wait);
    this.#timer.unref();
  }

  /** Ends sequences that were idle for too long, and rejects such as have waited too long for a slot. */
  #reap(now: number): void {
    let next = Infinity;
    for (const sequence of [...this.#slots.all()]) {
      if (sequence.slot === undefined) {
        const expiry = expiryOf(sequence);
        if (expiry > now) next = Math.min(next, expiry);
        else this.#expire(sequence);
      } else if (!sequence.closed) {
        // One that has requests is not idle, however long they take.
        if (sequence.queue.length > 0 || sequence.running !== undefined) sequence.lastUsed = now;
        const idleAt = sequence.lastUsed + this.#idleMs;
        if (idleAt > now) next = Math.min(next, idleAt);
        else this.#forget(sequence);
      }
    }
    this.#setTimer(next);
  }

  #forget(sequence: Sequence): void {
    sequence.closed = true;
    this.#live.delete(keyOf(sequence.id));
    if (sequence.running === undefined) this.#goOn(sequence);
  }

  #expire(sequence: Sequence): void {
    this.#abandon(
      sequence,
      new ServingError(
        'ERR_TRT_REQUEST_TIMEOUT',
        'timeout of the corresponding sequence has been expired',
        'Allow more time, or have more sequence slots: instances times max_batch_size or max_candidate_sequences.',
      ),
      'REJECTED',
    );
    this.#wakeDrain();
  }
}

/** performance.now() at which a sequence has waited too long for a slot: the soonest timeout of its requests. */
function expiryOf({ queue }: Sequence): number {
  let soonest = Infinity;
  for (const { acceptedAt, options } of queue) {
    const { timeoutMs = 0 } = options;
    if (timeoutMs > 0) soonest = Math.min(soonest, acceptedAt + timeoutMs);
  }
  return soonest;
}
