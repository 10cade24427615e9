// Graphs, nodes and attributes of an ONNX model. Field numbers are those of onnx.proto.

import { parseTensor, parseValueInfo } from './onnx-tensor.js';
import type {
  OnnxAttribute,
  OnnxInitializer,
  OnnxNode,
  OnnxSubgraph,
  OnnxTensor,
} from './onnx-types.js';
import type { WireReader } from './protobuf.js';

/** Graphs nested deeper than this are no model, but an attack on the stack. */
const deepestGraph = 64;
/** More of anything than a model has: a file that claims more would only fill the memory. */
const mostItems = 2_000_000;
const longestList = 64;
const longestText = 1000;

/** What comes together while a model is read. */
export interface OnnxNodeCollector {
  readonly initializers: OnnxInitializer[];
  readonly operators: Map<string, number>;
  readonly weights: Map<string, { tensors: number; bytes: number }>;
  readonly externalData: Set<string>;
  externalDataBytes: number;
  readonly subgraphs: OnnxSubgraph[];
  /** Of the main graph; undefined when they are not wanted. */
  readonly nodes: OnnxNode[] | undefined;
  readonly values: OnnxTensor[] | undefined;
}

interface Graph {
  readonly name: string;
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  readonly numNodes: number;
  /** Names that its nodes read. */
  readonly reads: ReadonlySet<string>;
}

/** Appends, up to a limit. */
function add<T>(list: T[], item: T, what: string): void {
  if (list.length >= mostItems) throw new Error(`the model has more than ${mostItems} ${what}`);
  list.push(item);
}

/** An OperatorSetIdProto. */
export function parseOpset(reader: WireReader): [domain: string, version: number] {
  let [domain, version] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) domain = reader.string();
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  return [domain, version];
}

/** A GraphProto and all within it. */
export function parseGraph(reader: WireReader, collected: OnnxNodeCollector, depth: number): Graph {
  if (depth > deepestGraph) throw new Error(`graphs are nested more than ${deepestGraph} deep`);
  const [inputs, outputs]: [OnnxTensor[], OnnxTensor[]] = [[], []];
  const reads = new Set<string>();
  let [name, numNodes] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) {
      const node = parseNode(reader.message(), collected, depth);
      numNodes++;
      if (depth === 0) {
        if (collected.nodes) add(collected.nodes, node, 'nodes');
      } else if (collected.nodes) {
        for (const read of [...node.inputs, ...node.subgraphInputs]) reads.add(read);
      }
    } else if (reader.field === 2) name = reader.string();
    else if (reader.field === 5)
      add(collected.initializers, weight(reader.message(), collected), 'initializers');
    else if (reader.field === 11) add(inputs, parseValueInfo(reader.message()), 'inputs');
    else if (reader.field === 12) add(outputs, parseValueInfo(reader.message()), 'outputs');
    else if (reader.field === 13 && depth === 0 && collected.values)
      add(collected.values, parseValueInfo(reader.message()), 'values');
    else reader.skip();
  }
  return { name, inputs, outputs, numNodes, reads };
}

/** A tensor with content, counted. */
function weight(reader: WireReader, collected: OnnxNodeCollector): OnnxInitializer {
  const tensor = parseTensor(reader);
  const { dtype = 'unknown', bytes, externalFile } = tensor;
  const sum = collected.weights.get(dtype) ?? { tensors: 0, bytes: 0 };
  sum.tensors++;
  sum.bytes += bytes;
  collected.weights.set(dtype, sum);
  if (externalFile !== undefined) {
    collected.externalData.add(externalFile);
    collected.externalDataBytes += bytes;
  }
  return tensor;
}

function parseNode(reader: WireReader, collected: OnnxNodeCollector, depth: number): OnnxNode {
  let [name, operator, domain] = ['', '', ''];
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const attributes = new Map<string, OnnxAttribute>();
  const subgraphInputs = new Set<string>();
  const subgraphs: { attribute: string; graph: Graph }[] = [];
  const first = collected.subgraphs.length;
  while (reader.next()) {
    if (reader.field === 1) inputs.push(reader.string());
    else if (reader.field === 2) outputs.push(reader.string());
    else if (reader.field === 3) name = reader.string();
    else if (reader.field === 4) operator = reader.string();
    else if (reader.field === 7) domain = reader.string();
    else if (reader.field === 5) {
      const attribute = parseAttribute(reader.message(), collected, depth);
      attributes.set(attribute.name, attribute.value);
      for (const graph of attribute.graphs) {
        subgraphs.push({ attribute: attribute.name, graph });
        for (const read of graph.reads) subgraphInputs.add(read);
      }
    } else reader.skip();
  }
  const key = domain === '' || domain === 'ai.onnx' ? operator : `${domain}::${operator}`;
  collected.operators.set(key, (collected.operators.get(key) ?? 0) + 1);
  // Before those that are within them.
  const own = subgraphs.map(({ attribute, graph }) => ({
    node: name === '' ? key : name,
    attribute,
    name: graph.name,
    depth: depth + 1,
    numNodes: graph.numNodes,
  }));
  if (own.length > 0) collected.subgraphs.splice(first, 0, ...own);
  if (collected.subgraphs.length > mostItems) throw new Error('the model has too many sub-graphs');
  return {
    name,
    operator: key,
    inputs,
    outputs,
    subgraphInputs: [...subgraphInputs],
    attributes: Object.fromEntries(attributes),
  };
}

function shorten(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

function tensorWords({ dtype = 'unknown', shape = [], bytes }: OnnxInitializer): string {
  return `tensor ${dtype} [${shape.join(', ')}], ${bytes} bytes`;
}

/** An AttributeProto. Graphs in it are read as such, tensors count as weights. */
function parseAttribute(
  reader: WireReader,
  collected: OnnxNodeCollector,
  depth: number,
): { name: string; value: OnnxAttribute; graphs: readonly Graph[] } {
  let name = '';
  let [type, single] = [0, undefined as number | string | undefined];
  const list: (number | string)[] = [];
  const graphs: Graph[] = [];
  const append = (values: readonly (number | string)[]): void => {
    list.push(...values.slice(0, Math.max(0, longestList - list.length)));
  };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        name = reader.string();
        break;
      case 2:
        single = reader.float();
        break;
      case 3:
        single = reader.int();
        break;
      case 4:
        single = shorten(reader.string());
        break;
      case 5:
        single = tensorWords(weight(reader.message(), collected));
        break;
      case 6:
      case 11: {
        const graph = parseGraph(reader.message(), collected, depth + 1);
        graphs.push(graph);
        append([`graph of ${graph.numNodes} node(s)`]);
        break;
      }
      case 7:
        append(reader.floats(longestList));
        break;
      case 8:
        append(reader.ints(longestList));
        break;
      case 9:
        append([shorten(reader.string())]);
        break;
      case 10:
        append([tensorWords(weight(reader.message(), collected))]);
        break;
      case 20:
        type = reader.int();
        break;
      case 21:
        single = `attribute ${reader.string()} of the function`;
        break;
      default:
        reader.skip();
    }
  }
  // Some writers leave out what is 0 or ''.
  const unset = type === 1 || type === 2 ? 0 : type === 3 ? '' : undefined;
  const [only] = list;
  const value = single ?? unset ?? (graphs.length === 1 && only !== undefined ? only : list);
  return { name, value, graphs };
}
