// EnsembleRun: one request on its way through the steps of an ensemble. A step starts as soon as its inputs are there.

import { ServingError, asError, isTensorRTError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import { InferTensor } from '../../infer-tensor.js';
import type { LoadContext } from '../../model/loading.js';
import type { FailureReason, InferOptions, PendingRequest } from '../../request.js';
import { fromModelShape, toModelShape } from '../reshape.js';
import { type EnsembleGraph, type EnsembleStep, neededSteps, stepConfig } from './graph.js';
import { outputsOnDevice } from './placement.js';
import type { StepLimit } from './step-limit.js';

/** What the runs of one ensemble share. @internal */
export interface EnsembleParts {
  readonly graph: EnsembleGraph;
  readonly config: ModelConfig;
  readonly context: LoadContext;
  /** By step. */
  readonly limits: readonly StepLimit[];
}

/** A tensor that is there; `tensor` is undefined for an optional one that nobody gave. */
interface Value {
  readonly tensor: InferTensor | undefined;
  /** Items along the batch dimension of whoever made it; 0: that one has none. */
  readonly batchSize: number;
  /** Steps that have yet to read it. */
  readers: number;
  /** Whether it was made by a step, so that nobody else closes what is on the device. */
  readonly owned: boolean;
}

function fits(dims: readonly number[], shape: readonly number[]): boolean {
  return (
    dims.length === shape.length &&
    dims.every((extent, axis) => extent === -1 || extent === shape[axis])
  );
}

/** The shape for a model with or without a batch dimension, of a tensor that was made by one without or with: as Triton converts it. */
function convertedShape(
  dims: readonly number[],
  batched: boolean,
  batchSize: number,
  shape: readonly number[],
): readonly number[] {
  if (batched === (batchSize !== 0)) return shape;
  if (batched) return fits(dims, shape) ? [1, ...shape] : shape;
  return batchSize === 1 && !fits(dims, shape) ? shape.slice(1) : shape;
}

function reshaped(tensor: InferTensor, shape: readonly number[]): InferTensor {
  if (shape === tensor.shape) return tensor;
  const source = tensor.device?.withShape(shape) ?? tensor.source;
  return new InferTensor(tensor.datatype, source, shape, tensor.raw);
}

/** @internal */
export class EnsembleRun {
  readonly #parts: EnsembleParts;
  readonly #request: PendingRequest;
  readonly #values = new Map<string, Value>();
  readonly #wanted: ReadonlySet<string>;
  readonly #waiting: Set<EnsembleStep>;
  /** Ends the steps that run when the request is given up. */
  readonly #stop = new AbortController();
  #running = 0;
  #failure: Error | undefined;
  readonly #ended: (error: Error | undefined) => void;
  readonly #onAbort: () => void;

  /** @param ended - Called once, when no step runs any more and the request has settled. */
  constructor(
    parts: EnsembleParts,
    request: PendingRequest,
    ended: (error: Error | undefined) => void,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#ended = ended;
    const { config, graph } = parts;
    const wanted = request.wanted?.map((index) => config.output[index]?.name ?? '');
    this.#wanted = new Set(wanted ?? config.output.map(({ name }) => name));
    this.#waiting = new Set(neededSteps(graph, [...this.#wanted]));
    this.#onAbort = () => {
      this.#stop.abort(request.options.signal?.reason);
    };
  }

  start(): void {
    const { signal } = this.#request.options;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
    const { config } = this.#parts;
    const batchSize = config.max_batch_size > 0 ? this.#request.batchSize : 0;
    for (const [index, input] of config.input.entries()) {
      const tensor = toModelShape(this.#request.inputs[index], input, batchSize > 0);
      this.#set(input.name, tensor, batchSize, false);
    }
    this.#proceed();
  }

  /** Starts every step whose inputs are there; answers when none is left. */
  #proceed(): void {
    if (this.#request.settled && !this.#stop.signal.aborted) this.#stop.abort();
    if (this.#failure === undefined && !this.#stop.signal.aborted) {
      for (const step of this.#waiting) {
        if (!step.inputs.every(({ ensemble }) => this.#values.has(ensemble))) continue;
        this.#waiting.delete(step);
        this.#running++;
        void this.#runStep(step);
      }
    }
    if (this.#running === 0) this.#finish();
  }

  async #runStep(step: EnsembleStep): Promise<void> {
    const limit = this.#parts.limits[step.index];
    try {
      await limit?.acquire();
      try {
        if (!this.#stop.signal.aborted) await this.#execute(step);
      } finally {
        limit?.release();
      }
    } catch (thrown) {
      this.#failure ??= this.#named(asError(thrown));
      this.#settleWith(this.#failure);
      this.#stop.abort(this.#failure);
    }
    for (const { ensemble } of step.inputs) this.#read(ensemble);
    this.#running--;
    this.#proceed();
  }

  async #execute(step: EnsembleStep): Promise<void> {
    const { context, graph } = this.#parts;
    const configOf = (of: EnsembleStep): ModelConfig => stepConfig(of, context.models, graph.name);
    const config = configOf(step);
    const batched = config.max_batch_size > 0;
    const inputs: Record<string, InferTensor> = {};
    let batchSize = batched ? this.#request.batchSize : 0;
    for (const { model, ensemble } of step.inputs) {
      const value = this.#values.get(ensemble);
      if (value?.tensor === undefined) continue;
      const dims = config.input.find(({ name }) => name === model)?.dims ?? [];
      const shape = convertedShape(dims, batched, value.batchSize, value.tensor.shape);
      inputs[model] = reshaped(value.tensor, shape);
      if (batched) batchSize = shape[0] ?? batchSize;
    }
    const response = await context.models.request({
      ...this.#options(step),
      modelName: step.model,
      version: step.version,
      inputs,
      onDevice: outputsOnDevice(graph, step, this.#wanted, context.devices, configOf),
    });
    for (const { model, ensemble } of step.outputs) {
      this.#set(ensemble, response.outputs[model], batchSize, true);
    }
  }

  /** What of the request's options goes to each step: as in Triton all but what is about the ensemble itself. */
  #options(step: EnsembleStep): InferOptions {
    const given = this.#request.options;
    const { id, priority, timeoutMs, sequenceId, sequenceStart, sequenceEnd, parameters } = given;
    const options: { -readonly [K in keyof InferOptions]: InferOptions[K] } = {
      outputs: step.outputs.map(({ model }) => model),
      signal: this.#stop.signal,
      // What only steps read may share memory; what the caller gets only if the caller says so.
      views:
        given.views === true || !step.outputs.some(({ ensemble }) => this.#wanted.has(ensemble)),
    };
    if (id !== undefined) options.id = id;
    if (priority !== undefined) options.priority = priority;
    if (timeoutMs !== undefined) options.timeoutMs = timeoutMs;
    if (parameters !== undefined) options.parameters = parameters;
    if (sequenceId !== undefined) options.sequenceId = sequenceId;
    if (sequenceStart !== undefined) options.sequenceStart = sequenceStart;
    if (sequenceEnd !== undefined) options.sequenceEnd = sequenceEnd;
    return options;
  }

  #set(name: string, tensor: InferTensor | undefined, batchSize: number, owned: boolean): void {
    let readers = 0;
    for (const step of this.#parts.graph.readers.get(name) ?? []) {
      if (this.#waiting.has(step)) {
        readers += step.inputs.filter(({ ensemble }) => ensemble === name).length;
      }
    }
    const value = { tensor, batchSize, readers, owned };
    this.#values.set(name, value);
    if (readers === 0 && !this.#wanted.has(name)) close(value);
  }

  /** A step has read `name`: what lies on the device for no other is freed. */
  #read(name: string): void {
    const value = this.#values.get(name);
    if (value === undefined) return;
    value.readers--;
    if (value.readers <= 0 && !this.#wanted.has(name)) close(value);
  }

  #finish(): void {
    this.#request.options.signal?.removeEventListener('abort', this.#onAbort);
    const { config, graph } = this.#parts;
    if (this.#failure === undefined && !this.#stop.signal.aborted) {
      if (this.#waiting.size > 0) {
        this.#failure = this.#named(
          new ServingError(
            'ERR_TRT_REQUEST',
            'unexpected deadlock, at least one output is not set while no more ensemble steps can be made',
            'Give the optional inputs that the steps need.',
          ),
        );
        this.#settleWith(this.#failure);
      } else {
        this.#request.complete(
          config.output.map((output) => {
            if (!this.#wanted.has(output.name)) return undefined;
            const value = this.#values.get(output.name);
            if (value?.tensor === undefined) return undefined;
            const dims = output.reshape?.shape ?? output.dims;
            const batched = config.max_batch_size > 0;
            const shape = convertedShape(dims, batched, value.batchSize, value.tensor.shape);
            return fromModelShape(reshaped(value.tensor, shape), output, batched);
          }),
        );
      }
    } else {
      for (const value of this.#values.values()) close(value);
      this.#settleWith(this.#failure ?? this.#cancelled(graph.name));
    }
    this.#ended(this.#failure);
  }

  #settleWith(error: Error): void {
    this.#request.fail(error, reasonOf(error));
  }

  #cancelled(name: string): ServingError {
    return new ServingError(
      'ERR_TRT_REQUEST_CANCELLED',
      `in ensemble '${name}', the request was cancelled`,
      'Nothing to do if you cancelled it.',
    );
  }

  #named(cause: Error): ServingError {
    const where = `in ensemble '${this.#parts.graph.name}', `;
    if (cause instanceof ServingError) {
      return new ServingError(cause.code, where + cause.reason, cause.hint, { cause });
    }
    const reason = isTensorRTError(cause) ? cause.reason : cause.message;
    const hint = isTensorRTError(cause) ? cause.hint : 'See `cause`.';
    return new ServingError('ERR_TRT_MODEL_BACKEND', where + reason, hint, { cause });
  }
}

/** Frees what a step left on the device. */
function close({ tensor, owned }: Value): void {
  if (owned) tensor?.device?.close();
}

function reasonOf(error: Error): FailureReason {
  return error instanceof ServingError && error.status === 'CANCELLED' ? 'CANCELED' : 'OTHER';
}
