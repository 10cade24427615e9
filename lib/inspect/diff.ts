// diff(): two plans, or two ONNX models, against each other.

import { isDeepStrictEqual } from 'node:util';
import { invalidArgument } from '../errors.js';
import { logOptionNames } from '../log.js';
import { platformOptionNames } from '../platform.js';
import type { TensorInfo } from '../runtime/engine-info.js';
import { checkOptions } from '../validate.js';
import type { Change, CountDiff, LayerDiff, LoneLayer, OnnxDiff, PlanDiff } from './diff-types.js';
import { type InspectOptions, type PlanInfo, inspect } from './inspect.js';
import {
  type Counts,
  type LayerInfo,
  type LayerTensor,
  countBy,
  withoutProfile,
} from './layers.js';
import { type Matchable, matchLayers } from './match.js';
import type { OnnxInfo, OnnxNode, OnnxTensor } from './onnx-types.js';

/** How {@link diff} looks at the files: as {@link inspect}, always with layers. */
export type DiffOptions = Omit<InspectOptions, 'layers'>;

/** A layer, or a node, as it is compared. */
interface Comparable extends Matchable {
  readonly profile: number;
  readonly precision: string | undefined;
  /** What is compared, by name. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The properties that differ. */
function changes<T extends object>(a: T, b: T, names: readonly (keyof T & string)[]): Change[] {
  return names.flatMap((what) =>
    isDeepStrictEqual(a[what], b[what]) ? [] : [{ what, a: a[what], b: b[what] }],
  );
}

/** Things that have names: those that only one has, and the properties of the others that differ. */
function namedChanges<T extends { readonly name: string }>(
  a: readonly T[],
  b: readonly T[],
  facts: (item: T) => Readonly<Record<string, unknown>>,
): Change[] {
  const inA = new Map(a.map((item) => [item.name, facts(item)]));
  const inB = new Map(b.map((item) => [item.name, facts(item)]));
  return [...new Set([...inA.keys(), ...inB.keys()])].flatMap((name) => {
    const [one, other] = [inA.get(name), inB.get(name)];
    if (one === undefined || other === undefined) return [{ what: name, a: one, b: other }];
    const properties = [...new Set([...Object.keys(one), ...Object.keys(other)])];
    return changes(one, other, properties).map((change) => ({
      ...change,
      what: `${name} ${change.what}`,
    }));
  });
}

function countChanges(a: Counts, b: Counts): CountDiff[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names
    .map((name) => ({ name, a: a[name] ?? 0, b: b[name] ?? 0 }))
    .filter((count) => count.a !== count.b);
}

function lone({ profile, name, type, precision }: Comparable): LoneLayer {
  return { profile, name, type, precision };
}

function layerChanges(
  a: readonly Comparable[],
  b: readonly Comparable[],
  detailed: boolean,
): LayerDiff {
  const result = { unchanged: 0, changed: [] as LayerDiff['changed'][number][] };
  const [removed, added]: [LoneLayer[], LoneLayer[]] = [[], []];
  const profiles = [...new Set([...a, ...b].map((layer) => layer.profile))].sort((x, y) => x - y);
  for (const profile of profiles) {
    const [listA, listB] = [a, b].map((list) => list.filter((layer) => layer.profile === profile));
    if (listA === undefined || listB === undefined) continue;
    const matches = matchLayers(listA, listB);
    for (const match of matches) {
      const [one, other] = [listA[match.a], listB[match.b]];
      if (one === undefined || other === undefined) continue;
      const facts = { name: one.name, ...one.facts };
      const differing = changes(
        facts,
        { name: other.name, ...other.facts },
        Object.keys(facts) as 'name'[],
      );
      if (differing.length === 0) result.unchanged++;
      else {
        const names = { a: one.name, b: other.name };
        result.changed.push({ profile, ...names, matchedBy: match.by, changes: differing });
      }
    }
    const [matchedA, matchedB] = [
      new Set(matches.map((match) => match.a)),
      new Set(matches.map((match) => match.b)),
    ];
    removed.push(...listA.filter((_, position) => !matchedA.has(position)).map(lone));
    added.push(...listB.filter((_, position) => !matchedB.has(position)).map(lone));
  }
  return { a: a.length, b: b.length, detailed, ...result, removed, added };
}

/** Types and shapes. Names within an engine differ from build to build, and tell nothing. */
function tensorFacts(tensors: readonly LayerTensor[]): unknown {
  return tensors.map(({ dtype, shape, format }) => ({ dtype, shape, format }));
}

function comparableLayer(layer: LayerInfo, detailed: boolean): Comparable {
  const { profile, type, precision, onnxNodes, inputs, outputs, tacticName, tacticValue } = layer;
  const tactic = tacticName ?? tacticValue;
  const facts = {
    type,
    precision,
    tactic,
    inputs: tensorFacts(inputs),
    outputs: tensorFacts(outputs),
    attributes: layer.attributes,
  };
  const name = withoutProfile(layer.name);
  // A plan without details differs in everything from one with them, which tells nothing.
  if (!detailed) {
    return { name, profile, type: undefined, precision: undefined, onnxNodes: [], facts: {} };
  }
  return { name, profile, type, precision, onnxNodes, facts };
}

function profileFacts(tensor: TensorInfo): Record<string, unknown> {
  return Object.fromEntries(tensor.profiles.map((shape, index) => [`profile ${index}`, shape]));
}

const noLayers: LayerDiff = {
  a: 0,
  b: 0,
  detailed: false,
  unchanged: 0,
  changed: [],
  removed: [],
  added: [],
};

/**
 * What differs between two plans that were inspected, with layers if those shall be compared. Layers are matched by name, then by the ONNX nodes
 * that they came from, then by order, as fused names differ from build to build; the latter two need plans with detailed verbosity.
 * Where one could not be deserialized only the headers are compared, and the plans are not the same.
 */
export function diffPlans(a: PlanInfo, b: PlanInfo): PlanDiff {
  const header = changes(a.header, b.header, ['runtime', 'version', 'computeCapability', 'bytes']);
  if (a.engine === undefined || b.engine === undefined) {
    const [tensors, types, precisions]: [Change[], CountDiff[], CountDiff[]] = [[], [], []];
    const empty = { engine: [], memory: [], profiles: [], tensors, layers: noLayers };
    return { kind: 'plan', same: false, header, ...empty, types, precisions };
  }
  const engine = changes(a.engine, b.engine, [
    'name',
    'numOptimizationProfiles',
    'numLayers',
    'numAuxStreams',
    'capability',
    'profilingVerbosity',
    'hardwareCompatibilityLevel',
    'refittable',
  ]);
  const memory = changes(a.engine, b.engine, [
    'deviceMemoryBytes',
    'deviceMemoryBytesPerProfile',
    'streamableWeightsBytes',
  ]);
  const tensors = namedChanges(
    a.engine.tensors,
    b.engine.tensors,
    ({ mode, dtype, shape, location, isShapeInferenceIO, layouts }) => ({
      mode,
      dtype,
      shape,
      location,
      isShapeInferenceIO,
      formats: [...new Set(layouts.map((layout) => layout.formatDescription))],
    }),
  );
  const profiles = namedChanges(a.engine.inputs, b.engine.inputs, profileFacts);
  const [layersA, layersB] = [a.engine.layers ?? [], b.engine.layers ?? []];
  const detailed = [layersA, layersB].every((list) => list.some((layer) => layer.detailed));
  const layers = layerChanges(
    layersA.map((layer) => comparableLayer(layer, detailed)),
    layersB.map((layer) => comparableLayer(layer, detailed)),
    detailed,
  );
  const count = (of: (layer: LayerInfo) => string | undefined): CountDiff[] =>
    detailed ? countChanges(countBy(layersA.map(of)), countBy(layersB.map(of))) : [];
  const types = count((layer) => layer.type);
  const precisions = count((layer) => layer.precision);
  const parts = [engine, memory, tensors, profiles, layers.changed, layers.removed, layers.added];
  const same =
    header.every(({ what }) => what === 'bytes') && parts.every((part) => part.length === 0);
  return {
    kind: 'plan',
    same,
    header,
    engine,
    memory,
    tensors,
    profiles,
    layers,
    types,
    precisions,
  };
}

function comparableNode(node: OnnxNode): Comparable {
  const { name, operator: type, inputs, outputs, attributes } = node;
  // Nodes without name are known by what they write, which has one.
  const key = name === '' ? `(${outputs.join(', ')})` : name;
  const facts = { type, inputs, outputs, attributes };
  return { name: key, type, onnxNodes: outputs, profile: 0, precision: undefined, facts };
}

/** What differs between two ONNX models that were inspected, with layers if their nodes shall be compared. Values of weights are not looked at. */
export function diffOnnx(a: OnnxInfo, b: OnnxInfo): OnnxDiff {
  const model = changes(a, b, [
    'name',
    'irVersion',
    'opsets',
    'producer',
    'producerVersion',
    'domain',
    'modelVersion',
    'metadata',
    'numNodes',
    'subgraphs',
    'functions',
  ]);
  const io = (info: OnnxInfo): (OnnxTensor & { mode: string })[] => [
    ...info.inputs.map((tensor) => ({ ...tensor, mode: 'input' })),
    ...info.outputs.map((tensor) => ({ ...tensor, mode: 'output' })),
  ];
  const tensors = namedChanges(io(a), io(b), ({ mode, dtype, shape }) => ({ mode, dtype, shape }));
  const weights = namedChanges(
    a.initializers,
    b.initializers,
    ({ dtype, shape, externalFile }) => ({ dtype, shape, externalFile }),
  );
  const layers = layerChanges(
    (a.nodes ?? []).map(comparableNode),
    (b.nodes ?? []).map(comparableNode),
    true,
  );
  const types = countChanges(a.operators, b.operators);
  const parts = [model, tensors, weights, types, layers.changed, layers.removed, layers.added];
  const same = parts.every((part) => part.length === 0);
  return { kind: 'onnx', same, model, tensors, weights, layers, types };
}

/**
 * Two plans, or two ONNX models, against each other.
 *
 * @param fileA - A path, or the bytes.
 * @param fileB - Likewise.
 * @returns What differs, and what {@link inspect} told of both. Rejects as {@link inspect}, and with {@link InvalidArgumentError}
 *   ERR_TRT_INVALID_ARGUMENT for a plan and a model.
 */
export async function diff(
  fileA: string | Uint8Array | ArrayBuffer,
  fileB: string | Uint8Array | ArrayBuffer,
  options: DiffOptions = {},
): Promise<{ a: PlanInfo | OnnxInfo; b: PlanInfo | OnnxInfo; diff: PlanDiff | OnnxDiff }> {
  checkOptions(
    options,
    [...platformOptionNames, ...logOptionNames, 'device', 'engineHostCodeAllowed'],
    'diff',
  );
  const a = await inspect(fileA, { ...options, layers: true });
  const b = await inspect(fileB, { ...options, layers: true });
  if (a.kind === 'plan' && b.kind === 'plan') return { a, b, diff: diffPlans(a, b) };
  if (a.kind === 'onnx' && b.kind === 'onnx') return { a, b, diff: diffOnnx(a, b) };
  throw invalidArgument(
    `a plan and an ONNX model cannot be compared (the first is ${a.kind === 'plan' ? 'a plan' : 'a model'}, the second is not)`,
    'Give two plans, or two ONNX models.',
  );
}
