// Requests as js models get them.

import type { ModelConfig } from '../../config/model-config.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';
import { toModelShape } from '../reshape.js';
import type { JsRequest, JsSequence } from './types.js';

/** A request before its tensors are packed or handed over. @internal */
export type HostRequest = JsRequest & { readonly inputs: Readonly<Record<string, InferTensor>> };

function sequenceOf({ options }: PendingRequest): JsSequence | undefined {
  const { sequenceId: id, sequenceStart, sequenceEnd } = options;
  if (id === undefined || id === '' || Number(id) === 0) return undefined;
  return { id, start: sequenceStart ?? false, end: sequenceEnd ?? false };
}

/** What a module is to see of `request`, whose inputs are on the host. @internal */
export function hostRequest(
  request: PendingRequest,
  config: ModelConfig,
  outputs: readonly string[],
): HostRequest {
  const inputs: Record<string, InferTensor> = {};
  for (const [index, input] of config.input.entries()) {
    const tensor = toModelShape(request.inputs[index], input, config.max_batch_size > 0);
    if (tensor !== undefined) inputs[input.name] = tensor;
  }
  for (const [name, tensor] of request.extraInputs ?? []) inputs[name] = tensor;
  return {
    id: request.options.id ?? '',
    inputs,
    outputs,
    parameters: request.options.parameters ?? {},
    batchSize: request.batchSize,
    signal: request.options.signal,
    sequence: sequenceOf(request),
  };
}
