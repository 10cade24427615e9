// Metadata: what a client is told of a model's tensors.

import { datatypeOfConfig } from '../datatype.js';
import type { ModelMetadata, TensorMetadata } from '../service.js';
import type { ModelConfig, ModelInput, ModelOutput } from './model-config.js';

/**
 * The answer to GET v2/models/M: tensors in the config's order, their shape with the batch dimension as -1 where max_batch_size is above 0.
 *
 * @param config - Complete.
 * @param versions - Those that are ready.
 */
export function metadataOf(config: ModelConfig, versions: readonly string[]): ModelMetadata {
  // Shape tensors and ragged inputs are told like all others, as Triton does.
  const tensor = (io: ModelInput | ModelOutput): TensorMetadata => ({
    name: io.name,
    datatype: datatypeOfConfig(io.data_type) ?? '',
    shape: config.max_batch_size > 0 ? [-1, ...io.dims] : [...io.dims],
  });
  return {
    name: config.name,
    versions,
    platform: config.platform === '' ? config.backend : config.platform,
    inputs: config.input.map(tensor),
    outputs: config.output.map(tensor),
  };
}
