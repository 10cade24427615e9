// The nodes of an ONNX model's graph: names, operators and tensors, to say where something is and what lies around it.

import { BuildError } from '../errors.js';
import { isPlan } from '../inspect/magic.js';
import { WireReader } from '../inspect/protobuf.js';

/** One node of the graph. */
export interface ModelNode {
  readonly name: string;
  readonly operator: string;
  /** '' is ONNX's own. */
  readonly domain: string;
  /** Of its own and of the graphs within it. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A model's graph. */
export interface ModelNodes {
  readonly nodes: readonly ModelNode[];
  /** Names of weights. */
  readonly initializers: ReadonlySet<string>;
  /** Names of the inputs that are no weights. */
  readonly inputs: readonly string[];
  readonly outputs: ReadonlySet<string>;
  /** Version by domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
}

/** Graphs may lie within graphs (If, Loop); deeper than this is no real model. */
const deepestGraph = 32;

interface Graph {
  nodes: ModelNode[];
  initializers: Set<string>;
  inputs: string[];
  outputs: Set<string>;
}

/** Reads what {@link ModelNodes} has. @throws WireError, Error for bytes that are no ONNX model */
export function readModelNodes(bytes: Uint8Array): ModelNodes {
  const reader = new WireReader(bytes);
  const opsets = new Map<string, number>();
  let graph: Graph | undefined;
  while (reader.next()) {
    if (reader.field === 7) graph = readGraph(reader.message(), 0);
    else if (reader.field === 8) {
      const opset = reader.message();
      let [domain, version] = ['', 0];
      while (opset.next()) {
        if (opset.field === 1) domain = opset.string();
        else if (opset.field === 2) version = opset.int();
        else opset.skip();
      }
      opsets.set(ownDomain(domain), version);
    } else reader.skip();
  }
  if (graph === undefined) throw new Error('the message has no graph: it is no ONNX model');
  const { initializers } = graph;
  return { ...graph, inputs: graph.inputs.filter((name) => !initializers.has(name)), opsets };
}

/** ONNX's own operators have two names for their domain. */
function ownDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readGraph(reader: WireReader, depth: number): Graph {
  if (depth > deepestGraph) throw new Error(`graphs are nested more than ${deepestGraph} deep`);
  const graph: Graph = { nodes: [], initializers: new Set(), inputs: [], outputs: new Set() };
  while (reader.next()) {
    if (reader.field === 1) graph.nodes.push(readNode(reader.message(), depth));
    else if (reader.field === 5) graph.initializers.add(readText(reader.message(), 8));
    else if (reader.field === 11) graph.inputs.push(readText(reader.message(), 1));
    else if (reader.field === 12) graph.outputs.add(readText(reader.message(), 1));
    else reader.skip();
  }
  return graph;
}

function readText(reader: WireReader, field: number): string {
  let text = '';
  while (reader.next()) {
    if (reader.field === field) text = reader.string();
    else reader.skip();
  }
  return text;
}

function readNode(reader: WireReader, depth: number): ModelNode {
  const node = { name: '', operator: '', domain: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  while (reader.next()) {
    if (reader.field === 1) inputs.push(reader.string());
    else if (reader.field === 2) outputs.push(reader.string());
    else if (reader.field === 3) node.name = reader.string();
    else if (reader.field === 4) node.operator = reader.string();
    else if (reader.field === 5) inputs.push(...outerTensors(reader.message(), depth));
    else if (reader.field === 7) node.domain = ownDomain(reader.string());
    else reader.skip();
  }
  const named = (list: readonly string[]): string[] => list.filter((name) => name !== '');
  return { ...node, inputs: named(inputs), outputs: named(outputs) };
}

/** What the graphs of an attribute take from the graph around them. */
function outerTensors(attribute: WireReader, depth: number): string[] {
  const taken: string[] = [];
  while (attribute.next()) {
    if (attribute.field !== 6 && attribute.field !== 11) {
      attribute.skip();
      continue;
    }
    const graph = readGraph(attribute.message(), depth + 1);
    const own = new Set([...graph.inputs, ...graph.initializers]);
    for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
    for (const node of graph.nodes) taken.push(...node.inputs.filter((name) => !own.has(name)));
    taken.push(...[...graph.outputs].filter((name) => !own.has(name)));
  }
  return taken;
}

/** The tensors that go into a set of nodes and come out of it. */
export function boundary(
  model: ModelNodes,
  indices: readonly number[],
): { inputs: string[]; outputs: string[] } {
  const inside = new Set(indices);
  const made = new Set<string>();
  const needed = new Set<string>();
  for (const index of inside) {
    for (const name of model.nodes[index]?.outputs ?? []) made.add(name);
    for (const name of model.nodes[index]?.inputs ?? []) needed.add(name);
  }
  const wanted = new Set(model.outputs);
  model.nodes.forEach((node, index) => {
    if (!inside.has(index)) for (const name of node.inputs) wanted.add(name);
  });
  return {
    inputs: [...needed].filter((name) => !made.has(name) && !model.initializers.has(name)),
    outputs: [...made].filter((name) => wanted.has(name)),
  };
}

/** What TensorRT's parser would only call damaged. @throws ERR_TRT_PARSE for a plan */
export function refusePlan(model: Uint8Array, who: string): void {
  if (!isPlan(model)) return;
  throw new BuildError(
    'ERR_TRT_PARSE',
    `${who}: expected an ONNX model, got a plan, which is built already`,
    'Give the model that it was built from.',
  );
}
