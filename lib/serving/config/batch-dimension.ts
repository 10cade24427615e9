// The batch dimension: whether a model file has one, and how large batches can be.

import type { ModelFacts, TensorFacts } from '../model/loading.js';
import { configError } from './config-error.js';
import type { ModelConfig, ModelInput, ModelOutput } from './model-config.js';

/** Largest batch that the file takes; 0: none; Infinity: it does not say (ONNX with dynamic first dimensions). @internal */
export function batchCapacity(facts: ModelFacts): number {
  if (facts.maxBatchSize !== undefined) return facts.maxBatchSize;
  const first = [...facts.inputs, ...facts.outputs].map((tensor) => tensor.shape[0]);
  if (first.every((size) => size === -1)) return Infinity;
  return first.every((size) => size === -1 || size === 1) ? 1 : 0;
}

/**
 * Whether every first dimension can be a batch's: -1, or 1 throughout. tritonserver looks at a plan's inputs only and takes their first
 * dimension whatever it is, so that a plan of 3×H×W is served with max_batch_size 3 (server#7450).
 */
function hasBatchDimension(facts: ModelFacts): boolean {
  const inputs = facts.inputs.filter((tensor) => !tensor.isShapeTensor);
  const first = inputs[0]?.shape[0];
  if (first !== -1 && first !== 1) return false;
  const tensors = [...inputs, ...facts.outputs.filter((tensor) => !tensor.isShapeTensor)];
  return tensors.every((tensor) => tensor.shape[0] === first);
}

/** What the dimensions in the config say: that the model's first dimension is left out (a batch), or that it is not; undefined: nothing. */
function batchHint(config: ModelConfig, facts: ModelFacts): boolean | undefined {
  // What a ragged input batches has no batch dimension in the model.
  if (config.input.some((input) => input.allow_ragged_batch)) return true;
  const hints = new Map<boolean, string>();
  const look = (io: ModelInput | ModelOutput, tensors: readonly TensorFacts[]) => {
    const tensor = tensors.find((each) => each.name === io.name);
    if (tensor === undefined || io.dims.length === 0) return;
    const dims = io.reshape?.shape ?? io.dims;
    const batch = tensor.isShapeTensor
      ? tensor.shape[0] === (dims[0] ?? 0) + 1
      : tensor.shape.length === dims.length + 1;
    hints.set(batch, io.name);
  };
  for (const input of config.input) look(input, facts.inputs);
  for (const output of config.output) look(output, facts.outputs);
  const [withBatch, without] = [hints.get(true), hints.get(false)];
  if (withBatch !== undefined && without !== undefined) {
    throw configError(
      `unable to autofill for '${config.name}', model tensor configurations are contradicting each other in terms of whether batching is supported`,
      `'${withBatch}' is configured without the model's first dimension, '${without}' is not; give max_batch_size, and dims accordingly.`,
    );
  }
  return withBatch === undefined && without === undefined ? undefined : withBatch !== undefined;
}

/** max_batch_size of a config that has none. @internal */
export function autoMaxBatchSize(
  config: ModelConfig,
  facts: ModelFacts,
  defaultMaxBatchSize: number,
): number {
  const hint = batchHint(config, facts);
  if (hint === false) return 0;
  const capacity = batchCapacity(facts);
  if (hint === true) {
    if (capacity === 0) {
      throw configError(
        `autofill failed for model '${config.name}': model tensor shape configuration hints for dynamic batching but the underlying engine doesn't support batching.`,
        'Give the dimensions with the first one, as the model has them.',
      );
    }
    return capacity === Infinity ? defaultMaxBatchSize : capacity;
  }
  if (capacity === Infinity) return defaultMaxBatchSize;
  // An ONNX model with a first dimension of 1 is served as it is, a plan as a batch of 1: both as in tritonserver.
  return facts.maxBatchSize !== undefined && hasBatchDimension(facts) ? capacity : 0;
}
