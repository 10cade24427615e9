// checkModel(): what of an ONNX model TensorRT can build; and the same in the errors of build().

import { BuildError } from '../errors.js';
import { type LogOptions, logOptionNames, nativeLogOptions } from '../log.js';
import type { ModelError, ModelSubgraph, UnsupportedOperator } from '../model-report.js';
import type { NativeModelError, NativeSubgraph } from '../native.js';
import { planBytes } from '../plan.js';
import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import { readBytes } from '../read-bytes.js';
import { versionText } from '../runtime/runtime.js';
import { checkInteger, checkOptions } from '../validate.js';
import { type ModelNodes, boundary, readModelNodes, refusePlan } from './model-nodes.js';
import { partition } from './partition.js';

/** Options of {@link checkModel}. */
export interface CheckModelOptions extends PlatformOptions, LogOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
}

/** What of a model can be built, as {@link checkModel} tells it. */
export interface ModelCapability {
  /** Who was asked. */
  readonly runtime: 'tensorrt' | 'reference';
  /** Its version. */
  readonly version: string;
  /** Whether the whole model can be built, as far as its parser can tell. */
  readonly supported: boolean;
  /** How many nodes the model's graph has. */
  readonly numNodes: number;
  /** Operators that cannot be built, most used first. */
  readonly unsupported: readonly UnsupportedOperator[];
  /** The parts of the model. */
  readonly subgraphs: readonly ModelSubgraph[];
  /** All that the parser says against the model. */
  readonly errors: readonly ModelError[];
}

/**
 * Asks TensorRT's ONNX parser which operators and sub-graphs of a model it supports, without building anything.
 *
 * @param onnx - The model: a path, or its bytes.
 * @returns Rejects with {@link BuildError} ERR_TRT_PARSE for what is no ONNX model, {@link FileError} ERR_TRT_FILE,
 *   {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, {@link UnsupportedError} ERR_TRT_UNSUPPORTED (a TensorRT without a builder),
 *   {@link LoadError} as {@link Session.load}.
 */
export async function checkModel(
  onnx: string | Uint8Array | ArrayBuffer,
  options: CheckModelOptions = {},
): Promise<ModelCapability> {
  checkOptions(options, [...platformOptionNames, ...logOptionNames, 'device'], 'checkModel');
  const device = checkInteger(options.device ?? 0, 'device', 0);
  const path = typeof onnx === 'string' ? onnx : '';
  const model = typeof onnx === 'string' ? await readBytes(onnx) : planBytes(onnx, 'checkModel');
  refusePlan(model, 'checkModel');
  const { platform } = openPlatformWithDevice(options, device);
  const log = nativeLogOptions(options);
  const found = await platform.checkModel(model, path, { device, ...log });
  const nodes = tryReadModelNodes(model);
  return {
    runtime: platform.kind,
    version: versionText(platform.version),
    supported: found.supported,
    numNodes: nodes?.nodes.length ?? 0,
    ...report(nodes, found.modelErrors, found.subgraphs),
  };
}

/** TensorRT says better what is wrong with a model that cannot be read. */
function tryReadModelNodes(model: Uint8Array): ModelNodes | undefined {
  try {
    return readModelNodes(model);
  } catch {
    return undefined;
  }
}

interface Report {
  errors: ModelError[];
  subgraphs: ModelSubgraph[];
  unsupported: UnsupportedOperator[];
}

function report(
  model: ModelNodes | undefined,
  nativeErrors: readonly NativeModelError[],
  nativeSubgraphs: readonly NativeSubgraph[],
): Report {
  const errors = nativeErrors.map((error): ModelError => {
    // A node of a local function or a branch has an index of its own graph: name and operator tell.
    const node = model?.nodes[error.node];
    if (node?.operator !== error.nodeOperator || error.localFunctions.length > 0) return error;
    return { ...error, domain: node.domain, opset: model?.opsets.get(node.domain) };
  });
  const parts =
    model === undefined
      ? nativeSubgraphs
      : partition(model, faultyNodes(model, errors, nativeSubgraphs));
  const subgraphs = parts.map(({ supported, nodes }) => ({
    supported,
    nodes,
    ...(model === undefined ? { inputs: [], outputs: [] } : boundary(model, nodes)),
  }));
  return { errors, subgraphs, unsupported: unsupportedOperators(model, errors, subgraphs) };
}

/** The nodes that the parser blames or leaves out; of a part that it does not support without blaming any, all. */
function faultyNodes(
  model: ModelNodes,
  errors: readonly ModelError[],
  subgraphs: readonly NativeSubgraph[],
): Set<number> {
  const blamed = errors.filter(({ domain }) => domain !== undefined).map(({ node }) => node);
  const faulty = new Set(blamed);
  if (subgraphs.length === 0) return faulty;
  const listed = new Set(subgraphs.flatMap(({ nodes }) => nodes));
  model.nodes.forEach((_, index) => {
    if (!listed.has(index)) faulty.add(index);
  });
  for (const { supported, nodes } of subgraphs) {
    if (!supported && !nodes.some((index) => faulty.has(index))) {
      for (const index of nodes) faulty.add(index);
    }
  }
  return faulty;
}

/** From the errors, and from the nodes that no sub-graph that would work has. */
function unsupportedOperators(
  model: ModelNodes | undefined,
  errors: readonly ModelError[],
  subgraphs: readonly ModelSubgraph[],
): UnsupportedOperator[] {
  const found = new Map<string, { row: UnsupportedOperator; nodes: Map<number, string> }>();
  const add = (
    domain: string,
    operator: string,
    index: number,
    name: string,
    reason = '',
  ): void => {
    const key = `${domain}\n${operator}`;
    const entry = found.get(key) ?? {
      row: { operator, domain, reason, nodes: [] },
      nodes: new Map<number, string>(),
    };
    if (index < 0 || !entry.nodes.has(index)) entry.nodes.set(index, name);
    found.set(key, entry);
  };
  for (const error of errors) {
    if (!error.code.includes('UNSUPPORTED') || error.nodeOperator === '') continue;
    const index = error.domain === undefined ? -1 : error.node;
    add(error.domain ?? '', error.nodeOperator, index, error.nodeName, error.description);
  }
  const blame = new Map(
    errors.filter(({ domain }) => domain !== undefined).map((e) => [e.node, e]),
  );
  for (const index of subgraphs.flatMap(({ supported, nodes }) => (supported ? [] : nodes))) {
    const node = model?.nodes[index];
    if (node !== undefined) {
      add(node.domain, node.operator, index, node.name, blame.get(index)?.description);
    }
  }
  return [...found.values()]
    .map(({ row, nodes }) => ({
      ...row,
      nodes: [...nodes].map(([index, name]) => ({ index, name })),
    }))
    .sort((a, b) => b.nodes.length - a.nodes.length || (a.operator < b.operator ? -1 : 1));
}

/** "com.example::Strange" */
export function operatorText({ domain, operator }: { domain: string; operator: string }): string {
  return domain === '' ? operator : `${domain}::${operator}`;
}

/** The error of a model that was refused, with what only the model itself tells: domains, opsets, and what lies around. @internal */
export function explainParseError(error: BuildError, model: Uint8Array): BuildError {
  if (error.code !== 'ERR_TRT_PARSE' || error.modelErrors.length === 0) return error;
  const nodes = tryReadModelNodes(model);
  const { errors, subgraphs, unsupported } = report(nodes, error.modelErrors, error.subgraphs);
  const list = unsupported
    .map((entry) => `${operatorText(entry)} (${count(entry.nodes.length, 'node')})`)
    .join(', ');
  const working = subgraphs.filter((subgraph) => subgraph.supported);
  const hints = [error.hint];
  if (unsupported.length > 0 && working.length > 0) {
    const total = working.reduce((sum, { nodes: indices }) => sum + indices.length, 0);
    hints.push(
      `${count(total, 'node')} of ${nodes?.nodes.length ?? 0} would work, in ${count(working.length, 'sub-graph')}: trt-node inspect MODEL --capability lists them.`,
    );
  }
  const { log, call } = error;
  return new BuildError(
    'ERR_TRT_PARSE',
    list === '' ? error.reason : `${error.reason}; unsupported operators: ${list}`,
    hints.join(' '),
    { log, call, modelErrors: errors, subgraphs, unsupported },
  );
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** A capability for people, as polygraphy's `inspect capability` shows it. */
export function capabilityText(name: string, capability: ModelCapability): string {
  const { unsupported, subgraphs, errors, numNodes } = capability;
  const who = capability.runtime === 'reference' ? 'The CPU reference runtime' : 'TensorRT';
  const lines = [
    `${name}: ${who} ${capability.version} can build ${capability.supported ? 'all' : 'not all'} of its ${count(numNodes, 'node')}`,
  ];
  if (unsupported.length > 0) {
    lines.push('', 'Unsupported operators:');
    for (const entry of unsupported) {
      const nodes = entry.nodes
        .slice(0, 8)
        .map(({ index, name: node }) => (index < 0 ? `'${node}'` : `${index} '${node}'`));
      if (entry.nodes.length > 8) nodes.push(`… ${entry.nodes.length - 8} more`);
      lines.push(
        `  ${operatorText(entry)}  ${count(entry.nodes.length, 'node')}: ${nodes.join(', ')}`,
      );
      if (entry.reason !== '') lines.push(`    ${entry.reason}`);
    }
  }
  const others = errors.filter((error) => !error.code.includes('UNSUPPORTED'));
  if (others.length > 0) {
    lines.push('', 'Errors:');
    for (const { node, nodeName, nodeOperator, description, code } of others) {
      const where = node < 0 ? 'model' : `node ${node} '${nodeName}' (${nodeOperator})`;
      lines.push(`  ${where}: ${description} (${code})`);
    }
  }
  if (subgraphs.length > 0) {
    lines.push('', 'Sub-graphs:');
    subgraphs.forEach((subgraph, index) => {
      const words = subgraph.supported ? 'would work' : 'unsupported';
      lines.push(
        `  ${index}: ${words}, ${count(subgraph.nodes.length, 'node')} (${ranges(subgraph.nodes)}): ${subgraph.inputs.join(', ')} → ${subgraph.outputs.join(', ')}`,
      );
    });
  }
  return lines.join('\n');
}

/** "0-3, 7" */
function ranges(indices: readonly number[]): string {
  const parts: string[] = [];
  const sorted = [...indices].sort((a, b) => a - b);
  for (let from = 0; from < sorted.length;) {
    let to = from;
    while (to + 1 < sorted.length && sorted[to + 1] === (sorted[to] ?? 0) + 1) to++;
    parts.push(from === to ? String(sorted[from]) : `${sorted[from]}-${sorted[to]}`);
    from = to + 1;
  }
  return parts.join(', ');
}
