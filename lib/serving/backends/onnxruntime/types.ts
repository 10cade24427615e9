// OrtTypes: ONNX Runtime's element types by the protocol's, and what a session tells of its tensors.

import { ServingError } from '../../../errors.js';
import type { Datatype } from '../../datatype.js';
import type { ModelFacts, TensorFacts } from '../../model/loading.js';

const types: Partial<Record<Datatype, string>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};

const datatypes = new Map(
  Object.entries(types).map(([datatype, type]) => [type, datatype as Datatype]),
);

/** What ONNX Runtime calls a datatype; undefined for BF16, which its JavaScript lacks. @internal */
export function ortType(datatype: Datatype): string | undefined {
  return types[datatype];
}

/** @internal */
export function datatypeOfOrt(type: string): Datatype | undefined {
  return datatypes.get(type);
}

/** One tensor of a session: names stand for dimensions that are open. @internal */
export interface OrtMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** What a session tells of its model. @internal */
export interface OrtAbout {
  readonly inputMetadata: readonly OrtMetadata[];
  readonly outputMetadata: readonly OrtMetadata[];
}

function tensorFacts(model: string, tensor: OrtMetadata): TensorFacts {
  const { name, type = '', shape = [] } = tensor;
  const datatype = datatypeOfOrt(type);
  if (!tensor.isTensor || datatype === undefined) {
    throw new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `model '${model}': '${name}' is ${tensor.isTensor ? `of type ${type}` : 'no tensor'}, which cannot be served`,
      'Export the model with tensors of other types.',
    );
  }
  const dims = shape.map((extent) => (typeof extent === 'number' ? extent : -1));
  return { name, datatype, shape: dims, isShapeTensor: false };
}

/** @throws ERR_TRT_REQUEST_UNSUPPORTED @internal */
export function ortFacts(model: string, about: OrtAbout): ModelFacts {
  return {
    platform: 'onnxruntime_onnx',
    inputs: about.inputMetadata.map((tensor) => tensorFacts(model, tensor)),
    outputs: about.outputMetadata.map((tensor) => tensorFacts(model, tensor)),
    maxBatchSize: undefined,
    numProfiles: 0,
  };
}
