// Gather: the inputs of a batch's requests, one copy each, into a slot's staging memory.

import { ServingError } from '../../../errors.js';
import type { Staged } from '../../../session/gathered.js';
import { volume } from '../../../validate.js';
import { datatypeTable } from '../../datatype.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';
import { elementsOf } from './arrange.js';
import { type Bindings, type InputBinding, tensorOf } from './bindings.js';

/**
 * Writes all inputs that lie on the host; what no request fills becomes zero.
 *
 * @param onDevice - Whether some may lie on the device: these are left out.
 * @internal
 */
export function gather(
  bindings: Bindings,
  requests: readonly PendingRequest[],
  staged: Staged,
  onDevice: boolean,
): void {
  const { inputs } = bindings;
  for (let index = 0; index < inputs.length; index++) {
    const binding = inputs[index] as InputBinding;
    if (binding.row.onHost) continue;
    const view = staged.inputs[index] as Uint8Array;
    const bytes = staged.inputBytes[index] as Uint8Array;
    if (binding.batchInput !== undefined) {
      const values = batchInputValues(binding, requests);
      view.fill(0);
      for (let at = 0; at < values.length && at < view.length; at++)
        view[at] = values[at] as number;
      continue;
    }
    let offset = 0;
    const { given } = binding;
    const step = view.BYTES_PER_ELEMENT;
    for (const request of requests) {
      const tensor = given >= 0 ? request.inputs[given] : tensorOf(binding, request);
      if (tensor === undefined) continue;
      const source = tensor.source as Uint8Array;
      if (source.byteLength === 0 && volume(tensor.shape) > 0) {
        const end = offset + volume(tensor.shape) * datatypeTable[tensor.datatype].bytes;
        bytes.fill(0, offset, end);
        offset = end;
        request.fail(taken(binding.row.name), 'OTHER');
        continue;
      }
      if (tensor.raw) bytes.set(source, offset);
      else if (!onDevice || tensor.device === undefined) view.set(source, offset / step);
      offset += source.byteLength;
    }
    if (offset < bytes.length) bytes.fill(0, offset);
  }
}

/** Others of the batch shall not suffer from what became of one request's memory. */
function taken(input: string): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST',
    `the data of inference input '${input}' was taken away while the request waited`,
    'Its ArrayBuffer was transferred or detached: leave it alone until the request is answered.',
  );
}

/** Triton's batch inputs: what the batcher tells the model of its ragged requests. */
function batchInputValues(binding: InputBinding, requests: readonly PendingRequest[]): number[] {
  const { kind = 'BATCH_ELEMENT_COUNT', source = -1 } = binding.batchInput ?? {};
  const counts = requests.map((request) => elementsOf(binding, request));
  let sum = 0;
  switch (kind) {
    case 'BATCH_ELEMENT_COUNT':
      return counts;
    case 'BATCH_ACCUMULATED_ELEMENT_COUNT':
      return counts.map((count) => (sum += count));
    case 'BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO':
      return [0, ...counts.map((count) => (sum += count))];
    case 'BATCH_MAX_ELEMENT_COUNT_AS_SHAPE':
      return []; // only its shape says something
    case 'BATCH_ITEM_SHAPE':
    case 'BATCH_ITEM_SHAPE_FLATTEN':
      return requests.flatMap((request) => {
        const item = (request.inputs[source] as InferTensor).shape.slice(1);
        return Array.from({ length: request.batchSize }, () => item).flat();
      });
  }
}
