// Checks of a request against its model's config, in Triton's words; and from what a caller gave to tensors.

import { isDeviceTensor } from '../../device-tensor.js';
import { dtypeTable, float16Array } from '../../dtype.js';
import { ServingError, describe } from '../../errors.js';
import { Tensor, isTensor, typedArrayTag } from '../../tensor.js';
import { type Datatype, datatypeOfDType, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import type { InferInputs } from '../request.js';
import type { InputSpec, TensorSpecs } from './tensor-specs.js';

const batchNote =
  'NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.';

/** As Triton writes dimensions. */
export function dimsText(dims: readonly number[]): string {
  return `[${dims.join(',')}]`;
}

function refuse(reason: string, hint = ''): ServingError {
  return new ServingError('ERR_TRT_REQUEST', reason, hint);
}

/** What a request that passed has. */
export interface CheckedInputs {
  readonly inputs: readonly (InferTensor | undefined)[];
  readonly batchSize: number;
}

const datatypeOfTag = new Map<string, Datatype>(
  (Object.keys(datatypeTable) as Datatype[]).map((type) => [
    datatypeTable[type].array?.name ?? '',
    type,
  ]),
);
// Several types share an array: what is named is the plain one.
datatypeOfTag.set('Uint8Array', 'UINT8').set('Uint16Array', 'UINT16').set('Float16Array', 'FP16');
datatypeOfTag.set('Uint8ClampedArray', 'UINT8');

function mismatch(specs: TensorSpecs, spec: InputSpec, given: string): ServingError {
  return refuse(
    `inference input '${spec.name}' data-type is '${given}', but model '${specs.model}' expects '${spec.datatype}'`,
    `Give ${spec.datatype}.`,
  );
}

function wrongShape(specs: TensorSpecs, spec: InputSpec, given: readonly number[]): ServingError {
  const expected = spec.isShapeTensor ? spec.dims : spec.fullDims;
  return refuse(
    `unexpected shape for input '${spec.name}' for model '${specs.model}'. Expected ${dimsText(expected)}, got ${dimsText(given)}`,
    specs.maxBatchSize > 0 ? batchNote : 'Give a tensor of that shape.',
  );
}

/** Inputs by name, to tensors in the config's order. @throws ERR_TRT_REQUEST */
export function checkInputs(specs: TensorSpecs, given: InferInputs): CheckedInputs {
  const { inputs: rows } = specs;
  const inputs = new Array<InferTensor | undefined>(rows.length);
  let found = 0;
  let batchSize = 0;
  for (let index = 0; index < rows.length; index++) {
    const spec = rows[index] as InputSpec;
    const value = given[spec.name];
    if (value === undefined || !Object.hasOwn(given, spec.name)) {
      inputs[index] = undefined;
      if (!spec.optional) throw countError(specs, given);
      continue;
    }
    found++;
    const tensor = value instanceof InferTensor ? value : toTensor(specs, spec, value);
    const size = checkTensor(specs, spec, tensor);
    if (size >= 0) {
      if (found === 1 || batchSize === 0) batchSize = size;
      else if (size !== batchSize) {
        throw refuse(
          `input '${spec.name}' batch size does not match other inputs for '${specs.model}'`,
          `Give all inputs the same first dimension; it is ${size} here and ${batchSize} of the input before.`,
        );
      }
    }
    inputs[index] = tensor;
  }
  let count = 0;
  for (const name in given) if (given[name] !== undefined) count++;
  if (count !== found) throw countError(specs, given);
  if (specs.maxBatchSize > 0) {
    if (batchSize > specs.maxBatchSize) {
      throw refuse(
        `inference request batch-size must be <= ${specs.maxBatchSize} for '${specs.model}'`,
        'Send several requests, or raise max_batch_size as far as the model takes it.',
      );
    }
    if (batchSize === 0) {
      throw refuse(
        `inference request batch-size must be >= 1 for '${specs.model}'`,
        'Give tensors whose first dimension is at least 1.',
      );
    }
  }
  return { inputs, batchSize: specs.maxBatchSize > 0 ? batchSize : 1 };
}

/** Its batch size, -1 where it has none. @throws ERR_TRT_REQUEST */
function checkTensor(specs: TensorSpecs, spec: InputSpec, tensor: InferTensor): number {
  const { shape, source } = tensor;
  if (tensor.datatype !== spec.datatype) throw mismatch(specs, spec, tensor.datatype);
  const size = spec.batched ? shape[0] : 1;
  if (size === undefined) {
    throw refuse(
      `input '${spec.name}' has no shape but model requires batch dimension for '${specs.model}'`,
      'Give a first dimension for the batch, 1 for one item.',
    );
  }
  // Shapes that were made here by the array's length need not be looked at again.
  let elements: number;
  if (spec.shapes[size] === shape) elements = size * spec.volume;
  else elements = checkShape(specs, spec, shape, size);
  const { bytes } = spec.info;
  let actual: number;
  if (bytes === 0) actual = (source as readonly Uint8Array[]).length;
  else actual = (source as { readonly byteLength: number }).byteLength;
  if (bytes === 0) {
    if (actual !== elements) {
      throw refuse(
        `unexpected number of string elements ${actual} for inference input '${spec.name}' for model '${specs.model}', expecting ${elements}`,
        'Give as many strings as the shape has elements.',
      );
    }
  } else if (actual !== elements * bytes) {
    throw refuse(
      `input byte size mismatch for input '${spec.name}' for model '${specs.model}'. Expected ${elements * bytes}, got ${actual}`,
      'Check the shape and the data; an array that was transferred is empty.',
    );
  }
  return spec.batched ? size : -1;
}

/** Number of elements. @throws ERR_TRT_REQUEST */
function checkShape(
  specs: TensorSpecs,
  spec: InputSpec,
  shape: readonly number[],
  size: number,
): number {
  const { dims } = spec;
  const skip = spec.batched ? 1 : 0;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw refuse(
        `All input dimensions should be specified for input '${spec.name}' for model '${specs.model}', got ${dimsText(shape)}`,
        'Dimensions are integers from 0 on.',
      );
    }
  }
  if (shape.length !== dims.length + skip) throw wrongShape(specs, spec, shape);
  let elements = size;
  for (let axis = 0; axis < dims.length; axis++) {
    const extent = shape[axis + skip] as number;
    const expected = dims[axis] as number;
    if (expected >= 0 && extent !== expected) throw wrongShape(specs, spec, shape);
    elements *= extent;
  }
  if (!Number.isSafeInteger(elements)) throw wrongShape(specs, spec, shape);
  return elements;
}

/** What a caller gave for an input, as a tensor; nothing is copied. */
function toTensor(specs: TensorSpecs, spec: InputSpec, value: unknown): InferTensor {
  if (ArrayBuffer.isView(value)) return ofView(specs, spec, value);
  if (isTensor(value) || isDeviceTensor(value)) {
    const datatype = datatypeOfDType(value.dtype);
    if (datatype === undefined) throw mismatch(specs, spec, value.dtype);
    return new InferTensor(datatype, isTensor(value) ? value.data : value, value.shape);
  }
  if (Array.isArray(value)) return ofStrings(specs, spec, value);
  if (
    typeof value === 'object' &&
    value !== null &&
    'dtype' in value &&
    'data' in value &&
    'shape' in value
  ) {
    // A tensor of another copy of this package.
    const { dtype, data, shape } = value as {
      dtype: string;
      data: unknown;
      shape: readonly number[];
    };
    if (Object.hasOwn(dtypeTable, dtype)) {
      const tensor = new Tensor(dtype as 'float32', data as Float32Array, shape);
      return toTensor(specs, spec, tensor);
    }
  }
  throw refuse(
    `expected a tensor for inference input '${spec.name}' for model '${specs.model}', got ${describe(value)}`,
    `Give a Tensor, ${spec.info.array?.name ?? 'an array of strings'} or an InferTensor.`,
  );
}

function ofView(specs: TensorSpecs, spec: InputSpec, value: ArrayBufferView): InferTensor {
  const { array, bytes } = spec.info;
  let data = value as Uint8Array;
  if (array === undefined)
    throw mismatch(specs, spec, datatypeOfTag.get(typedArrayTag(value) ?? '') ?? describe(value));
  const raw = Buffer.isBuffer(value);
  if (value.constructor !== array) {
    const tag = typedArrayTag(value);
    if (tag === 'Float16Array' && spec.datatype === 'FP16' && float16Array !== undefined) {
      data = new Uint16Array(data.buffer, data.byteOffset, data.length) as unknown as Uint8Array;
    } else if (tag === 'Uint8ClampedArray' && spec.datatype === 'UINT8') {
      data = new Uint8Array(data.buffer, data.byteOffset, data.length);
    } else if (tag !== array.name && !raw) {
      throw mismatch(specs, spec, datatypeOfTag.get(tag ?? '') ?? describe(value));
    }
  }
  const elements = raw ? data.byteLength / bytes : data.length;
  const shape = shapeOf(specs, spec, elements);
  return raw
    ? InferTensor.fromBytes(spec.datatype, data, shape)
    : new InferTensor(spec.datatype, data, shape);
}

function ofStrings(specs: TensorSpecs, spec: InputSpec, value: readonly unknown[]): InferTensor {
  if (spec.datatype !== 'BYTES') {
    throw refuse(
      `expected a tensor or a typed array for inference input '${spec.name}' for model '${specs.model}', got ${describe(value)}`,
      `Give ${spec.info.array?.name ?? ''}, or a Tensor with its shape.`,
    );
  }
  const strings = value.map((one) => {
    if (typeof one === 'string') return Buffer.from(one);
    if (one instanceof Uint8Array) return one;
    throw refuse(
      `expected strings or byte arrays for inference input '${spec.name}' for model '${specs.model}', got ${describe(one)}`,
      'Convert the elements with String().',
    );
  });
  return new InferTensor('BYTES', strings, shapeOf(specs, spec, strings.length));
}

/**
 * The shape that `elements` elements have: where no dimension of the config is dynamic a batch of as many items as there are; where one is, one item.
 *
 * @throws ERR_TRT_REQUEST
 */
function shapeOf(specs: TensorSpecs, spec: InputSpec, elements: number): readonly number[] {
  const { dims, volume, dynamicCount, batched, shapes } = spec;
  if (dynamicCount === 0) {
    const size = batched && volume > 0 ? elements / volume : 1;
    let shape = Number.isInteger(size) ? shapes[size] : undefined;
    if (shape !== undefined) return shape;
    shape = Object.freeze(batched ? [Math.ceil(size), ...dims] : dims.slice());
    if (Number.isInteger(size) && size > 0 && size <= Math.max(1, specs.maxBatchSize)) {
      shapes[size] = shape;
    }
    return shape;
  }
  if (dynamicCount > 1 || volume === 0) {
    throw refuse(
      `The shape of the raw input '${spec.name}' can not be deduced because there are more than one variable-sized dimension`,
      `Give a Tensor with its shape: ${dimsText(spec.fullDims)}.`,
    );
  }
  const extent = Math.ceil(elements / volume); // a length that is no multiple is refused as a mismatch
  const item = dims.map((one) => (one < 0 ? extent : one));
  return batched ? [1, ...item] : item;
}

/** Why the inputs are not just those of the config. */
function countError(specs: TensorSpecs, given: InferInputs): ServingError {
  const { inputs, required, model } = specs;
  const names = Object.keys(given).filter((name) => given[name] !== undefined);
  const known = new Set(inputs.map(({ name }) => name));
  const missing = inputs.filter(({ name, optional }) => !optional && !names.includes(name));
  const unexpected = names.find((name) => !known.has(name));
  if (unexpected !== undefined && names.length >= required && names.length <= inputs.length) {
    return refuse(
      `unexpected inference input '${unexpected}' for model '${model}'`,
      `It has ${list([...known])}.`,
    );
  }
  const expected =
    required === inputs.length
      ? `expected ${inputs.length} inputs but got ${names.length} inputs`
      : `expected number of inputs between ${required} and ${inputs.length} but got ${names.length} inputs`;
  return refuse(
    `${expected} for model '${model}'. Got input(s) ${list(names)}, but missing required input(s) ${list(missing.map(({ name }) => name))}. Please provide all required input(s).`,
  );
}

function list(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(',')}]`;
}

/** Indices of the outputs that a request asks for. @throws ERR_TRT_REQUEST */
export function checkOutputs(
  specs: TensorSpecs,
  names: readonly string[] | undefined,
): readonly number[] | undefined {
  if (names === undefined || names.length === 0) return undefined;
  return names.map((name) => {
    const index = specs.outputNames.indexOf(name);
    if (index >= 0) return index;
    throw refuse(
      `unexpected inference output '${name}' for model '${specs.model}'`,
      `It has ${list(specs.outputNames)}.`,
    );
  });
}

/** Whether two requests can be in one batch: the same inputs, items of the same shape where they are not ragged, the same values of shape tensors. */
export function fitTogether(
  specs: TensorSpecs,
  a: readonly (InferTensor | undefined)[],
  b: readonly (InferTensor | undefined)[],
): boolean {
  for (const spec of specs.inputs) {
    const left = a[spec.index];
    const right = b[spec.index];
    if (left === undefined || right === undefined) {
      if (left !== right) return false;
      continue;
    }
    if (spec.ragged) continue;
    if (left.shape.length !== right.shape.length) return false;
    for (let axis = spec.batched ? 1 : 0; axis < left.shape.length; axis++) {
      if (left.shape[axis] !== right.shape[axis]) return false;
    }
    if (spec.isShapeTensor && !sameBytes(left, right)) return false;
  }
  return true;
}

function sameBytes(a: InferTensor, b: InferTensor): boolean {
  if (a.device !== undefined || b.device !== undefined) return false;
  return Buffer.compare(a.bytes, b.bytes) === 0;
}
