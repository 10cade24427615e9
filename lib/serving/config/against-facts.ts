// Checks a config against the model file: what contradicts it is refused, naming both values.

import { datatypeTable } from '../datatype.js';
import type { ModelFacts, TensorFacts } from '../model/loading.js';
import { batchCapacity } from './batch-dimension.js';
import { configError, shapeText } from './config-error.js';
import type { DataType, ModelConfig, ModelInput, ModelOutput } from './model-config.js';
import { suppliedTensors } from './supplied-tensors.js';

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkAgainstFacts(config: ModelConfig, facts: ModelFacts): void {
  if (config.platform !== '' && config.platform !== facts.platform) {
    throw configError(
      `platform of model '${config.name}' is '${config.platform}' in the configuration, but its file is of '${facts.platform}'`,
      'Change `platform`, or the model file.',
    );
  }
  checkMaxBatchSize(config, facts);
  checkProfiles(config, facts);
  checkNames(config, facts);
  for (const input of config.input) {
    const tensor = facts.inputs.find((each) => each.name === input.name);
    if (tensor !== undefined) checkTensor(config, 'input', input, tensor);
  }
  for (const output of config.output) {
    const tensor = facts.outputs.find((each) => each.name === output.name);
    if (tensor !== undefined) checkTensor(config, 'output', output, tensor);
  }
}

function checkMaxBatchSize(config: ModelConfig, facts: ModelFacts): void {
  const capacity = batchCapacity(facts);
  if (config.max_batch_size <= capacity) return;
  const fixed = facts.inputs.find((tensor) => !tensor.isShapeTensor && tensor.shape[0] !== -1);
  const why =
    fixed === undefined
      ? ''
      : ` as the first dimension of '${fixed.name}' ${shapeText(fixed.shape)} is not dynamic`;
  throw configError(
    `unexpected configuration maximum batch size ${config.max_batch_size} for '${config.name}', model maximum is ${capacity}${why}`,
    capacity === 0
      ? 'Set max_batch_size to 0, and give dims with all dimensions of the model.'
      : `Set max_batch_size to ${capacity}, or build the model for larger batches.`,
  );
}

function checkProfiles(config: ModelConfig, facts: ModelFacts): void {
  if (facts.platform !== 'tensorrt_plan') return;
  for (const profile of config.instance_group.flatMap((group) => group.profile)) {
    const index = Number(profile);
    // What is no number at all is refused by checkConfig.
    if (index >= facts.numProfiles) {
      throw configError(
        `unable to autofill for '${config.name}', configuration specified invalid profile ${profile} . Number of profiles supported by TensorRT engine: ${facts.numProfiles}`,
        `Use profiles between 0 and ${facts.numProfiles - 1}.`,
      );
    }
  }
}

function checkNames(config: ModelConfig, facts: ModelFacts): void {
  if (config.input.length > facts.inputs.length) {
    throw configError(
      `unable to load model '${config.name}', configuration expects ${config.input.length} inputs, model provides at most ${facts.inputs.length}`,
      `The model's inputs are ${namesText(facts.inputs)}.`,
    );
  }
  const supplied = new Set(suppliedTensors(config).map((tensor) => tensor.name));
  for (const side of ['input', 'output'] as const) {
    const tensors = facts[`${side}s`];
    const allowed = new Set(tensors.map((tensor) => tensor.name));
    const given = new Set<string>();
    for (const { name } of config[side]) {
      given.add(name);
      if (allowed.has(name)) continue;
      throw configError(
        `unexpected inference ${side} '${name}', allowed ${side}s are: ${[...allowed].sort().join(', ')}`,
        `Change or remove it in the configuration of '${config.name}'.`,
      );
    }
    // ONNX Runtime computes the outputs that it is asked for; TensorRT needs a place for each.
    if (side === 'output' && facts.platform !== 'tensorrt_plan') continue;
    for (const { name } of tensors) {
      if (given.has(name) || supplied.has(name)) continue;
      throw configError(
        `expected configuration for ${side} '${name}' for ${config.name}`,
        `Add it, or remove all ${side}s from the configuration: they are then taken from the model.`,
      );
    }
  }
  checkSupplied(config, facts);
}

/** Tensors that the batcher makes must be in the model too, and be of the type that it makes. */
function checkSupplied(config: ModelConfig, facts: ModelFacts): void {
  for (const { side, name, dataType } of suppliedTensors(config)) {
    const tensors = facts[`${side}s`];
    const tensor = tensors.find((each) => each.name === name);
    if (tensor === undefined) {
      throw configError(
        `${side} '${name}' not found for ${config.name}`,
        `The model's ${side}s are ${namesText(tensors)}.`,
      );
    }
    checkType(config, side, name, dataType, tensor);
  }
}

function namesText(tensors: readonly TensorFacts[]): string {
  return tensors.map((tensor) => tensor.name).join(', ');
}

function checkType(
  config: ModelConfig,
  side: 'input' | 'output',
  name: string,
  given: DataType,
  tensor: TensorFacts,
): void {
  const type = datatypeTable[tensor.datatype].configType;
  if (given === type || given === 'TYPE_INVALID') return;
  throw configError(
    `unexpected datatype ${type} for inference ${side} '${name}', expecting ${given} for ${config.name}`,
    `The model has ${type}, its configuration ${given}; change one of them.`,
  );
}

function checkTensor(
  config: ModelConfig,
  side: 'input' | 'output',
  io: ModelInput | ModelOutput,
  tensor: TensorFacts,
): void {
  checkType(config, side, io.name, io.data_type, tensor);
  if (tensor.isShapeTensor && !io.is_shape_tensor) {
    throw configError(
      `${side} '${io.name}' for model '${config.name}' is a shape tensor but the model configuration doesn't mark it as a shape tensor.`,
      'Add `is_shape_tensor: true`.',
    );
  }
  if (!tensor.isShapeTensor && io.is_shape_tensor) {
    throw configError(
      `${side} '${io.name}' for model '${config.name}' is incorrectly marked as a shape tensor in the model configuration.`,
      'Remove `is_shape_tensor`.',
    );
  }
  if (io.dims.length > 0) checkDims(config, io, tensor);
}

function checkDims(config: ModelConfig, io: ModelInput | ModelOutput, tensor: TensorFacts): void {
  const dims = io.reshape?.shape ?? io.dims;
  const batching = config.max_batch_size > 0;
  const where = `model '${config.name}', tensor '${io.name}': `;
  if ('allow_ragged_batch' in io && io.allow_ragged_batch) {
    // Requests are flattened and put one after the other.
    if (tensor.shape.length === 1 && fits(tensor.shape, dims)) return;
    throw configError(
      `${where}for the model to support ragged input, the engine shape is: ${shapeText(tensor.shape)} while the model config shape is: ${shapeText(dims)}`,
      'A ragged input has one dynamic dimension in the model, and `dims: [ -1 ]`.',
    );
  }
  // The batcher's output for what was concatenated has the model's dimensions, not a request's.
  if (config.batch_output.some((output) => output.target_name.includes(io.name))) return;
  if (tensor.isShapeTensor) {
    const [size = 1] = tensor.shape;
    const [given = 1] = dims;
    if (size === given + (batching ? 1 : 0)) return;
    throw configError(
      `unable to load model '${config.name}', binding '${io.name}' shape expected by framework ${shapeText(tensor.shape)} doesn't match model configuration shape ${shapeText(dims)}`,
      'A shape tensor has as many dims as the model says; one less where max_batch_size is above 0.',
    );
  }
  if (batching && tensor.shape.length === 0) {
    throw configError(
      `${where}for the model to support batching the shape should have at least 1 dimension; but shape expected by the model is ${shapeText(tensor.shape)}`,
      'Set max_batch_size to 0.',
    );
  }
  const complete = batching ? [-1, ...dims] : dims;
  if (fits(tensor.shape, complete)) return;
  const extra = batching
    ? `an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape ${shapeText(complete)}`
    : `shape ${shapeText(complete)}`;
  throw configError(
    `${where}the model expects ${tensor.shape.length} dimensions (shape ${shapeText(tensor.shape)}) but the model configuration specifies ${complete.length} dimensions (${extra})`,
    batching
      ? 'Give dims without the batch dimension, or set max_batch_size to 0.'
      : 'Give dims as the model has them, or set max_batch_size.',
  );
}

/** As many dimensions, and each the same where neither is dynamic: a config may narrow what the model leaves open, and the other way round. */
function fits(shape: readonly number[], dims: readonly number[]): boolean {
  return (
    shape.length === dims.length &&
    shape.every((size, index) => size === -1 || dims[index] === -1 || size === dims[index])
  );
}
