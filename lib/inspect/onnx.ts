// What an ONNX file tells: name, versions, inputs, outputs, operators, weights, nodes. Field numbers are those of onnx.proto.

import { type OnnxNodeCollector, parseGraph, parseOpset } from './onnx-graph.js';
import { parseEntry } from './onnx-tensor.js';
import type { OnnxFunction, OnnxInfo } from './onnx-types.js';
import { WireReader } from './protobuf.js';

export type { OnnxInfo, OnnxTensor } from './onnx-types.js';

/** What {@link parseOnnx} shall keep. */
export interface ParseOnnxOptions {
  /** Keep the nodes of the main graph, and the shapes within it. Default false. */
  nodes?: boolean;
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries(
    [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)),
  );
}

/**
 * Reads an ONNX model. Weights are passed over, not read.
 *
 * @throws WireError for bytes that are no protobuf message, Error for a message that is no model, or is beyond what a model can be
 */
export function parseOnnx(bytes: Uint8Array, options: ParseOnnxOptions = {}): OnnxInfo {
  const reader = new WireReader(bytes);
  const collected: OnnxNodeCollector = {
    initializers: [],
    operators: new Map(),
    weights: new Map(),
    externalData: new Set(),
    externalDataBytes: 0,
    subgraphs: [],
    nodes: options.nodes === true ? [] : undefined,
    values: options.nodes === true ? [] : undefined,
  };
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const functions: OnnxFunction[] = [];
  let [irVersion, modelVersion, producer, producerVersion, domain] = [0, 0, '', '', ''];
  let graph: ReturnType<typeof parseGraph> | undefined;
  while (reader.next()) {
    if (reader.field === 1) irVersion = reader.int();
    else if (reader.field === 2) producer = reader.string();
    else if (reader.field === 3) producerVersion = reader.string();
    else if (reader.field === 4) domain = reader.string();
    else if (reader.field === 5) modelVersion = reader.int();
    else if (reader.field === 7) graph = parseGraph(reader.message(), collected, 0);
    else if (reader.field === 8) {
      const [name, version] = parseOpset(reader.message());
      opsets.set(name === 'ai.onnx' ? '' : name, version);
    } else if (reader.field === 14) {
      const [key, value] = parseEntry(reader.message());
      metadata.set(key, value);
    } else if (reader.field === 25) functions.push(parseFunction(reader.message()));
    else reader.skip();
  }
  if (graph === undefined || irVersion < 1) {
    throw new Error('the message has no graph or no IR version: it is no ONNX model');
  }
  const initialized = new Set(collected.initializers.map((tensor) => tensor.name));
  const { name, inputs, outputs, numNodes } = graph;
  const weights = [...collected.weights].map(([dtype, of]) => ({ dtype, ...of }));
  return {
    kind: 'onnx',
    name,
    irVersion,
    opset: opsets.get('') ?? 0,
    opsets: Object.fromEntries(opsets),
    producer,
    producerVersion,
    domain,
    modelVersion,
    metadata: Object.fromEntries(metadata),
    // Before IR 4, initializers were inputs too.
    inputs: inputs.filter((tensor) => !initialized.has(tensor.name)),
    outputs,
    initializers: collected.initializers,
    numNodes,
    operators: sorted(collected.operators),
    subgraphs: collected.subgraphs,
    functions,
    weightsBytes: weights.reduce((sum, of) => sum + of.bytes, 0),
    weights: weights.sort((a, b) => b.bytes - a.bytes || (a.dtype < b.dtype ? -1 : 1)),
    externalData: [...collected.externalData],
    externalDataBytes: collected.externalDataBytes,
    nodes: collected.nodes,
    values: collected.values,
  };
}

function parseFunction(reader: WireReader): OnnxFunction {
  let [name, domain, numNodes] = ['', '', 0];
  const [inputs, outputs]: [string[], string[]] = [[], []];
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 4) inputs.push(reader.string());
    else if (reader.field === 5) outputs.push(reader.string());
    else if (reader.field === 10) domain = reader.string();
    else {
      if (reader.field === 7) numNodes++;
      reader.skip();
    }
  }
  return { name: domain === '' ? name : `${domain}::${name}`, inputs, outputs, numNodes };
}
