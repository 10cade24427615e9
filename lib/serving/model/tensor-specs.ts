// TensorSpecs: what a config says of a model's inputs and outputs, as checks need it for each request.

import type { ModelConfig, ModelInput } from '../config/model-config.js';
import { type Datatype, type DatatypeInfo, datatypeOfConfig, datatypeTable } from '../datatype.js';

/** One input of the config. @internal */
export interface InputSpec {
  readonly name: string;
  readonly index: number;
  readonly datatype: Datatype;
  readonly info: DatatypeInfo;
  /** Without the batch dimension; -1 where dynamic. */
  readonly dims: readonly number[];
  /** As messages show it: with -1 for the batch dimension. */
  readonly fullDims: readonly number[];
  /** Product of the dimensions that are not dynamic. */
  readonly volume: number;
  readonly dynamicCount: number;
  readonly optional: boolean;
  /** Whether requests bring a first dimension for the batch: not shape tensors, and not where max_batch_size is 0. */
  readonly batched: boolean;
  readonly isShapeTensor: boolean;
  readonly ragged: boolean;
  /** Shapes by batch size where no dimension is dynamic; filled as they come. */
  readonly shapes: (readonly number[])[];
}

function inputSpec(input: ModelInput, index: number, batching: boolean): InputSpec {
  const datatype = datatypeOfConfig(input.data_type) ?? 'BYTES';
  const batched = batching && !input.is_shape_tensor;
  const { dims } = input;
  return {
    name: input.name,
    index,
    datatype,
    info: datatypeTable[datatype],
    dims,
    fullDims: batching ? [-1, ...dims] : dims,
    volume: dims.reduce((product, extent) => (extent < 0 ? product : product * extent), 1),
    dynamicCount: dims.filter((extent) => extent < 0).length,
    optional: input.optional,
    batched,
    isShapeTensor: input.is_shape_tensor,
    ragged: input.allow_ragged_batch,
    shapes: [],
  };
}

/** @internal */
export class TensorSpecs {
  readonly model: string;
  readonly inputs: readonly InputSpec[];
  readonly outputNames: readonly string[];
  /** 0: no batch dimension. */
  readonly maxBatchSize: number;
  readonly required: number;
  /** Whether two requests can always be in one batch. */
  readonly uniform: boolean;

  constructor(model: string, config: ModelConfig) {
    this.model = model;
    this.maxBatchSize = config.max_batch_size;
    const batching = config.max_batch_size > 0;
    this.inputs = config.input.map((input, index) => inputSpec(input, index, batching));
    this.outputNames = config.output.map(({ name }) => name);
    this.required = this.inputs.filter(({ optional }) => !optional).length;
    this.uniform = this.inputs.every(
      ({ dynamicCount, optional, isShapeTensor }) =>
        dynamicCount === 0 && !optional && !isShapeTensor,
    );
  }
}
