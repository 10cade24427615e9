// Small ONNX models, written byte by byte: no package of ours writes them, and a fixture for each would hide what is in it.

/** One node. */
export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
}

/** A float or int8 initializer. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int8Array;
}

/** A model of float inputs and outputs, where `types` says nothing else. */
export interface ModelSpec {
  readonly name?: string;
  readonly nodes: readonly NodeSpec[];
  /** -1 is a dynamic dimension. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** By input or output; default float. */
  readonly types?: Readonly<Record<string, keyof typeof elementTypes>>;
  readonly weights?: readonly WeightSpec[];
  readonly domains?: readonly string[];
}

/** TensorProto.DataType. */
const elementTypes = { float: 1, int64: 7, string: 8, float16: 10 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const int = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number << 3), varint(value)]);

function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function message(number: number, ...parts: Buffer[]): Buffer {
  return field(number, Buffer.concat(parts));
}

function valueInfo(
  number: number,
  [name, shape]: [string, readonly number[]],
  types: ModelSpec['types'],
): Buffer {
  const type = elementTypes[types?.[name] ?? 'float'];
  const dims = shape.map((extent, axis) =>
    message(1, extent < 0 ? field(2, `${name}_${axis}`) : int(1, extent)),
  );
  return message(number, field(1, name), message(2, message(1, int(1, type), message(2, ...dims))));
}

function weight({ name, shape, data }: WeightSpec): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const type = data instanceof Float32Array ? 1 : 3;
  return message(
    5,
    ...shape.map((extent) => int(1, extent)),
    int(2, type),
    field(8, name),
    field(9, raw),
  );
}

/** The model's bytes (IR 8, opset 17). */
export function makeOnnx(spec: ModelSpec): Buffer {
  const nodes = spec.nodes.map(({ op, inputs, outputs, name = '', domain = '' }) =>
    message(
      1,
      ...inputs.map((input) => field(1, input)),
      ...outputs.map((output) => field(2, output)),
      field(3, name),
      field(4, op),
      field(7, domain),
    ),
  );
  const graph = [
    ...nodes,
    field(2, spec.name ?? 'test'),
    ...(spec.weights ?? []).map(weight),
    ...Object.entries(spec.inputs).map((entry) => valueInfo(11, entry, spec.types)),
    ...Object.entries(spec.outputs).map((entry) => valueInfo(12, entry, spec.types)),
  ];
  const domains = (spec.domains ?? []).map((domain) => message(8, field(1, domain), int(2, 1)));
  return Buffer.concat([int(1, 8), message(7, ...graph), message(8, int(2, 17)), ...domains]);
}

/** x (-1, 4) → Relu → Strange → Relu → Odd and Strange → y, where only the Relus can be built. */
export const strangeModel: ModelSpec = {
  nodes: [
    { op: 'Relu', inputs: ['x'], outputs: ['a'], name: 'first' },
    { op: 'Strange', inputs: ['a'], outputs: ['b'], name: 'odd_1', domain: 'com.example' },
    { op: 'Relu', inputs: ['b'], outputs: ['c'], name: 'second' },
    { op: 'Frobnicate', inputs: ['c'], outputs: ['d'], name: 'odd_2' },
    { op: 'Strange', inputs: ['d'], outputs: ['y'], name: 'odd_3', domain: 'com.example' },
  ],
  inputs: { x: [-1, 4] },
  outputs: { y: [-1, 4] },
  domains: ['com.example'],
};

/** A model quantized with Q/DQ nodes: y = dq(q(x)) · dq(w), with x of (2, 4) and w of (4, 2). */
export function quantizedModel(): { model: Buffer; weights: Int8Array; scales: [number, number] } {
  const weights = Int8Array.from([10, -20, 30, 40, -50, 60, 70, -80]);
  const scales: [number, number] = [0.05, 0.01];
  const scalar = (name: string, data: Float32Array | Int8Array): WeightSpec => ({
    name,
    shape: [],
    data,
  });
  const model = makeOnnx({
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 'sx', 'zero'], outputs: ['xq'], name: 'q' },
      { op: 'DequantizeLinear', inputs: ['xq', 'sx', 'zero'], outputs: ['xd'], name: 'dq' },
      { op: 'DequantizeLinear', inputs: ['w', 'sw', 'zero'], outputs: ['wd'], name: 'dqw' },
      { op: 'MatMul', inputs: ['xd', 'wd'], outputs: ['y'], name: 'matmul' },
    ],
    inputs: { x: [2, 4] },
    outputs: { y: [2, 2] },
    weights: [
      { name: 'w', shape: [4, 2], data: weights },
      scalar('sx', Float32Array.of(scales[0])),
      scalar('sw', Float32Array.of(scales[1])),
      scalar('zero', Int8Array.of(0)),
    ],
  });
  return { model, weights, scales };
}
