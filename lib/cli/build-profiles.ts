// From trtexec's shape flags to optimization profiles.

import type { BuildShape, BuildValues } from '../build/profile.js';
import type { OnnxInfo, OnnxTensor } from '../inspect/onnx.js';
import { nearest } from '../validate.js';
import { type ParsedFlags, UsageError } from './flags.js';
import { type NamedShapes, parseShapes } from './shapes.js';

interface Triple {
  min?: number[];
  opt?: number[];
  max?: number[];
}

type Group = Map<string, Triple>;

/** Which of the three shapes a flag gives. */
export type ShapeFlags = Readonly<Record<string, readonly (keyof Triple)[]>>;

const kinds: ShapeFlags = {
  minShapes: ['min'],
  optShapes: ['opt'],
  maxShapes: ['max'],
  shapes: ['min', 'opt', 'max'],
};

/** The shape flags by profile, in which order they were given. */
function groupsOf(parsed: ParsedFlags): Group[] {
  const groups: Group[] = [];
  let current = 0;
  for (const { name, value } of parsed.given) {
    if (name === 'profile') {
      if (!/^\d{1,3}$/.test(value)) {
        throw new UsageError(
          `--profile needs a number, got ${JSON.stringify(value)}`,
          'Write --profile=0 before the shapes of the first profile.',
        );
      }
      current = Number(value);
      continue;
    }
    const parts = kinds[name];
    if (parts === undefined) continue;
    const group = (groups[current] ??= new Map());
    addShapes(group, parseShapes(value, name), parts);
  }
  for (let index = 0; index < groups.length; index++) {
    if (groups[index] === undefined) {
      throw new UsageError(
        `profile ${index} has no shapes, but a later one has`,
        'Number the profiles 0, 1, 2, … without gaps.',
      );
    }
  }
  return groups;
}

function addShapes(group: Group, shapes: NamedShapes, parts: readonly (keyof Triple)[]): void {
  for (const [name, shape] of shapes) {
    const triple = group.get(name) ?? {};
    for (const part of parts) triple[part] = shape;
    group.set(name, triple);
  }
}

/** What is missing of the three is taken from the others, as trtexec does: the optimum from max, then min; min and max from the optimum. */
function complete(triple: Triple): Required<Triple> {
  const opt = triple.opt ?? triple.max ?? triple.min ?? [];
  return { min: triple.min ?? opt, opt, max: triple.max ?? opt };
}

/** A static input of integers, without dimensions or with one, whose numbers are as many as were given: values of a shape tensor. */
function givesValues(input: OnnxTensor | undefined, given: readonly number[]): boolean {
  if (input?.shape === undefined || !['int32', 'int64'].includes(input.dtype ?? '')) return false;
  if (input.shape.length === 0) return given.length === 1;
  return input.shape.length === 1 && input.shape[0] === given.length;
}

function isDynamic(input: OnnxTensor): boolean {
  return input.shape?.some((extent) => typeof extent === 'string' || extent < 0) ?? false;
}

/**
 * The profiles that the flags say. Dynamic inputs without shapes get 1 for their dynamic dimensions, with a warning, as trtexec does.
 *
 * @throws UsageError for inputs that the model has not
 */
export function buildProfiles(
  parsed: ParsedFlags,
  model: OnnxInfo | undefined,
  warnings: string[],
): Record<string, BuildShape | BuildValues>[] {
  const groups = groupsOf(parsed);
  const dynamic = model?.inputs.filter(isDynamic) ?? [];
  if (groups.length === 0 && dynamic.length > 0) groups.push(new Map());
  return groups.map((group, index) => {
    for (const input of dynamic) {
      if (group.has(input.name)) continue;
      const shape = (input.shape ?? []).map((extent) =>
        typeof extent === 'string' || extent < 0 ? 1 : extent,
      );
      addShapes(group, new Map([[input.name, shape]]), ['min', 'opt', 'max']);
      warnings.push(
        `no shapes were given for the dynamic input '${input.name}' in profile ${index}: it will take ${shape.join('x')} only`,
      );
    }
    return Object.fromEntries(
      [...group].map(([name, triple]) => [name, profileOf(model, name, triple)]),
    );
  });
}

/** One profile from flags of their own; undefined: none of them was given. @throws UsageError for inputs that the model has not */
export function profileFromFlags(
  parsed: ParsedFlags,
  model: OnnxInfo | undefined,
  flags: ShapeFlags,
): Record<string, BuildShape | BuildValues> | undefined {
  const group: Group = new Map();
  for (const { name, value } of parsed.given) {
    const parts = flags[name];
    if (parts !== undefined) addShapes(group, parseShapes(value, name), parts);
  }
  if (group.size === 0) return undefined;
  return Object.fromEntries(
    [...group].map(([name, triple]) => [name, profileOf(model, name, triple)]),
  );
}

function profileOf(
  model: OnnxInfo | undefined,
  name: string,
  triple: Triple,
): BuildShape | BuildValues {
  const names = model?.inputs.map((input) => input.name);
  if (names !== undefined && !names.includes(name)) {
    const near = nearest(name, names);
    throw new UsageError(
      `the model has no input '${name}', but ${names.map((known) => `'${known}'`).join(', ')}`,
      near === undefined ? 'Use the names of the model.' : `Did you mean '${near}'?`,
    );
  }
  const { min, opt, max } = complete(triple);
  const input = model?.inputs.find((candidate) => candidate.name === name);
  if (givesValues(input, opt)) return { minValues: min, optValues: opt, maxValues: max };
  return { min, opt, max };
}
