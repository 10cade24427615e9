// OrtBackend: executes batches with ONNX Runtime: requests are joined along the batch dimension, and the outputs split again.

import { ServingError, asError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { Backend, Batch, ModelMemory } from '../../model/backend.js';
import type { PendingRequest } from '../../request.js';
import { joinTensors, onHost, sliceRows } from '../host-tensor.js';
import { modelError } from '../model-error.js';
import { fromModelShape, toModelShape } from '../reshape.js';
import { type TensorMessage, packTensor, unpackTensor } from '../workers/tensor-message.js';
import type { WorkerPool } from '../workers/worker-pool.js';
import { datatypeOfOrt, ortType } from './types.js';

type OrtMessage = Omit<TensorMessage, 'datatype'> & { readonly type: string };

/** @internal */
export class OrtBackend implements Backend {
  readonly platform = 'onnxruntime_onnx';
  readonly #config: ModelConfig;
  readonly #pool: WorkerPool;
  readonly #modelBytes: number;
  readonly #instances: number;
  /** Batches whose inputs are being read and joined. */
  #starting = 0;
  readonly #running = new Set<Promise<void>>();

  /** @param modelBytes - Size of the file: each instance has the weights once. */
  constructor(config: ModelConfig, pool: WorkerPool, instances: number, modelBytes: number) {
    this.#config = config;
    this.#pool = pool;
    this.#instances = instances;
    this.#modelBytes = modelBytes;
  }

  get free(): number {
    return Math.max(0, this.#pool.free - this.#starting);
  }

  get broken(): Error | undefined {
    return this.#pool.broken;
  }

  get onFree(): (() => void) | undefined {
    return this.#pool.onFree;
  }

  set onFree(callback: (() => void) | undefined) {
    this.#pool.onFree = callback;
  }

  execute(batch: Batch): void {
    this.#starting++;
    const run = this.#run(batch).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: this.#modelBytes * this.#instances };
  }

  async close(): Promise<void> {
    await Promise.all(this.#running);
    await this.#pool.close();
  }

  async #run(batch: Batch): Promise<void> {
    const start = performance.now();
    let computeStart = start;
    let computeEnd = start;
    let failure: Error | undefined;
    let starting = true;
    const started = (): void => {
      if (starting) this.#starting--;
      starting = false;
    };
    try {
      const transfer: ArrayBuffer[] = [];
      const feeds = await this.#feeds(batch, transfer);
      computeStart = performance.now();
      const message = { kind: 'run', feeds, fetches: this.#fetches(batch) };
      const running = this.#pool.run((worker) => worker.run(message, transfer), batch.instance);
      started();
      const answer = await running;
      computeEnd = performance.now();
      this.#answer(batch, answer as Record<string, OrtMessage>);
    } catch (thrown) {
      started();
      failure = modelError(this.#config.name, asError(thrown));
      for (const request of batch.requests) request.fail(failure, 'BACKEND');
    }
    const end = performance.now();
    batch.ended(
      { start, computeStart, computeEnd: Math.max(computeStart, computeEnd), end },
      failure,
    );
    if (failure !== undefined) this.onFree?.(); // it may have ended before the pool had it
  }

  async #feeds(batch: Batch, transfer: ArrayBuffer[]): Promise<Record<string, OrtMessage>> {
    const feeds: Record<string, OrtMessage> = {};
    const add = async (
      name: string,
      given: readonly (InferTensor | undefined)[],
    ): Promise<void> => {
      const tensors = given.filter((tensor) => tensor !== undefined);
      if (tensors.length === 0) return; // an optional input
      const joined = joinTensors(await Promise.all(tensors.map(onHost)));
      const { datatype, ...message } = packTensor(joined, transfer);
      feeds[name] = { ...message, type: ortType(datatype) ?? datatype };
    };
    const { input, max_batch_size: maxBatch } = this.#config;
    for (const [index, tensor] of input.entries()) {
      const given = batch.requests.map(({ inputs }) =>
        toModelShape(inputs[index], tensor, maxBatch > 0),
      );
      await add(tensor.name, given);
    }
    for (const name of batch.requests[0]?.extraInputs?.keys() ?? []) {
      await add(
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
      for (const [index, { name }] of this.#config.output.entries()) {
        if (wanted?.includes(index) ?? true) names.add(name);
      }
      for (const name of extraOutputs ?? []) names.add(name);
    }
    return [...names];
  }

  #answer({ requests, size }: Batch, answer: Record<string, OrtMessage>): void {
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
    if (whole === undefined || this.#config.max_batch_size === 0) return whole;
    if (whole.shape[0] !== size) {
      throw new ServingError(
        'ERR_TRT_MODEL_BACKEND',
        `model '${this.#config.name}' gave an output of ${whole.shape[0] ?? 'no'} items for a batch of ${size}`,
        'Set max_batch_size to 0 for a model whose outputs have no batch dimension.',
      );
    }
    if (to - from === size) return whole;
    return sliceRows(whole, from, to, request.options.views !== true);
  }

  #settle(request: PendingRequest, part: (name: string) => InferTensor | undefined): void {
    const { output, max_batch_size: maxBatch } = this.#config;
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
