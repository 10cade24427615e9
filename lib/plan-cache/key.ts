// The key of a plan in the cache: SHA-256 over everything that decides what the builder makes.

import { createHash } from 'node:crypto';
import path from 'node:path';
import type { BuildOptions } from '../build/build.js';
import { nativeOptions } from '../build/build.js';
import { InvalidPlanError, asError, describe, invalidArgument } from '../errors.js';
import { parseOnnx } from '../inspect/onnx.js';
import type { NativeDeviceInfo, NativePlatform } from '../native.js';
import { readBytes } from '../read-bytes.js';
import { versionText } from '../runtime/runtime.js';
import { type Digest, digestOf, digestOfFile } from './digest.js';
import type { ModelSource } from './model-source.js';

/** Of entries; another number makes older entries unknown. */
export const cacheFormat = 1;

/** What a plan in the cache was made from, as its sidecar file tells. */
export interface Ingredients {
  readonly format: number;
  readonly model: Digest & {
    readonly externalData: readonly (Digest & { readonly location: string })[];
  };
  /** As the addon takes them, defaults included. */
  readonly options: unknown;
  readonly pluginLibraries: readonly (Partial<Digest> & { readonly library: string })[];
  readonly tensorrt: {
    readonly runtime: string;
    readonly version: string;
    readonly flavor: string;
  };
  /** Its kind, not the very device: plans are good for all of a kind. */
  readonly gpu: {
    readonly name: string;
    readonly computeCapability: string;
    readonly multiprocessors: number;
  };
}

/** Options of the addon that do not touch the plan. The timing cache only makes a build faster. */
const irrelevant = [
  'device',
  'log',
  'logSeverity',
  'progress',
  'timingCache',
  'monitorMemory',
  'debugSynchronously',
];

/**
 * A copy with sorted names and without what is undefined, for JSON: equal options give equal text.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT for what has no text, as a function has: left out, it would be taken for another
 */
function canonical(value: unknown, name: string): unknown {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => canonical(item, `${name}[${index}]`));
  }
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) {
    const entries = Object.entries(value as object).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([key, item]) => [key, canonical(item, name === '' ? key : `${name}.${key}`)]),
    );
  }
  throw invalidArgument(
    `${name}: expected something that tells one cached plan from another, got ${describe(value)}`,
    'Load with cacheDir: false, or build the plan with build() and load that.',
  );
}

/** The options that decide what the plan becomes. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_SHAPE */
export function planOptions(options: Omit<BuildOptions, 'onnx'>, device: number): unknown {
  const native = Object.entries(nativeOptions({ ...options, onnx: '' }, device));
  const { best = false, calibration } = options;
  // Not the data, of which this is all that is seen, nor the cache's path: its content is a file of the plan.
  const calibrating = calibration && { ...calibration, data: undefined, cacheFile: undefined };
  return canonical(
    {
      ...Object.fromEntries(native.filter(([name]) => !irrelevant.includes(name))),
      best, // the addon gets the precisions that it stands for
      calibration: calibrating,
    },
    '',
  );
}

/** The model and the files with its weights. @throws ERR_TRT_FILE, ERR_TRT_INVALID_PLAN, ERR_TRT_ABORTED */
export async function modelDigest(
  source: ModelSource,
  signal?: AbortSignal,
): Promise<Ingredients['model']> {
  const bytes = typeof source === 'string' ? await readBytes(source) : source;
  const digest = await digestOf(bytes, signal);
  const folder = typeof source === 'string' ? path.dirname(source) : '.';
  const externalData: (Digest & { location: string })[] = [];
  for (const location of externalFiles(bytes, source).sort()) {
    const file = await digestOfFile(path.resolve(folder, location), signal);
    externalData.push({ location, ...file });
  }
  return { ...digest, externalData };
}

function externalFiles(bytes: Uint8Array, source: ModelSource): string[] {
  try {
    return [...parseOnnx(bytes).externalData];
  } catch (cause) {
    const what = typeof source === 'string' ? `'${source}'` : `what was given`;
    throw new InvalidPlanError(
      'ERR_TRT_INVALID_PLAN',
      `expected a TensorRT plan or an ONNX model, but ${what} is neither (as ONNX: ${asError(cause).message})`,
      'Check that this is the right file and that it is complete.',
      { cause },
    );
  }
}

/** All that the plan depends on. @throws ERR_TRT_FILE, ERR_TRT_INVALID_PLAN, ERR_TRT_ABORTED */
export async function readIngredients(
  source: ModelSource,
  options: unknown,
  pluginLibraries: readonly string[],
  platform: NativePlatform,
  device: NativeDeviceInfo,
  signal?: AbortSignal,
): Promise<Ingredients> {
  return {
    format: cacheFormat,
    model: await modelDigest(source, signal),
    options,
    pluginLibraries: await Promise.all(pluginLibraries.map((library) => pluginDigest(library))),
    tensorrt: {
      runtime: platform.kind,
      version: versionText(platform.version),
      flavor: platform.flavor,
    },
    gpu: {
      name: device.name,
      computeCapability: device.computeCapability.join('.'),
      multiprocessors: device.multiprocessors,
    },
  };
}

/** A library that the dynamic linker finds by its name is known by its name only. */
async function pluginDigest(library: string): Promise<Ingredients['pluginLibraries'][number]> {
  const digest = await digestOfFile(library).catch(() => undefined);
  return { library: path.basename(library), ...digest };
}

/** 64 hexadecimal digits. */
export function keyOf(ingredients: Ingredients): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(ingredients, '')))
    .digest('hex');
}
