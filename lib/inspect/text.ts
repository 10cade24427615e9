// What inspect() found, as text in polygraphy's form.

import type { TensorInfo } from '../runtime/engine-info.js';
import type { PlanEngineInfo, PlanInfo } from './inspect.js';
import { middle } from './layer-table.js';
import type { LayerInfo, LayerTensor } from './layers.js';
import type { OnnxInfo, OnnxNode } from './onnx-types.js';

/** What polygraphy's `--show` adds. */
export interface Show {
  /** List layers, or nodes. */
  readonly layers?: boolean;
  /** With their attributes. */
  readonly attrs?: boolean;
  /** List weights. */
  readonly weights?: boolean;
}

type Extents = readonly (number | string)[];

/** As Python prints a tuple: (), (2,), (1, 'batch'). */
export function tuple(shape: Extents): string {
  const words = shape.map((extent) => (typeof extent === 'string' ? `'${extent}'` : `${extent}`));
  return words.length === 1 ? `(${words[0] ?? ''},)` : `(${words.join(', ')})`;
}

function tensorText(tensor: {
  name: string;
  dtype: string | undefined;
  shape: Extents | undefined;
}): string {
  const facts: string[] = [];
  if (tensor.dtype !== undefined) facts.push(`dtype=${tensor.dtype}`);
  if (tensor.shape !== undefined) facts.push(`shape=${tuple(tensor.shape)}`);
  return facts.length === 0 ? tensor.name : `${tensor.name} [${facts.join(', ')}]`;
}

function tensorList(tensors: readonly Parameters<typeof tensorText>[0][]): string {
  return `{${tensors.map(tensorText).join(',\n ')}}`;
}

/** Also takes out what would be commands for the terminal: a name in a file may hold anything. */
function indent(text: string, depth: number): string {
  const margin = '    '.repeat(depth);
  return (
    text
      // eslint-disable-next-line no-control-regex -- see above
      .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, ' ')
      .split('\n')
      .map((line) => (line === '' ? line : margin + line))
      .join('\n')
  );
}

function profileLine(tensor: TensorInfo, index: number, profile: number, width: number): string {
  const mode = tensor.mode === 'input' ? ' (Input)' : '(Output)';
  const start = `Tensor: ${tensor.name.padEnd(width)} ${mode}, Index: ${index}`;
  if (tensor.mode === 'output') return `${start} | Shape: ${tuple(tensor.shape)}`;
  const shape = tensor.profiles[profile];
  const [min, opt, max] = shape
    ? [shape.min, shape.opt, shape.max]
    : [tensor.shape, tensor.shape, tensor.shape];
  const values =
    shape?.minValues === undefined
      ? ''
      : ` | Values: min=${tuple(shape.minValues)}, opt=${tuple(shape.optValues ?? [])}, max=${tuple(shape.maxValues ?? [])}`;
  return `${start} | Shapes: min=${tuple(min)}, opt=${tuple(opt)}, max=${tuple(max)}${values}`;
}

/** A value of an attribute on one line. */
export function attributeText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function attributeLines(attributes: Readonly<Record<string, unknown>>): string[] {
  const rows = Object.entries(attributes).map(([key, value]) => `${key} = ${attributeText(value)}`);
  return rows.length === 0 ? [] : ['    ---- Attributes ----', ...rows.map((row) => `    ${row}`)];
}

function layerText(layer: LayerInfo, show: Show): string {
  const type = layer.type === undefined ? '' : ` [Op: ${layer.type}]`;
  const lines = [`Layer ${String(layer.index).padEnd(4)} | ${layer.name}${type}`];
  if (layer.detailed) {
    lines.push(`    ${layerTensors(layer.inputs)}`, `     -> ${layerTensors(layer.outputs)}`);
  }
  if (show.attrs === true) {
    const { tacticName, tacticValue, streamId, onnxNodes } = layer;
    const own = { tacticName, tacticValue, streamId, onnxNodes: onnxNodes.join(', ') };
    const known = Object.entries(own).filter(([, value]) => value !== undefined && value !== '');
    lines.push(...attributeLines({ ...Object.fromEntries(known), ...layer.attributes }));
  }
  return lines.join('\n');
}

function layerTensors(tensors: readonly LayerTensor[]): string {
  return `{${tensors.map(tensorText).join(', ')}}`;
}

function nodeText(node: OnnxNode, index: number, show: Show): string {
  const list = (names: readonly string[]): string => `{${names.join(', ')}}`;
  const lines = [
    `Node ${String(index).padEnd(4)} | ${node.name === '' ? '' : `${node.name} `}[Op: ${node.operator}]`,
    `    ${list(node.inputs)}`,
    `     -> ${list(node.outputs)}`,
  ];
  if (show.attrs === true) lines.push(...attributeLines(node.attributes));
  return lines.join('\n');
}

/** A plan as `polygraphy inspect model` shows it. */
export function engineText(engine: PlanEngineInfo, show: Show = {}): string {
  const profiles = Math.max(1, engine.numOptimizationProfiles);
  const lines = [
    `Name: ${engine.name} | ${engine.refittable ? 'Refittable ' : ''}Explicit Batch Engine`,
    '',
    `---- ${engine.inputs.length} Engine Input(s) ----`,
    tensorList(engine.inputs),
    '',
    `---- ${engine.outputs.length} Engine Output(s) ----`,
    tensorList(engine.outputs),
    '',
    '---- Memory ----',
    `Device Memory: ${engine.deviceMemoryBytes} bytes`,
    '',
    `---- ${profiles} Profile(s) (${engine.tensors.length} Tensor(s) Each) ----`,
  ];
  const width = Math.max(0, ...engine.tensors.map((tensor) => tensor.name.length)) + 8;
  for (let profile = 0; profile < profiles; profile++) {
    lines.push(`- Profile: ${profile}`);
    engine.tensors.forEach((tensor, index) => {
      lines.push(indent(profileLine(tensor, index, profile, width), 1));
    });
    lines.push('');
  }
  const perProfile = profiles > 1 ? ' Per Profile' : '';
  lines.push(`---- ${Math.floor(engine.numLayers / profiles)} Layer(s)${perProfile} ----`);
  if (show.layers === true) {
    for (let profile = 0; profile < profiles; profile++) {
      if (profiles > 1) lines.push(`- Profile: ${profile}`);
      for (const layer of engine.layers ?? []) {
        if (layer.profile === profile) lines.push(layerText(layer, show), '');
      }
    }
  }
  return `==== TensorRT Engine ====\n${indent(lines.join('\n').trimEnd(), 1)}\n`;
}

/** The plan's header and who deserialized it, one line each. */
export function headerText(plan: PlanInfo): string {
  const { runtime, version, computeCapability, bytes } = plan.header;
  const maker = runtime === 'reference' ? 'the CPU reference runtime' : 'TensorRT';
  const capability =
    computeCapability === undefined
      ? ''
      : `, for compute capability ${computeCapability[0]}.${computeCapability[1]}`;
  const lines = [
    `Plan: ${bytes} bytes, built by ${maker}${version ? ` ${version}` : ''}${capability}`,
  ];
  if (plan.engine !== undefined) {
    const reader = plan.runtime === 'reference' ? 'the CPU reference runtime' : 'TensorRT';
    lines.push(`Inspected by: ${reader} ${plan.runtimeVersion ?? ''}`.trimEnd());
  }
  return lines.join('\n');
}

/** Bytes for people. */
export function bytesText(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  const units = ['KB', 'MB', 'GB', 'TB', 'PB'];
  let [value, unit] = [bytes / 1000, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${bytes} bytes (${value.toFixed(value < 100 ? 1 : 0)} ${units[unit] ?? ''})`;
}

function opsetText({ opset, opsets }: OnnxInfo): string {
  const others = Object.entries(opsets).filter(([domain]) => domain !== '');
  return [`${opset}`, ...others.map(([domain, version]) => `${domain} ${version}`)].join(', ');
}

function weightLines(model: OnnxInfo): string[] {
  const lines = [bytesText(model.weightsBytes)];
  for (const { dtype, tensors, bytes } of model.weights) {
    lines.push(`    ${dtype}: ${tensors} tensor(s), ${bytesText(bytes)}`);
  }
  for (const file of model.externalData) lines.push(`in part in the file ${file}`);
  if (model.externalData.length > 0) {
    lines.push(`${bytesText(model.externalDataBytes)} of it in such files`);
  }
  return lines;
}

/** How many of the biggest weights are listed. */
const biggest = 20;

function weightList(model: OnnxInfo): string[] {
  const list = [...model.initializers].sort((a, b) => b.bytes - a.bytes);
  const lines = list
    .slice(0, biggest)
    .map(
      (weight) =>
        `${tensorText(weight)} ${bytesText(weight.bytes)}${weight.externalFile === undefined ? '' : ` in ${weight.externalFile}`}`,
    );
  if (list.length > biggest) lines.push(`… and ${list.length - biggest} smaller ones`);
  return ['', `---- Biggest Weights ----`, ...lines];
}

/** An ONNX file as `polygraphy inspect model` shows it, then operators and weights. */
export function onnxText(model: OnnxInfo, show: Show = {}): string {
  const producer = `${model.producer} ${model.producerVersion}`.trim();
  const lines = [
    `Name: ${model.name} | ONNX Opset: ${opsetText(model)} | IR Version: ${model.irVersion}${producer === '' ? '' : ` | Producer: ${producer}`}`,
  ];
  if (model.domain !== '' || model.modelVersion !== 0) {
    lines.push(`Domain: ${model.domain} | Model Version: ${model.modelVersion}`);
  }
  lines.push(
    '',
    `---- ${model.inputs.length} Graph Input(s) ----`,
    tensorList(model.inputs),
    '',
    `---- ${model.outputs.length} Graph Output(s) ----`,
    tensorList(model.outputs),
    '',
    `---- ${model.initializers.length} Initializer(s) ----`,
    ...weightLines(model),
  );
  if (show.weights === true) lines.push(...weightList(model));
  lines.push('', `---- ${model.numNodes} Node(s) ----`);
  lines.push(...Object.entries(model.operators).map(([name, count]) => `${name}: ${count}`));
  if (model.subgraphs.length > 0) {
    lines.push('', `---- ${model.subgraphs.length} Sub-graph(s) ----`);
    for (const { node, attribute, name, depth, numNodes } of model.subgraphs) {
      lines.push(`${'    '.repeat(depth - 1)}${node}, ${attribute}: ${name} (${numNodes} nodes)`);
    }
  }
  if (model.functions.length > 0) {
    lines.push('', `---- ${model.functions.length} Function(s) ----`);
    for (const { name, inputs, outputs, numNodes } of model.functions) {
      lines.push(`${name}(${inputs.join(', ')}) -> ${outputs.join(', ')} (${numNodes} nodes)`);
    }
  }
  const metadata = Object.entries(model.metadata);
  if (metadata.length > 0) {
    lines.push(
      '',
      '---- Metadata ----',
      ...metadata.map(([key, value]) => `${key}: ${middle(value, 400)}`),
    );
  }
  if (show.layers === true && model.nodes !== undefined) {
    lines.push('', '---- Nodes ----');
    for (const [index, node] of model.nodes.entries()) lines.push(nodeText(node, index, show), '');
  }
  return `==== ONNX Model ====\n${indent(lines.join('\n').trimEnd(), 1)}\n`;
}
