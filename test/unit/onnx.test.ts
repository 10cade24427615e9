// The ONNX reader: what the fixtures hold, older and stranger files, and garbage.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { inspect } from 'trt-node';
import { parseOnnx } from '../../lib/inspect/onnx.js';
import { WireError } from '../../lib/inspect/protobuf.js';
import { onnxText } from '../../lib/inspect/text.js';
import { randomNumbers } from '../../lib/run/random.js';
import { expectError } from '../helpers/expect-error.js';

const read = (name: string): Buffer => readFileSync(`test/fixtures/onnx/${name}.onnx`);

/** A length-delimited field. */
function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}
/** A field with a number. */
function int(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.of(...bytes, Number(rest));
}
function model(...graph: Buffer[]): Buffer {
  return Buffer.concat([int(1, 8), field(7, Buffer.concat(graph)), field(8, int(2, 17))]);
}

describe('the fixtures', () => {
  test('mlp', () => {
    expect(parseOnnx(read('mlp'))).toEqual({
      kind: 'onnx',
      name: 'mlp',
      irVersion: 8,
      opset: 17,
      opsets: { '': 17 },
      producer: 'trt-node fixtures',
      producerVersion: '',
      inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 64] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 32] }],
      initializers: [
        { name: 'W', dtype: 'float32', shape: [64, 32], bytes: 8192, externalFile: undefined },
      ],
      domain: '',
      modelVersion: 0,
      metadata: {},
      numNodes: 3,
      operators: { MatMul: 1, Relu: 1, Softmax: 1 },
      subgraphs: [],
      functions: [],
      weightsBytes: 8192,
      weights: [{ dtype: 'float32', tensors: 1, bytes: 8192 }],
      externalData: [],
      externalDataBytes: 0,
      nodes: undefined,
      values: undefined,
    });
  });

  test('mlp, its nodes', () => {
    const { nodes } = parseOnnx(read('mlp'), { nodes: true });
    expect(nodes?.map(({ operator, inputs, outputs }) => [operator, inputs, outputs])).toEqual([
      ['MatMul', ['x', 'W'], ['m']],
      ['Relu', ['m'], ['r']],
      ['Softmax', ['r'], ['y']],
    ]);
    expect(nodes?.[2]?.attributes).toEqual({ axis: -1 });
  });

  test('lane: attributes of all kinds', () => {
    const { nodes } = parseOnnx(read('lane'), { nodes: true });
    const conv = nodes?.find((node) => node.operator === 'Conv');
    expect(conv?.attributes).toMatchObject({ kernel_shape: [3, 3], group: 1 });
    const resize = nodes?.find((node) => node.operator === 'Resize');
    expect(resize?.attributes).toMatchObject({ mode: expect.any(String) as string });
  });

  test('dtypes: each type has TensorRT’s name', () => {
    const types = parseOnnx(read('dtypes')).inputs.map((input) => input.dtype);
    expect(types).toEqual(['float32', 'float16', 'int32', 'int64', 'bool', 'uint8', 'bfloat16']);
  });

  test('scalar: a shape without dimensions is not an unknown shape', () => {
    expect(parseOnnx(read('scalar')).outputs).toEqual([{ name: 'y', dtype: 'float32', shape: [] }]);
  });

  test('as polygraphy prints it', () => {
    expect(onnxText(parseOnnx(read('two_inputs')))).toBe(`==== ONNX Model ====
    Name: two_inputs | ONNX Opset: 17 | IR Version: 8 | Producer: trt-node fixtures

    ---- 2 Graph Input(s) ----
    {a [dtype=float32, shape=('n', 3)],
     b [dtype=float32, shape=('m', 3)]}

    ---- 2 Graph Output(s) ----
    {c [dtype=float32, shape=('k', 3)],
     z [dtype=float32, shape=('n', 3)]}

    ---- 0 Initializer(s) ----
    0 bytes

    ---- 2 Node(s) ----
    Concat: 1
    Sub: 1
`);
  });
});

describe('other files', () => {
  const value = (name: string, ...type: Buffer[]): Buffer =>
    Buffer.concat([field(1, name), field(2, Buffer.concat(type))]);
  const tensorType = (type: number, ...dims: Buffer[]): Buffer =>
    field(
      1,
      Buffer.concat([int(1, type), field(2, Buffer.concat(dims.map((dim) => field(1, dim))))]),
    );

  test('before IR 4, initializers are no inputs', () => {
    const weight = Buffer.concat([int(1, 3), int(2, 1), field(8, 'w')]);
    const { inputs, initializers, weightsBytes } = parseOnnx(
      model(
        field(5, weight),
        field(11, value('w', tensorType(1))),
        field(11, value('x', tensorType(1))),
      ),
    );
    expect(inputs.map((input) => input.name)).toEqual(['x']);
    expect(initializers).toEqual([
      { name: 'w', dtype: 'float32', shape: [3], bytes: 12, externalFile: undefined },
    ]);
    expect(weightsBytes).toBe(12);
  });

  test('dimensions: packed and single, named, unnamed, unknown rank', () => {
    const weight = Buffer.concat([field(1, Buffer.of(2, 3)), int(1, 5), int(2, 22), field(8, 'w')]);
    const info = parseOnnx(
      model(
        field(5, weight),
        field(11, value('x', tensorType(10, int(1, 2), field(2, 'batch'), Buffer.of()))),
        field(11, value('u', field(1, int(1, 1)))),
        field(11, value('sequence', field(4, Buffer.of()))),
      ),
    );
    expect(info.initializers[0]).toMatchObject({ name: 'w', dtype: 'int4', shape: [2, 3, 5] });
    expect(info.weightsBytes).toBe(15);
    expect(info.inputs).toEqual([
      { name: 'x', dtype: 'float16', shape: [2, 'batch', -1] },
      { name: 'u', dtype: 'float32', shape: undefined },
      { name: 'sequence', dtype: undefined, shape: undefined },
    ]);
    expect(onnxText(info)).toContain(
      "{x [dtype=float16, shape=(2, 'batch', -1)],\n     u [dtype=float32],\n     sequence}",
    );
  });

  test('weights in other files are named', () => {
    const entry = Buffer.concat([field(1, 'location'), field(2, 'w.bin')]);
    const weight = Buffer.concat([
      int(1, 4),
      int(2, 1),
      field(8, 'w'),
      field(13, entry),
      int(14, 1),
    ]);
    const info = parseOnnx(model(field(5, weight), field(5, weight)));
    expect(info.externalData).toEqual(['w.bin']);
    expect(info.externalDataBytes).toBe(32);
    expect(onnxText(info)).toContain('in part in the file w.bin');
    expect(onnxText(info, { weights: true })).toContain(
      'w [dtype=float32, shape=(4,)] 16 bytes in w.bin',
    );
  });

  test('operators in sub-graphs and other domains are counted', () => {
    const inner = field(1, field(4, 'Add'));
    const branch = field(5, Buffer.concat([field(1, 'then_branch'), field(6, inner)]));
    const node = Buffer.concat([field(4, 'If'), branch]);
    const custom = Buffer.concat([field(4, 'Magic'), field(7, 'com.example')]);
    const info = parseOnnx(model(field(1, node), field(1, custom)));
    expect(info.numNodes).toBe(2);
    expect(info.operators).toEqual({ Add: 1, If: 1, 'com.example::Magic': 1 });
    expect(info.subgraphs).toEqual([
      { node: 'If', attribute: 'then_branch', name: '', depth: 1, numNodes: 1 },
    ]);
    expect(onnxText(info)).toContain('---- 1 Sub-graph(s) ----\n    If, then_branch:  (1 nodes)');
  });

  test('what a sub-graph reads is told at the node that has it', () => {
    const add = Buffer.concat([field(1, 'outer'), field(1, 'inner'), field(4, 'Add')]);
    const attribute = Buffer.concat([field(1, 'body'), field(6, field(1, add)), int(20, 5)]);
    const loop = Buffer.concat([field(4, 'Loop'), field(5, attribute)]);
    const [node] = parseOnnx(model(field(1, loop)), { nodes: true }).nodes ?? [];
    expect(node).toMatchObject({
      operator: 'Loop',
      subgraphInputs: ['outer', 'inner'],
      attributes: { body: 'graph of 1 node(s)' },
    });
  });

  test('attributes: numbers, texts, lists, tensors, and what writers leave out', () => {
    const float = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value);
      return bytes;
    };
    const attribute = (name: string, ...content: Buffer[]): Buffer =>
      field(5, Buffer.concat([field(1, name), ...content]));
    const node = Buffer.concat([
      field(3, 'n'),
      field(4, 'Custom'),
      attribute('alpha', Buffer.concat([Buffer.of((2 << 3) | 5), float(0.5)])),
      attribute('zero', int(20, 2)),
      attribute('text', field(4, 'x'.repeat(2000))),
      attribute('floats', field(7, Buffer.concat([float(1), float(2)]))),
      attribute('ints', field(8, Buffer.of(1, 2)), int(8, 3)),
      attribute('many', field(8, Buffer.alloc(1000, 1))),
      attribute('value', field(5, Buffer.concat([int(1, 2), int(2, 7)]))),
      attribute('__proto__', int(3, 7)),
    ]);
    const info = parseOnnx(model(field(1, node)), { nodes: true });
    const attributes = info.nodes?.[0]?.attributes ?? {};
    expect(attributes).toMatchObject({
      alpha: 0.5,
      zero: 0,
      floats: [1, 2],
      ints: [1, 2, 3],
      value: 'tensor int64 [2], 16 bytes',
    });
    expect(attributes.text).toHaveLength(1001);
    expect(attributes.many).toHaveLength(64);
    expect(Object.keys(attributes)).toContain('__proto__');
    expect(info.weights).toEqual([{ dtype: 'int64', tensors: 1, bytes: 16 }]);
    expect(onnxText(info, { layers: true, attrs: true })).toContain(
      'Node 0    | n [Op: Custom]\n        {}\n         -> {}\n        ---- Attributes ----\n        alpha = 0.5\n',
    );
  });

  test('functions, metadata, domain and version of the model', () => {
    const fn = Buffer.concat([
      field(1, 'Gelu'),
      field(4, 'x'),
      field(5, 'y'),
      field(7, field(4, 'Erf')),
      field(10, 'com.example'),
    ]);
    const entry = Buffer.concat([field(1, 'names'), field(2, 'cat,dog')]);
    const bytes = Buffer.concat([
      model(),
      field(4, 'com.example'),
      int(5, 3),
      field(14, entry),
      field(25, fn),
    ]);
    const info = parseOnnx(bytes);
    expect(info).toMatchObject({
      domain: 'com.example',
      modelVersion: 3,
      metadata: { names: 'cat,dog' },
      functions: [{ name: 'com.example::Gelu', inputs: ['x'], outputs: ['y'], numNodes: 1 }],
    });
    const text = onnxText(info);
    expect(text).toContain('com.example::Gelu(x) -> y (1 nodes)');
    expect(text).toContain('names: cat,dog');
    expect(text).toContain('Domain: com.example | Model Version: 3');
  });

  test('a tensor of a thousand dimensions is refused', () => {
    const weight = Buffer.concat([field(1, Buffer.alloc(1_000_000, 1)), int(2, 1), field(8, 'w')]);
    expect(() => parseOnnx(model(field(5, weight)))).toThrow('more than 64 dimensions');
  });

  test('graphs that are nested without end are refused, not followed', () => {
    let graph = field(1, field(4, 'Add'));
    for (let depth = 0; depth < 100; depth++) {
      graph = field(1, Buffer.concat([field(4, 'If'), field(5, field(6, graph))]));
    }
    expect(() => parseOnnx(model(graph))).toThrow('nested more than 64 deep');
  });
});

describe('garbage', () => {
  test.each([
    ['nothing', Buffer.alloc(0), 'no graph'],
    ['a field without end', Buffer.of(0x3a, 0xff, 0xff, 0x03), 'the message ends'],
    ['an endless number', Buffer.alloc(20, 0xff), 'more than 10 bytes'],
    ['field 0', Buffer.of(0x00, 0x01), 'no field number'],
    ['a group', Buffer.of(0x4b), 'unknown wire type 3'],
    ['text', Buffer.from('hello, this is no model'), 'unknown wire type 4'],
  ])('%s', (_what, bytes, message) => {
    expect(() => parseOnnx(bytes)).toThrow(message);
  });

  test('fuzz: 20000 damaged models are read or refused, quickly', () => {
    const random = randomNumbers(7);
    const seeds = ['mlp', 'dtypes', 'two_inputs', 'slow'].map(read);
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(seeds[round % seeds.length]!);
      for (let change = 0; change <= random() * 6; change++) {
        // The weights of mlp are most of it: rather damage the structure.
        bytes[Math.floor(random() * Math.min(bytes.length, 400))] = Math.floor(random() * 256);
      }
      try {
        parseOnnx(
          bytes.subarray(0, random() < 0.3 ? Math.floor(random() * bytes.length) : undefined),
          { nodes: true },
        );
      } catch (error) {
        refused++;
        const known =
          error instanceof WireError || /no ONNX model|nested|dimensions/.test(String(error));
        if (!known) throw error;
      }
    }
    expect(refused).toBeGreaterThan(5000);
  });

  test('inspect() says that the file is neither plan nor model', async () => {
    await expectError(
      () => inspect('test/fixtures/plans/README.md'),
      'ERR_TRT_INVALID_PLAN',
      'expected a TensorRT plan, a reference plan or an ONNX model',
      'README.md',
    );
    await expectError(() => inspect(new Uint8Array(0)), 'ERR_TRT_INVALID_PLAN', 'empty');
    await expectError(() => inspect('no/such/file'), 'ERR_TRT_FILE', 'ENOENT');
    await expectError(() => inspect(5 as never), 'ERR_TRT_INVALID_ARGUMENT', 'got 5');
    await expectError(
      () => inspect('x', { layer: true } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      "'layers'",
    );
  });
});
