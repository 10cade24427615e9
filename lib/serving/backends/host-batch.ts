// HostBatch: a batch with all inputs on the host, for whoever cannot use tensors on the device.

import { asError } from '../../errors.js';
import type { InferTensor } from '../infer-tensor.js';
import type { Batch, BatchTiming } from '../model/backend.js';
import type { PendingRequest } from '../request.js';
import { onHost, zeros } from './host-tensor.js';
import { backendError } from './model-error.js';

/** Whether an input of one of the requests lies on the device. @internal */
export function hasDeviceInputs(requests: readonly PendingRequest[]): boolean {
  for (const request of requests) {
    for (const tensor of request.inputs) if (tensor?.device !== undefined) return true;
    if (request.extraInputs === undefined) continue;
    for (const tensor of request.extraInputs.values()) if (tensor.device !== undefined) return true;
  }
  return false;
}

/**
 * The batch with what lies on the device read to the host. A request of which that cannot be read (its owner closed it) fails alone: it keeps its place, as zeros,
 * because the places of the others can mean something.
 *
 * @returns Rejects when no request is left
 * @internal
 */
export async function onHostBatch(batch: Batch): Promise<Batch> {
  const { requests } = batch;
  if (!hasDeviceInputs(requests)) return batch;
  const failures: Error[] = [];
  const read = requests.map((request) => withHostInputs(request, (error) => failures.push(error)));
  const host = new HostBatch(batch, await Promise.all(read));
  if (failures.length === requests.length) throw failures[0] as Error;
  return host;
}

async function withHostInputs(
  request: PendingRequest,
  failed: (error: Error) => void,
): Promise<PendingRequest> {
  if (!hasDeviceInputs([request])) return request;
  let failure: Error | undefined;
  const read = async <T extends InferTensor | undefined>(tensor: T): Promise<T | InferTensor> => {
    if (tensor === undefined) return tensor;
    try {
      return await onHost(tensor);
    } catch (thrown) {
      failure ??= backendError(asError(thrown));
      return zeros(tensor.datatype, tensor.shape);
    }
  };
  const inputs = await Promise.all(request.inputs.map(read));
  const extra = new Map<string, InferTensor>();
  for (const [name, tensor] of request.extraInputs ?? []) extra.set(name, await read(tensor));
  if (failure !== undefined) {
    request.fail(failure, 'BACKEND');
    failed(failure);
  }
  return new HostRequest(request, inputs, request.extraInputs && extra);
}

class HostBatch implements Batch {
  readonly #batch: Batch;
  readonly requests: readonly PendingRequest[];
  readonly size: number;
  readonly instance: number | undefined;

  constructor(batch: Batch, requests: readonly PendingRequest[]) {
    this.#batch = batch;
    this.requests = requests;
    this.size = batch.size;
    this.instance = batch.instance;
  }

  ended(timing: BatchTiming, error?: Error): void {
    this.#batch.ended(timing, error);
  }
}

/** A request with other inputs; all else is the request's. */
class HostRequest implements PendingRequest {
  readonly #request: PendingRequest;
  readonly inputs: readonly (InferTensor | undefined)[];
  readonly extraInputs: ReadonlyMap<string, InferTensor> | undefined;
  readonly extraOutputs: readonly string[] | undefined;
  readonly batchSize: number;
  readonly wanted: readonly number[] | undefined;
  readonly options: PendingRequest['options'];
  readonly acceptedAt: number;
  priority: number;
  onWithdrawn: (() => void) | undefined;

  constructor(
    request: PendingRequest,
    inputs: readonly (InferTensor | undefined)[],
    extraInputs: ReadonlyMap<string, InferTensor> | undefined,
  ) {
    this.#request = request;
    this.inputs = inputs;
    this.extraInputs = extraInputs;
    this.extraOutputs = request.extraOutputs;
    this.batchSize = request.batchSize;
    this.wanted = request.wanted;
    this.options = request.options;
    this.acceptedAt = request.acceptedAt;
    this.priority = request.priority;
  }

  get settled(): boolean {
    return this.#request.settled;
  }

  complete(...results: Parameters<PendingRequest['complete']>): void {
    this.#request.complete(...results);
  }

  fail(...failure: Parameters<PendingRequest['fail']>): void {
    this.#request.fail(...failure);
  }
}
