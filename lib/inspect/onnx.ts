// What an ONNX file tells: name, versions, inputs, outputs, operators, weights. Field numbers are those of onnx.proto.

import { WireReader } from './protobuf.js';

/** An input, output or initializer of an ONNX model. */
export interface OnnxTensor {
  readonly name: string;
  /** As TensorRT calls it where it has the type, else ONNX's name in lower case (`int16`, `string`); undefined when the model does not say. */
  readonly dtype: string | undefined;
  /** Numbers, names of symbolic dimensions, and -1 for unnamed dynamic ones; undefined when the model does not say the rank. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** What an ONNX file tells. */
export interface OnnxInfo {
  readonly kind: 'onnx';
  /** Name of the graph. */
  readonly name: string;
  readonly irVersion: number;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Versions of operators by domain; '' is ONNX's own. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly producerVersion: string;
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  readonly initializers: readonly OnnxTensor[];
  /** Nodes of the main graph. */
  readonly numNodes: number;
  /** How often each operator occurs, sub-graphs included; other domains than ONNX's own as `domain::Name`. */
  readonly operators: Readonly<Record<string, number>>;
  /** Bytes of all initializers, wherever they are kept. */
  readonly weightsBytes: number;
  /** Files beside the model that hold weights; relative to its folder. */
  readonly externalData: readonly string[];
}

/** By TensorProto.DataType. */
const types: readonly ([name: string, bits: number] | undefined)[] = [
  undefined,
  ['float32', 32],
  ['uint8', 8],
  ['int8', 8],
  ['uint16', 16],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
  ['string', 0],
  ['bool', 8],
  ['float16', 16],
  ['float64', 64],
  ['uint32', 32],
  ['uint64', 64],
  ['complex64', 64],
  ['complex128', 128],
  ['bfloat16', 16],
  ['fp8', 8],
  ['float8e4m3fnuz', 8],
  ['float8e5m2', 8],
  ['float8e5m2fnuz', 8],
  ['uint4', 4],
  ['int4', 4],
  ['fp4', 4],
  ['e8m0', 8],
];

const deepestGraph = 64;

interface Collected {
  initializers: OnnxTensor[];
  operators: Map<string, number>;
  weightsBytes: number;
  externalData: Set<string>;
}

interface Graph {
  name: string;
  inputs: OnnxTensor[];
  outputs: OnnxTensor[];
  numNodes: number;
}

/**
 * Reads an ONNX model. Weights are passed over, not read.
 *
 * @throws WireError for bytes that are no protobuf message, Error for a message that is no model
 */
export function parseOnnx(bytes: Uint8Array): OnnxInfo {
  const reader = new WireReader(bytes);
  const collected: Collected = {
    initializers: [],
    operators: new Map(),
    weightsBytes: 0,
    externalData: new Set(),
  };
  const opsets: Record<string, number> = {};
  let [irVersion, producer, producerVersion] = [0, '', ''];
  let graph: Graph | undefined;
  while (reader.next()) {
    if (reader.field === 1) irVersion = reader.int();
    else if (reader.field === 2) producer = reader.string();
    else if (reader.field === 3) producerVersion = reader.string();
    else if (reader.field === 7) graph = parseGraph(reader.message(), collected, 0);
    else if (reader.field === 8) {
      const [domain, version] = parseOpset(reader.message());
      opsets[domain === 'ai.onnx' ? '' : domain] = version;
    } else reader.skip();
  }
  if (graph === undefined || irVersion < 1) {
    throw new Error('the message has no graph or no IR version: it is no ONNX model');
  }
  const initialized = new Set(collected.initializers.map((tensor) => tensor.name));
  const { name, inputs, outputs, numNodes } = graph;
  return {
    kind: 'onnx',
    name,
    irVersion,
    opset: opsets[''] ?? 0,
    opsets,
    producer,
    producerVersion,
    // Before IR 4, initializers were inputs too.
    inputs: inputs.filter((tensor) => !initialized.has(tensor.name)),
    outputs,
    initializers: collected.initializers,
    numNodes,
    operators: Object.fromEntries(
      [...collected.operators].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)),
    ),
    weightsBytes: collected.weightsBytes,
    externalData: [...collected.externalData],
  };
}

function parseOpset(reader: WireReader): [domain: string, version: number] {
  let [domain, version] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) domain = reader.string();
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  return [domain, version];
}

function parseGraph(reader: WireReader, collected: Collected, depth: number): Graph {
  if (depth > deepestGraph) throw new Error(`graphs are nested more than ${deepestGraph} deep`);
  const graph: Graph = { name: '', inputs: [], outputs: [], numNodes: 0 };
  while (reader.next()) {
    if (reader.field === 1) {
      parseNode(reader.message(), collected, depth);
      graph.numNodes++;
    } else if (reader.field === 2) graph.name = reader.string();
    else if (reader.field === 5)
      collected.initializers.push(parseTensor(reader.message(), collected));
    else if (reader.field === 11) graph.inputs.push(parseValueInfo(reader.message()));
    else if (reader.field === 12) graph.outputs.push(parseValueInfo(reader.message()));
    else reader.skip();
  }
  return graph;
}

function parseNode(reader: WireReader, collected: Collected, depth: number): void {
  let [operator, domain] = ['', ''];
  while (reader.next()) {
    if (reader.field === 4) operator = reader.string();
    else if (reader.field === 7) domain = reader.string();
    else if (reader.field === 5) parseAttribute(reader.message(), collected, depth);
    else reader.skip();
  }
  const key = domain === '' || domain === 'ai.onnx' ? operator : `${domain}::${operator}`;
  collected.operators.set(key, (collected.operators.get(key) ?? 0) + 1);
}

/** Of attributes only the graphs matter (If, Loop, Scan), and tensors, which are weights too. */
function parseAttribute(reader: WireReader, collected: Collected, depth: number): void {
  while (reader.next()) {
    if (reader.field === 6 || reader.field === 11)
      parseGraph(reader.message(), collected, depth + 1);
    else if (reader.field === 5 || reader.field === 10) parseTensor(reader.message(), collected);
    else reader.skip();
  }
}

function parseTensor(reader: WireReader, collected: Collected): OnnxTensor {
  const shape: number[] = [];
  let [name, type] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) shape.push(...reader.ints());
    else if (reader.field === 2) type = reader.int();
    else if (reader.field === 8) name = reader.string();
    else if (reader.field === 13) {
      const [key, value] = parseEntry(reader.message());
      if (key === 'location') collected.externalData.add(value);
    } else reader.skip();
  }
  const [dtype, bits] = types[type] ?? [undefined, 0];
  const elements = shape.reduce((product, extent) => product * Math.max(0, extent), 1);
  collected.weightsBytes += Math.ceil((elements * bits) / 8);
  return { name, dtype, shape };
}

function parseEntry(reader: WireReader): [key: string, value: string] {
  let [key, value] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  return [key, value];
}

function parseValueInfo(reader: WireReader): OnnxTensor {
  let name = '';
  let dtype: string | undefined;
  let shape: (number | string)[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) {
      const type = reader.message();
      while (type.next()) {
        if (type.field === 1) [dtype, shape] = parseTensorType(type.message());
        else type.skip();
      }
    } else reader.skip();
  }
  return { name, dtype, shape };
}

function parseTensorType(
  reader: WireReader,
): [dtype: string | undefined, shape: (number | string)[] | undefined] {
  let dtype: string | undefined;
  let shape: (number | string)[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) dtype = types[reader.int()]?.[0];
    else if (reader.field === 2) {
      shape = [];
      const dimensions = reader.message();
      while (dimensions.next()) {
        if (dimensions.field === 1) shape.push(parseDimension(dimensions.message()));
        else dimensions.skip();
      }
    } else reader.skip();
  }
  return [dtype, shape];
}

function parseDimension(reader: WireReader): number | string {
  let extent: number | string = -1;
  while (reader.next()) {
    if (reader.field === 1) extent = reader.int();
    else if (reader.field === 2) {
      const name = reader.string();
      extent = name === '' ? -1 : name;
    } else reader.skip();
  }
  return extent;
}
