// OrtBackend: executes batches with ONNX Runtime: requests are joined along the batch dimension, and the outputs split again.

import { ServingError, asError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { Batch, ModelMemory } from '../../model/backend.js';
import type { PendingRequest } from '../../request.js';
import { HostBackend } from '../host-backend.js';
import { joinTensors, sliceRows } from '../host-tensor.js';
import { fromModelShape, toModelShape } from '../reshape.js';
import { type TensorMessage, packTensor, unpackTensor } from '../workers/tensor-message.js';
import type { WorkerPool } from '../workers/worker-pool.js';
import { datatypeOfOrt, ortType } from './types.js';

type OrtMessage = Omit<TensorMessage, 'datatype'> & { readonly type: string };

interface OrtInput {
  readonly message: object;
  readonly transfer: ArrayBuffer[];
}

type OrtAnswer = Record<string, OrtMessage>;

/** @internal */
export class OrtBackend extends HostBackend<WorkerPool, OrtInput, OrtAnswer> {
  readonly platform = 'onnxruntime_onnx';
  readonly #modelBytes: number;
  readonly #instances: number;

  /** @param modelBytes - Size of the file: each instance has the weights once. */
  constructor(config: ModelConfig, pool: WorkerPool, instances: number, modelBytes: number) {
    super(config, pool);
    this.#instances = instances;
    this.#modelBytes = modelBytes;
  }

  override memory(): ModelMemory {
    return { ...super.memory(), hostBytes: this.#modelBytes * this.#instances };
  }

  protected prepare(batch: Batch): OrtInput {
    const transfer: ArrayBuffer[] = [];
    const feeds = this.#feeds(batch, transfer);
    return { message: { kind: 'run', feeds, fetches: this.#fetches(batch) }, transfer };
  }

  protected async compute(
    { message, transfer }: OrtInput,
    { instance }: Batch,
  ): Promise<OrtAnswer> {
    const answer = this.runner.run((worker) => worker.run(message, transfer), instance);
    return (await answer) as OrtAnswer;
  }

  /** The requests' inputs, joined along the batch dimension. */
  #feeds(batch: Batch, transfer: ArrayBuffer[]): Record<string, OrtMessage> {
    const feeds: Record<string, OrtMessage> = {};
    const add = (name: string, given: readonly (InferTensor | undefined)[]): void => {
      const tensors = given.filter((tensor) => tensor !== undefined);
      if (tensors.length === 0) return; // an optional input
      const joined = joinTensors(tensors);
      const { datatype, ...message } = packTensor(joined, transfer);
      feeds[name] = { ...message, type: ortType(datatype) ?? datatype };
    };
    const { input, max_batch_size: maxBatch } = this.config;
    for (const [index, tensor] of input.entries()) {
      const given = batch.requests.map(({ inputs }) =>
        toModelShape(inputs[index], tensor, maxBatch > 0),
      );
      add(tensor.name, given);
    }
    for (const name of batch.requests[0]?.extraInputs?.keys() ?? []) {
      add(
        name,
        batch.requests.map(({ extraInputs }) => extraInputs?.get(name)),
      );
    }
    return feeds;
  }

  /** Outputs that any of the requests wants. */
  #fetches(batch: Batch): string[] {
    const names = new Set<string>();
    for (const { wanted, extraOutputs } of batch.requests) {
      for (const [index, { name }] of this.config.output.entries()) {
        if (wanted?.includes(index) ?? true) names.add(name);
      }
      for (const name of extraOutputs ?? []) names.add(name);
    }
    return [...names];
  }

  protected answer({ requests, size }: Batch, answer: OrtAnswer): void {
    const whole = new Map<string, InferTensor>();
    for (const [name, { type, ...message }] of Object.entries(answer)) {
      const datatype = datatypeOfOrt(type);
      if (datatype !== undefined) whole.set(name, unpackTensor({ ...message, datatype }));
    }
    let at = 0;
    for (const request of requests) {
      const from = at;
      at += request.batchSize;
      this.#settle(request, (name) => this.#part(whole.get(name), from, at, size, request));
    }
  }

  #part(
    whole: InferTensor | undefined,
    from: number,
    to: number,
    size: number,
    request: PendingRequest,
  ): InferTensor | undefined {
    if (whole === undefined || this.config.max_batch_size === 0) return whole;
    if (whole.shape[0] !== size) {
      throw new ServingError(
        'ERR_TRT_MODEL_BACKEND',
        `model '${this.config.name}' gave an output of ${whole.shape[0] ?? 'no'} items for a batch of ${size}`,
        'Set max_batch_size to 0 for a model whose outputs have no batch dimension.',
      );
    }
    if (to - from === size) return whole;
    return sliceRows(whole, from, to, request.options.views !== true);
  }

  #settle(request: PendingRequest, part: (name: string) => InferTensor | undefined): void {
    const { output, max_batch_size: maxBatch } = this.config;
    try {
      const outputs = output.map((tensor, index) =>
        (request.wanted?.includes(index) ?? true)
          ? fromModelShape(part(tensor.name), tensor, maxBatch > 0)
          : undefined,
      );
      const extra = new Map<string, InferTensor>();
      for (const name of request.extraOutputs ?? []) {
        const tensor = part(name);
        if (tensor !== undefined) extra.set(name, tensor);
      }
      request.complete(outputs, undefined, extra);
    } catch (thrown) {
      request.fail(asError(thrown), 'BACKEND');
    }
  }
}
