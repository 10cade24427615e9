// What is drawn: the layers of a plan, or the nodes of an ONNX model, and what connects them.

import { middle, shapeText, shortType } from '../layer-table.js';
import type { PlanEngineInfo } from '../inspect.js';
import { withoutProfile } from '../layers.js';
import type { OnnxInfo, OnnxTensor } from '../onnx-types.js';
import { attributeText } from '../text.js';

/** What a node does, by which it is coloured. */
export type Category =
  | 'io'
  | 'convolution'
  | 'matmul'
  | 'attention'
  | 'fused'
  | 'pointwise'
  | 'normalization'
  | 'pooling'
  | 'shape'
  | 'copy'
  | 'quantize'
  | 'constant'
  | 'control'
  | 'other';

/** A box. */
export interface GraphNode {
  /** Its number, by which edges name it. */
  readonly id: number;
  /** First line: the type. */
  readonly title: string;
  /** Second line: the name. */
  readonly name: string;
  /** Third line: the shape of the outputs. */
  readonly shape: string;
  readonly category: Category;
  /** Type of the outputs: float16. */
  readonly precision: string | undefined;
  /** All that is known, as pairs of heading and text. */
  readonly details: readonly (readonly [heading: string, text: string])[];
}

/** An arrow. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  /** The tensors that go this way. */
  readonly tensors: readonly string[];
}

/** A graph without places. */
export interface Graph {
  readonly title: string;
  readonly subtitle: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** What the reader must know, such as that edges are unknown. */
  readonly note: string | undefined;
}

/** By words within types; the first that matches. */
const categories: readonly (readonly [Category, RegExp])[] = [
  ['quantize', /quantize|^scale_?quant|dynamicquant/i],
  ['attention', /attention|mha|fmha/i],
  ['convolution', /conv/i],
  ['matmul', /gemm|matmul|matrixmult|fullyconnected|einsum|cublas/i],
  ['normalization', /norm|softmax|reduce|mean|lrn|topk|argmax|argmin|cumsum|cumulative/i],
  ['pooling', /pool|resize|upsample|gridsample|roialign/i],
  ['control', /^(if|loop|scan|recurrence|trip_?limit|iterator|conditional|condition)/i],
  ['constant', /constant|^fill|random|^range$|eyelike/i],
  [
    'shape',
    /shape|shuffle|transpose|slice|concat|split|gather|scatter|squeeze|flatten|expand|tile|pad|nonzero|size/i,
  ],
  ['copy', /reformat|cast|copy|noop|identity|signal|wait|memcpy|move|train/i],
  ['fused', /kgen|myelin|foreign|fusion/i],
  [
    'pointwise',
    /pointwise|elementwise|activation|unary|relu|sigmoid|tanh|gelu|erf|^(add|sub|mul|div|pow|sqrt|exp|log|abs|neg|max|min|where|clip|equal|less|greater|not|and|or|xor|floor|ceil|round|sign|sin|cos|elu|selu|softplus|hardswish|select|scale|mod|isnan|isinf|reciprocal|rsqrt)/i,
  ],
];

/** What a layer type or an operator does. */
export function categoryOf(type: string, name = ''): Category {
  for (const [category, words] of categories) if (words.test(type)) return category;
  return /ForeignNode|^__my/.test(name) ? 'fused' : 'other';
}

/** A tensor where it is drawn: its type and shape. */
function tensorText(tensor: {
  name: string;
  dtype: string | undefined;
  shape: readonly (number | string)[] | undefined;
}): string {
  const words = [tensor.name, shortType(tensor.dtype), shapeText(tensor.shape)];
  return words.filter((word) => word !== '').join('  ');
}

/** Puts nodes and edges together: tensors by name, several between the same two nodes are one edge. */
class Builder {
  readonly nodes: GraphNode[] = [];
  readonly #edges = new Map<string, { from: number; to: number; tensors: string[] }>();
  /** Who has written a tensor last. */
  readonly #writers = new Map<string, number>();

  add(node: Omit<GraphNode, 'id'>): number {
    const id = this.nodes.length;
    this.nodes.push({ id, ...node });
    return id;
  }

  write(id: number, tensor: string): void {
    if (tensor !== '') this.#writers.set(tensor, id);
  }

  /** @returns Whether somebody has written it */
  read(id: number, tensor: string): boolean {
    const from = this.#writers.get(tensor);
    if (from === undefined) return false;
    // A layer that reads what it writes is part of a loop; an arrow to itself tells nothing more.
    if (from === id) return true;
    const key = `${from}>${id}`;
    const edge = this.#edges.get(key);
    if (edge === undefined) this.#edges.set(key, { from, to: id, tensors: [tensor] });
    else if (!edge.tensors.includes(tensor)) edge.tensors.push(tensor);
    return true;
  }

  get edges(): GraphEdge[] {
    return [...this.#edges.values()];
  }
}

function ioNode(
  mode: 'Input' | 'Output',
  tensor: OnnxTensor | PlanEngineInfo['tensors'][number],
): Omit<GraphNode, 'id'> {
  return {
    title: mode,
    name: tensor.name,
    shape: shapeText(tensor.shape),
    category: 'io',
    precision: tensor.dtype,
    details: [['Tensor', tensorText(tensor)]],
  };
}

/** The layers of one profile of an engine that was inspected with its layers. */
export function planGraph(engine: PlanEngineInfo, profile: number, title: string): Graph {
  const layers = (engine.layers ?? []).filter((layer) => layer.profile === profile);
  const builder = new Builder();
  const detailed = layers.some((layer) => layer.detailed);
  if (detailed) {
    for (const tensor of engine.inputs) {
      builder.write(builder.add(ioNode('Input', tensor)), tensor.name);
    }
  }
  const ids = layers.map((layer) => {
    const details: (readonly [string, string])[] = [
      ['Layer', String(layer.index)],
      ...layer.inputs.map((tensor) => ['Input', tensorText(tensor)] as const),
      ...layer.outputs.map((tensor) => ['Output', tensorText(tensor)] as const),
    ];
    const formats = [...new Set(layer.outputs.map((tensor) => tensor.format))];
    for (const format of formats) if (format !== undefined) details.push(['Format', format]);
    if (layer.tacticName !== undefined) details.push(['Tactic', layer.tacticName]);
    if (layer.tacticValue !== undefined) details.push(['Tactic value', layer.tacticValue]);
    if (layer.streamId !== undefined) details.push(['Stream', String(layer.streamId)]);
    for (const node of layer.onnxNodes) details.push(['ONNX node', node]);
    for (const [key, value] of Object.entries(layer.attributes)) {
      details.push([key, attributeText(value)]);
    }
    return builder.add({
      title: layer.type ?? 'Layer',
      name: layer.name,
      shape: shapeText(layer.outputs[0]?.shape),
      category: categoryOf(layer.type ?? '', layer.name),
      precision: layer.precision,
      details,
    });
  });
  // Names are used again, in loops and for scratch memory: who reads, reads what was written last before it.
  const early: (readonly [number, string])[] = [];
  for (const [position, layer] of layers.entries()) {
    const id = ids[position] ?? 0;
    for (const { name } of layer.inputs) {
      const tensor = withoutProfile(name);
      if (!builder.read(id, tensor)) early.push([id, tensor]);
    }
    for (const { name } of layer.outputs) builder.write(id, withoutProfile(name));
  }
  // Written later only: what goes round in a loop.
  for (const [id, tensor] of early) builder.read(id, tensor);
  if (detailed) {
    for (const tensor of engine.outputs) {
      builder.read(builder.add(ioNode('Output', tensor)), tensor.name);
    }
  }
  const profiles = engine.numOptimizationProfiles;
  return {
    title,
    subtitle: `${layers.length} layers${profiles > 1 ? ` of profile ${profile}` : ''}`,
    nodes: builder.nodes,
    edges: builder.edges,
    note: detailed
      ? undefined
      : 'What connects the layers is unknown: the plan was built without their details. Build it with --profilingVerbosity=detailed.',
  };
}

/** The main graph of a model that was inspected with its nodes. Constants and weights are told at the nodes that read them. */
export function onnxGraph(model: OnnxInfo, title: string): Graph {
  const builder = new Builder();
  const tensors = new Map<string, OnnxTensor>();
  const all = [model.values ?? [], model.initializers, model.outputs, model.inputs];
  for (const list of all) for (const tensor of list) tensors.set(tensor.name, tensor);
  const word = (name: string): string => tensorText(tensors.get(name) ?? unknownTensor(name));
  for (const tensor of model.inputs) {
    builder.write(builder.add(ioNode('Input', tensor)), tensor.name);
  }
  const weights = new Set(model.initializers.map((tensor) => tensor.name));
  // What is computed from weights alone is as constant as they are, and would hide the graph behind its like.
  const constants = new Map<string, string>();
  const drawn = (model.nodes ?? []).filter((node) => {
    const fixed = node.inputs.every(
      (name) => name === '' || constants.has(name) || weights.has(name),
    );
    if (
      !fixed ||
      node.subgraphInputs.length > 0 ||
      /Random|Bernoulli|Multinomial/.test(node.operator)
    ) {
      return true;
    }
    const value = Object.values(node.attributes).map(attributeText).join(' ');
    const from = node.inputs.filter((name) => name !== '').join(', ');
    const words = node.operator === 'Constant' ? value : `${node.operator}(${from}) ${value}`;
    for (const output of node.outputs) constants.set(output, words.trim());
    return false;
  });
  const ids = drawn.map((node) => {
    const details: (readonly [string, string])[] = [];
    for (const name of node.inputs) {
      if (name === '') continue;
      const constant = constants.get(name);
      if (constant !== undefined) details.push(['Constant', `${name} = ${middle(constant, 200)}`]);
      else details.push([weights.has(name) ? 'Weights' : 'Input', word(name)]);
    }
    for (const name of node.subgraphInputs) {
      if (tensors.has(name)) details.push(['Sub-graph reads', word(name)]);
    }
    for (const name of node.outputs) if (name !== '') details.push(['Output', word(name)]);
    for (const [key, value] of Object.entries(node.attributes)) {
      details.push([key, attributeText(value)]);
    }
    const output = tensors.get(node.outputs[0] ?? '');
    return builder.add({
      title: node.operator,
      name: node.name,
      shape: shapeText(output?.shape),
      category: categoryOf(node.operator.replace(/^.*::/, '')),
      precision: output?.dtype,
      details,
    });
  });
  for (const [position, node] of drawn.entries()) {
    for (const output of node.outputs) builder.write(ids[position] ?? 0, output);
  }
  for (const [position, node] of drawn.entries()) {
    for (const name of [...node.inputs, ...node.subgraphInputs]) {
      builder.read(ids[position] ?? 0, name);
    }
  }
  for (const tensor of model.outputs) {
    builder.read(builder.add(ioNode('Output', tensor)), tensor.name);
  }
  const folded = model.numNodes - drawn.length;
  return {
    title,
    subtitle: `${model.numNodes} nodes${folded > 0 ? `, ${folded} constant ones not drawn` : ''}, opset ${model.opset}`,
    nodes: builder.nodes,
    edges: builder.edges,
    note: undefined,
  };
}

function unknownTensor(name: string): OnnxTensor {
  return { name, dtype: undefined, shape: undefined };
}
