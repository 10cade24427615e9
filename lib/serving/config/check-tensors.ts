// Checks inputs and outputs of a config, and what is made of or for a whole batch.

import { configError } from './config-error.js';
import type { ModelConfig, ModelInput, ModelOutput } from './model-config.js';

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkTensors(config: ModelConfig): void {
  for (const side of ['input', 'output'] as const) {
    const seen = new Set<string>();
    for (const io of config[side]) {
      checkTensor(config, side, io);
      if (seen.has(io.name)) {
        throw configError(
          `model ${side} '${io.name}' is configured more than once for ${config.name}`,
          'Remove one of them.',
        );
      }
      seen.add(io.name);
    }
  }
}

function checkTensor(config: ModelConfig, side: string, io: ModelInput | ModelOutput): void {
  const prefix = `model ${side} `;
  if (io.name === '') throw failure(config, `${prefix}must specify 'name'`);
  const named = `${prefix}'${io.name}' `;
  if (io.data_type === 'TYPE_INVALID') throw failure(config, `${named}must specify 'data_type'`);
  if (io.dims.length === 0) throw failure(config, `${named}must specify 'dims'`);
  if (io.dims.some(isNoDimension)) {
    throw failure(
      config,
      `${named}dimension must be integer >= 1, or -1 to indicate a variable-size dimension`,
    );
  }
  if (io.reshape !== undefined) checkReshape(config, named, io.dims, io.reshape.shape);
  checkKind(config, side, io);
}

function isNoDimension(size: number): boolean {
  return size < 1 && size !== -1;
}

function failure(config: ModelConfig, reason: string) {
  return configError(`${reason} for ${config.name}`, 'Correct it in the configuration.');
}

function checkReshape(
  config: ModelConfig,
  named: string,
  dims: readonly number[],
  shape: readonly number[],
): void {
  if (shape.length === 0 && config.max_batch_size === 0 && dims.some((size) => size !== 1)) {
    throw failure(
      config,
      `${named}cannot have empty reshape for non-batching model unless its dims are of one element`,
    );
  }
  if (shape.some(isNoDimension)) {
    throw failure(
      config,
      `${named}reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension`,
    );
  }
  const before = runs(dims);
  const after = runs(shape);
  if (before.length !== after.length) {
    throw failure(
      config,
      `${named}has different number of variable-size dimensions for dims and reshape`,
    );
  }
  if (before.some((elements, index) => elements !== after[index])) {
    throw failure(config, `${named}has different size for dims and reshape`);
  }
}

/** Elements of each run of fixed dimensions, between the variable ones: [2,4,-1,6] is 8 and 6. */
function runs(shape: readonly number[]): number[] {
  const elements = [1];
  for (const size of shape) {
    if (size === -1) elements.push(1);
    else elements.push((elements.pop() ?? 1) * size);
  }
  return elements;
}

function checkKind(config: ModelConfig, side: string, io: ModelInput | ModelOutput): void {
  const plan = config.platform === 'tensorrt_plan';
  if ('format' in io && io.format !== 'FORMAT_NONE' && io.dims.length !== 3) {
    throw failure(
      config,
      `model input NHWC/NCHW require 3 dims, '${io.name}' has ${io.dims.length}`,
    );
  }
  if (!plan && io.is_shape_tensor) {
    throw failure(config, `shape tensors are only supported for TensorRT platform: '${io.name}'`);
  }
  if (!plan && io.is_non_linear_format_io) {
    throw failure(
      config,
      `Non-linear IO format is only supported for the TensorRT platform: '${io.name}'`,
    );
  }
  if (io.is_non_linear_format_io && io.dims.length !== 3) {
    throw failure(config, `Non-linear IO format ${side} requires 3 dims: '${io.name}'`);
  }
  if ('allow_ragged_batch' in io && io.allow_ragged_batch && config.max_batch_size === 0) {
    throw failure(
      config,
      `model input '${io.name}' allows ragged batches, which needs max_batch_size`,
    );
  }
}

/** batch_input and batch_output. @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkBatchTensors(config: ModelConfig): void {
  const inputs = new Set(config.input.map((input) => input.name));
  const outputs = new Set(config.output.map((output) => output.name));
  const made = new Set<string>();
  for (const batch of config.batch_input) {
    checkSources(config, 'input', batch, inputs);
    if (batch.data_type !== 'TYPE_INT32' && batch.data_type !== 'TYPE_FP32') {
      throw failure(config, 'batch input data type must be TYPE_INT32 or TYPE_FP32');
    }
    for (const target of batch.target_name) {
      if (inputs.has(target) || made.has(target)) {
        throw failure(config, `target input name '${target}' can only be specified once`);
      }
      made.add(target);
    }
  }
  const scattered = new Set<string>();
  for (const batch of config.batch_output) {
    checkSources(config, 'output', batch, inputs);
    for (const target of batch.target_name) {
      if (!outputs.has(target)) {
        throw failure(config, `unknown target output name '${target}'`);
      }
      if (scattered.has(target)) {
        throw failure(config, `target output name '${target}' can only be specified once`);
      }
      scattered.add(target);
    }
  }
}

function checkSources(
  config: ModelConfig,
  side: string,
  batch: { kind: string; source_input: readonly string[]; target_name: readonly string[] },
  inputs: ReadonlySet<string>,
): void {
  if (batch.source_input.length !== 1) {
    throw failure(
      config,
      `batch ${side} kind '${batch.kind}' expects 1 source input, got ${batch.source_input.length}`,
    );
  }
  if (batch.target_name.length === 0) {
    throw failure(config, `batch ${side} kind '${batch.kind}' must specify 'target_name'`);
  }
  for (const source of batch.source_input) {
    if (!inputs.has(source)) throw failure(config, `unknown source input name '${source}'`);
  }
}
