// What inspect() found, as text in polygraphy's form.

import type { TensorInfo } from '../runtime/engine-info.js';
import type { LayerInfo, PlanEngineInfo, PlanInfo } from './inspect.js';
import type { OnnxInfo } from './onnx.js';

type Extents = readonly (number | string)[];

/** As Python prints a tuple: (), (2,), (1, 'batch'). */
function tuple(shape: Extents): string {
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

function indent(text: string, depth: number): string {
  const margin = '    '.repeat(depth);
  return text
    .split('\n')
    .map((line) => (line === '' ? line : margin + line))
    .join('\n');
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

function layerText(layer: LayerInfo, index: number): string {
  const number = String(index).padEnd(4);
  if (typeof layer === 'string') return `Layer ${number} | ${layer}`;
  const name = typeof layer.Name === 'string' ? layer.Name : '';
  const type = typeof layer.LayerType === 'string' ? ` [Op: ${layer.LayerType}]` : '';
  return `Layer ${number} | ${name}${type}\n    ${layerTensors(layer.Inputs)}\n     -> ${layerTensors(layer.Outputs)}`;
}

function layerTensors(tensors: unknown): string {
  if (!Array.isArray(tensors)) return '{}';
  const words = tensors.map((tensor: { Name?: unknown; Dimensions?: unknown }) => {
    const shape = Array.isArray(tensor.Dimensions) ? (tensor.Dimensions as number[]) : undefined;
    const name = typeof tensor.Name === 'string' ? tensor.Name : '';
    return tensorText({ name, dtype: undefined, shape });
  });
  return `{${words.join(', ')}}`;
}

/** A plan as `polygraphy inspect model` shows it. */
export function engineText(engine: PlanEngineInfo): string {
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
  const width = Math.max(...engine.tensors.map((tensor) => tensor.name.length)) + 8;
  for (let profile = 0; profile < profiles; profile++) {
    lines.push(`- Profile: ${profile}`);
    engine.tensors.forEach((tensor, index) => {
      lines.push(indent(profileLine(tensor, index, profile, width), 1));
    });
    lines.push('');
  }
  const perProfile = profiles > 1 ? ' Per Profile' : '';
  lines.push(`---- ${Math.floor(engine.numLayers / profiles)} Layer(s)${perProfile} ----`);
  for (const [index, layer] of (engine.layers ?? []).entries()) {
    lines.push(layerText(layer, index), '');
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

/** An ONNX file as `polygraphy inspect model` shows it, then operators and weights. */
export function onnxText(model: OnnxInfo): string {
  const operators = Object.entries(model.operators).map(([name, count]) => `${name}: ${count}`);
  const weights = [`${model.weightsBytes} bytes`];
  for (const file of model.externalData) weights.push(`in part in the file ${file}`);
  const producer = `${model.producer} ${model.producerVersion}`.trim();
  const lines = [
    `Name: ${model.name} | ONNX Opset: ${model.opset} | IR Version: ${model.irVersion}${producer === '' ? '' : ` | Producer: ${producer}`}`,
    '',
    `---- ${model.inputs.length} Graph Input(s) ----`,
    tensorList(model.inputs),
    '',
    `---- ${model.outputs.length} Graph Output(s) ----`,
    tensorList(model.outputs),
    '',
    `---- ${model.initializers.length} Initializer(s) ----`,
    ...weights,
    '',
    `---- ${model.numNodes} Node(s) ----`,
    ...operators,
  ];
  return `==== ONNX Model ====\n${indent(lines.join('\n'), 1)}\n`;
}
