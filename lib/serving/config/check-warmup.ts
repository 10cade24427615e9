// Checks model_warmup of a config.

import { configError } from './config-error.js';
import type { ModelConfig, ModelWarmup } from './model-config.js';

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkWarmup(config: ModelConfig): void {
  for (const sample of config.model_warmup) checkSample(config, sample);
}

function checkSample(config: ModelConfig, sample: ModelWarmup): void {
  const who = `warmup sample '${sample.name}' of model '${config.name}'`;
  // A sample of batch size 0 is passed over, as in tritonserver.
  if (sample.batch_size > Math.max(1, config.max_batch_size)) {
    throw configError(
      `${who} has batch_size ${sample.batch_size}, larger than max_batch_size ${config.max_batch_size}`,
      'Make it smaller.',
    );
  }
  const inputs = new Map(config.input.map((input) => [input.name, input]));
  for (const [name, given] of Object.entries(sample.inputs)) {
    const input = inputs.get(name);
    if (input === undefined) {
      throw configError(
        `${who} has an input '${name}' that the model has not`,
        `Its inputs are ${[...inputs.keys()].join(', ')}.`,
      );
    }
    if (given.data_type !== input.data_type) {
      throw configError(
        `${who} has data type ${given.data_type} for input '${name}', the model ${input.data_type}`,
        'Give the type of the model.',
      );
    }
    if (given.dims.some((size) => size < 0)) {
      throw configError(
        `warmup setting expects all variable-size dimensions are specified for input '${name}' of ${who}`,
        'Give each dimension a number.',
      );
    }
    const { zero_data, random_data, input_data_file } = given;
    if (zero_data === undefined && random_data === undefined && input_data_file === undefined) {
      throw configError(
        `${who} says no data for input '${name}'`,
        'Give zero_data, random_data or input_data_file.',
      );
    }
  }
  const missing = config.input.find(
    (input) =>
      !input.optional && sample.batch_size > 0 && !Object.hasOwn(sample.inputs, input.name),
  );
  if (missing !== undefined) {
    throw configError(`${who} has no input '${missing.name}'`, 'Give every input of the model.');
  }
}
