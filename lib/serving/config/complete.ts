// Completes a config: from what the model file says, and with Triton's defaults. A config that contradicts the file is refused.

import { datatypeTable } from '../datatype.js';
import type { ModelFacts, TensorFacts } from '../model/loading.js';
import { checkAgainstFacts } from './against-facts.js';
import { autoMaxBatchSize } from './batch-dimension.js';
import { configError } from './config-error.js';
import { emptyModelConfig } from './defaults.js';
import type { ModelConfig, ModelInput, ModelOutput } from './model-config.js';
import { normalizeConfig } from './normalize.js';
import { type BackendName, backendOf, backendTable } from './platform.js';
import { suppliedTensors } from './supplied-tensors.js';

/** How {@link completeConfig} completes. @internal */
export interface CompleteOptions {
  /** false: nothing is taken from the model file (--disable-auto-complete-config); it is still checked against it. Default true. */
  readonly autoComplete?: boolean | undefined;
  /** Devices of instance groups of KIND_GPU that name none. Default [0]. */
  readonly devices?: readonly number[] | undefined;
  /** max_batch_size of an ONNX model with a dynamic first dimension whose config has none (backend-config default-max-batch-size). Default 4. */
  readonly defaultMaxBatchSize?: number | undefined;
  /** What {@link backendOf} said with the names of the files; left out: it is asked without them. */
  readonly backend?: BackendName | undefined;
}

/**
 * The config as it is served: name, platform, backend and model file; inputs, outputs and max_batch_size that are missing, from the file;
 * then Triton's defaults. {@link checkConfig} checks the result.
 *
 * @param config - As in the file; undefined: there is none. Not changed.
 * @param facts - What the model file says; undefined: nothing.
 * @param name - Of the model's folder.
 * @throws {@link ServingError} ERR_TRT_MODEL_CONFIG where the config contradicts the file or the folder, naming both values
 */
export function completeConfig(
  config: ModelConfig | undefined,
  facts: ModelFacts | undefined,
  name: string,
  options: CompleteOptions = {},
): ModelConfig {
  const complete = config === undefined ? emptyModelConfig(name) : copyOf(config);
  if (complete.name === '') complete.name = name;
  if (complete.name !== name) {
    throw configError(
      `unexpected directory name '${name}' for model '${complete.name}', directory name must equal model name`,
      'Rename the folder, or change or remove `name` in the configuration.',
    );
  }
  const backend = options.backend ?? backendOf(complete, fileOf(facts));
  if (facts !== undefined) {
    if (options.autoComplete !== false) completeFromFacts(complete, facts, options);
    checkAgainstFacts(complete, facts);
  }
  normalizeConfig(complete, backend, options.devices ?? [0]);
  return complete;
}

/** Where the config says nothing, the file that was opened tells. */
function fileOf(facts: ModelFacts | undefined): string[] {
  const row = Object.values(backendTable).find((each) => each.platform === facts?.platform);
  return row === undefined ? [] : [row.file];
}

function completeFromFacts(config: ModelConfig, facts: ModelFacts, options: CompleteOptions): void {
  if (config.max_batch_size === 0) {
    config.max_batch_size = autoMaxBatchSize(config, facts, options.defaultMaxBatchSize ?? 4);
  }
  const scheduled = config.dynamic_batching ?? config.sequence_batching;
  if (config.max_batch_size > 1 && scheduled === undefined) {
    config.dynamic_batching = {
      preferred_batch_size: [],
      max_queue_delay_microseconds: 0,
      preserve_ordering: false,
      priority_levels: 0,
      default_priority_level: 0,
      priority_queue_policy: Object.create(null) as Record<string, never>,
    };
  }
  const batching = config.max_batch_size > 0;
  const supplied = new Set(suppliedTensors(config).map((tensor) => tensor.name));
  if (config.input.length === 0) {
    config.input = facts.inputs
      .filter((tensor) => !supplied.has(tensor.name))
      .map((tensor) => inputOf(tensor, batching));
  } else {
    for (const input of config.input) fillIn(input, facts.inputs, batching);
  }
  if (config.output.length === 0) {
    config.output = facts.outputs
      .filter((tensor) => !supplied.has(tensor.name))
      .map((tensor) => outputOf(tensor, batching));
  } else {
    for (const output of config.output) fillIn(output, facts.outputs, batching);
  }
}

/** The model's dimensions without the batch's. No dimensions are `dims: [ 1 ]` reshaped to none, as `dims` must not be empty. */
function dimsOf(tensor: TensorFacts, batching: boolean): Pick<ModelInput, 'dims' | 'reshape'> {
  const [first, ...rest] = tensor.shape;
  if (tensor.isShapeTensor && first !== undefined) return { dims: [first - (batching ? 1 : 0)] };
  const dims = batching ? rest : [...tensor.shape];
  return dims.length === 0 ? { dims: [1], reshape: { shape: [] } } : { dims };
}

function outputOf(tensor: TensorFacts, batching: boolean): ModelOutput {
  return {
    name: tensor.name,
    data_type: datatypeTable[tensor.datatype].configType,
    ...dimsOf(tensor, batching),
    label_filename: '',
    is_shape_tensor: tensor.isShapeTensor,
    is_non_linear_format_io: false,
  };
}

function inputOf(tensor: TensorFacts, batching: boolean): ModelInput {
  return {
    name: tensor.name,
    data_type: datatypeTable[tensor.datatype].configType,
    format: 'FORMAT_NONE',
    ...dimsOf(tensor, batching),
    is_shape_tensor: tensor.isShapeTensor,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

function fillIn(
  io: ModelInput | ModelOutput,
  tensors: readonly TensorFacts[],
  batching: boolean,
): void {
  const tensor = tensors.find((each) => each.name === io.name);
  if (tensor === undefined) return;
  if (io.data_type === 'TYPE_INVALID') io.data_type = datatypeTable[tensor.datatype].configType;
  if (io.dims.length > 0) return;
  const { dims, reshape } = dimsOf(tensor, batching);
  io.dims = dims;
  io.reshape ??= reshape;
}

/** A deep copy that keeps maps without prototype. */
function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => copyOf(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<
    string,
    unknown
  >;
  for (const [key, item] of Object.entries(value)) copy[key] = copyOf(item);
  return copy as T;
}
