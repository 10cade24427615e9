// SequenceRequest: a request of a sequence as the backend gets it: with controls and states; its answer lets the sequence go on.

import type { InferTensor } from '../infer-tensor.js';
import type { FailureReason, InferOptions, Parameters, PendingRequest } from '../request.js';
import { zeros } from '../backends/host-tensor.js';
import type { Sequence } from './sequence-slots.js';

/** @internal */
export class SequenceRequest implements PendingRequest {
  readonly sequence: Sequence;
  readonly #real: PendingRequest;
  readonly start: boolean;
  readonly end: boolean;
  /** Set when it is to be executed. */
  extraInputs: ReadonlyMap<string, InferTensor> | undefined;
  extraOutputs: readonly string[] | undefined;
  onWithdrawn: (() => void) | undefined;
  /** Called once with the states that came out, when it was answered or failed. */
  onDone: ((states: ReadonlyMap<string, InferTensor> | undefined) => void) | undefined;

  /** @param withdrawn - Called when the request was cancelled while it waited. */
  constructor(sequence: Sequence, real: PendingRequest, withdrawn: () => void) {
    this.sequence = sequence;
    this.#real = real;
    this.start = real.options.sequenceStart ?? false;
    this.end = real.options.sequenceEnd ?? false;
    real.onWithdrawn = () => {
      this.onDone = undefined;
      this.onWithdrawn?.();
      withdrawn();
    };
  }

  get inputs(): PendingRequest['inputs'] {
    return this.#real.inputs;
  }
  get batchSize(): number {
    return this.#real.batchSize;
  }
  get wanted(): PendingRequest['wanted'] {
    return this.#real.wanted;
  }
  get options(): InferOptions {
    return this.#real.options;
  }
  get priority(): number {
    return this.#real.priority;
  }
  get acceptedAt(): number {
    return this.#real.acceptedAt;
  }
  get settled(): boolean {
    return this.#real.settled;
  }
  get startedAt(): number | undefined {
    return this.#real.startedAt;
  }
  /** Set by whoever hands it to the backend: from then on it is not withdrawn. */
  set startedAt(at: number | undefined) {
    this.#real.startedAt = at;
    this.#real.onWithdrawn = undefined;
  }
  get hold(): PendingRequest['hold'] {
    return this.#real.hold;
  }
  set hold(hold: PendingRequest['hold']) {
    this.#real.hold = hold;
  }

  complete(
    outputs: readonly (InferTensor | undefined)[],
    parameters?: Parameters,
    extra?: ReadonlyMap<string, InferTensor>,
  ): void {
    this.#real.complete(outputs, parameters);
    this.#done(extra);
  }

  fail(error: Error, reason: FailureReason): void {
    this.#real.fail(error, reason);
    this.#done(undefined);
  }

  #done(states: ReadonlyMap<string, InferTensor> | undefined): void {
    const { onDone } = this;
    this.onDone = undefined;
    onDone?.(states);
  }
}

/** A request for a slot that has none while others have: zeros, and nobody waits for the answer. @internal */
export class PaddingRequest implements PendingRequest {
  readonly inputs: readonly (InferTensor | undefined)[];
  readonly extraInputs: ReadonlyMap<string, InferTensor>;
  readonly extraOutputs: readonly string[] | undefined;
  readonly batchSize = 1;
  readonly wanted: readonly number[] | undefined;
  readonly options: InferOptions = {};
  readonly acceptedAt = performance.now();
  readonly settled = false;
  readonly onWithdrawn = undefined;
  readonly priority = 0;

  /** @param like - The request whose shapes it has. @param extraInputs - Controls that say that it is not ready; states are added as zeros. */
  constructor(like: PendingRequest, extraInputs: readonly (readonly [string, InferTensor])[]) {
    const zero = (tensor: InferTensor): InferTensor => zeros(tensor.datatype, tensor.shape);
    this.inputs = like.inputs.map((tensor) => (tensor === undefined ? undefined : zero(tensor)));
    const extra = new Map(extraInputs);
    for (const [name, tensor] of like.extraInputs ?? []) {
      if (!extra.has(name)) extra.set(name, zero(tensor));
    }
    this.extraInputs = extra;
    this.extraOutputs = like.extraOutputs;
    this.wanted = like.wanted;
  }

  complete(): void {
    /* nobody waits for it */
  }

  fail(): void {
    /* nobody waits for it */
  }
}
