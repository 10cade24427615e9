// Reshape: between the shapes that clients see (dims) and those that the model has (reshape).

import type { ModelTensorReshape } from '../config/model-config.js';
import { InferTensor } from '../infer-tensor.js';

interface Reshapeable {
  readonly dims: readonly number[];
  readonly reshape?: ModelTensorReshape | undefined;
}

/** `item`, a shape of `from`, as one of `to`: open dimensions stand for each other in order. */
function mapped(from: readonly number[], to: readonly number[], item: readonly number[]): number[] {
  const open = item.filter((_, axis) => (from[axis] ?? 0) < 0);
  let next = 0;
  return to.map((extent) => (extent < 0 ? (open[next++] ?? 0) : extent));
}

function changed(
  tensor: InferTensor | undefined,
  from: readonly number[],
  to: readonly number[],
  batched: boolean,
): InferTensor | undefined {
  if (tensor === undefined) return undefined;
  const [batch, item] = batched
    ? [tensor.shape.slice(0, 1), tensor.shape.slice(1)]
    : [[], tensor.shape];
  const shape = [...batch, ...mapped(from, to, item)];
  const source = tensor.device?.withShape(shape) ?? tensor.source;
  return new InferTensor(tensor.datatype, source, shape, tensor.raw);
}

/** An input as the model gets it. @internal */
export function toModelShape(
  tensor: InferTensor | undefined,
  { dims, reshape }: Reshapeable,
  batched: boolean,
): InferTensor | undefined {
  return reshape === undefined ? tensor : changed(tensor, dims, reshape.shape, batched);
}

/** An output as the client gets it. @internal */
export function fromModelShape(
  tensor: InferTensor | undefined,
  { dims, reshape }: Reshapeable,
  batched: boolean,
): InferTensor | undefined {
  return reshape === undefined ? tensor : changed(tensor, reshape.shape, dims, batched);
}
