// Small ONNX models, written field by field (numbers are those of onnx.proto), for tests that need other names and shapes than the fixtures have.

const elementTypes = { float32: 1, int32: 6, int64: 7 } as const;

export interface ModelTensor {
  name: string;
  dtype: keyof typeof elementTypes;
  /** Names are symbolic dimensions. */
  shape: readonly (number | string)[];
}

export interface ModelNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  name?: string;
  /** Integer attributes. */
  attributes?: Readonly<Record<string, number>>;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

const number = (field: number, value: number): Buffer =>
  Buffer.concat([varint(field * 8), varint(value)]);

function bytes(field: number, content: string | readonly Buffer[]): Buffer {
  const body = typeof content === 'string' ? Buffer.from(content) : Buffer.concat(content);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

function valueInfo(field: number, { name, dtype, shape }: ModelTensor): Buffer {
  const dimensions = shape.map((extent) =>
    bytes(1, [typeof extent === 'number' ? number(1, extent) : bytes(2, extent)]),
  );
  const tensor = bytes(1, [number(1, elementTypes[dtype]), bytes(2, dimensions)]);
  return bytes(field, [bytes(1, name), bytes(2, [tensor])]);
}

function nodeProto({ op, inputs, outputs, name = '', attributes = {} }: ModelNode): Buffer {
  return bytes(1, [
    ...inputs.map((input) => bytes(1, input)),
    ...outputs.map((output) => bytes(2, output)),
    bytes(3, name),
    bytes(4, op),
    ...Object.entries(attributes).map(([key, value]) =>
      bytes(5, [bytes(1, key), number(3, value), number(20, 2)]),
    ),
  ]);
}

/** The bytes of a model of opset 17. */
export function onnxModel(
  inputs: readonly ModelTensor[],
  nodes: readonly ModelNode[],
  outputs: readonly ModelTensor[],
): Buffer {
  const graph = [
    ...nodes.map(nodeProto),
    bytes(2, 'test'),
    ...inputs.map((input) => valueInfo(11, input)),
    ...outputs.map((output) => valueInfo(12, output)),
  ];
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, [number(2, 17)])]);
}
