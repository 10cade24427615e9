// Chooses and opens a platform: NVIDIA's driver and TensorRT, or the CPU reference runtime (by name, never silently).

import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { LoadError, describe, invalidArgument, makeError } from './errors.js';
import { loadAddon } from './load.js';
import type { NativeDeviceInfo, NativePlatform } from './native.js';
import { checkChoice, checkString } from './validate.js';

/** Which runtime to use: NVIDIA's TensorRT, or the CPU reference runtime. */
export type RuntimeKind = 'tensorrt' | 'reference';

/** Which libraries to open; part of the options of everything that does. */
export interface PlatformOptions {
  /**
   * 'auto' (default, or the environment variable TRT_NODE_RUNTIME) is TensorRT, and where it is unusable an error that says what is missing;
   * 'tensorrt' the same, 'reference' the CPU reference runtime, which is never chosen silently.
   */
  runtime?: 'auto' | RuntimeKind | undefined;
  /** Path or soname of libnvinfer, libnvinfer_lean or libnvinfer_dispatch. Default: TRT_NODE_LIBRARY, then the usual places (docs/cli.md). */
  library?: string | undefined;
  /** More plugin libraries to open, besides libnvinfer_plugin. */
  pluginLibraries?: readonly string[] | undefined;
}

/** Names of {@link PlatformOptions}. */
export const platformOptionNames = ['runtime', 'library', 'pluginLibraries'] as const;

const tryReference =
  "To try things out without a GPU, choose the CPU reference runtime: runtime: 'reference' (or TRT_NODE_RUNTIME=reference, --runtime=reference), with `npm install onnxruntime-node`; it builds and runs plans of its own.";

/** The runtime that was asked for, by the option or else by TRT_NODE_RUNTIME. @throws ERR_TRT_INVALID_ARGUMENT */
export function requestedRuntime(option: PlatformOptions['runtime']): 'auto' | RuntimeKind {
  const choices = ['auto', 'tensorrt', 'reference'] as const;
  if (option !== undefined) return checkChoice(option, 'runtime', choices);
  const variable = process.env.TRT_NODE_RUNTIME;
  return variable ? checkChoice(variable, 'TRT_NODE_RUNTIME', choices) : 'auto';
}

/** Where an onnxruntime-node package keeps its library for this platform. */
function libraryInside(packageFolder: string): string | undefined {
  const bin = path.join(packageFolder, 'bin');
  const versions = existsSync(bin)
    ? readdirSync(bin).filter((name) => /^napi-v\d+$/.test(name))
    : [];
  versions.sort((a, b) => Number(b.slice(6)) - Number(a.slice(6)));
  for (const version of versions) {
    const folder = path.join(bin, version, 'linux', process.arch);
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).filter((name) => /^libonnxruntime\.so(\.\d+)*$/.test(name));
    const name = names.includes('libonnxruntime.so.1') ? 'libonnxruntime.so.1' : names[0];
    if (name !== undefined) return path.join(folder, name);
  }
  return undefined;
}

/** ONNX Runtime's library: from the user's project, else from beside our package. */
export interface OnnxRuntimeLocation {
  path: string;
  /** Of the onnxruntime-node package; undefined when TRT_NODE_ONNXRUNTIME_LIBRARY named the file. */
  version: string | undefined;
}

/** Looks for ONNX Runtime's shared library. @throws ERR_TRT_REFERENCE_UNAVAILABLE */
export function findOnnxRuntime(): OnnxRuntimeLocation {
  const explicit = process.env.TRT_NODE_ONNXRUNTIME_LIBRARY;
  if (explicit) {
    if (existsSync(explicit)) return { path: path.resolve(explicit), version: undefined };
    throw new LoadError(
      'ERR_TRT_REFERENCE_UNAVAILABLE',
      `expected the file that TRT_NODE_ONNXRUNTIME_LIBRARY names, but '${explicit}' does not exist`,
      'Give the path of libonnxruntime.so.1, or unset the variable and `npm install onnxruntime-node`.',
    );
  }
  const places = [path.join(process.cwd(), 'package.json'), __filename];
  const searched: string[] = [];
  for (const place of places) {
    let manifest: string;
    const resolver = createRequire(place);
    try {
      manifest = resolver.resolve('onnxruntime-node/package.json');
    } catch {
      searched.push(`${path.dirname(place)} (and above)`);
      continue;
    }
    const found = libraryInside(path.dirname(manifest));
    const { version } = resolver(manifest) as { version: string };
    if (found !== undefined) return { path: found, version };
    searched.push(`${path.dirname(manifest)} (no library for linux ${process.arch})`);
  }
  throw new LoadError(
    'ERR_TRT_REFERENCE_UNAVAILABLE',
    `the reference runtime computes with onnxruntime-node, which was not found; searched ${searched.join(', ')}`,
    'Run `npm install onnxruntime-node --onnxruntime-node-install=skip` (the CPU library comes with the package; the flag skips a download of CUDA files).',
  );
}

/** Our reference library, beside the addon. @throws ERR_TRT_REFERENCE_UNAVAILABLE */
export function findReferenceLibrary(): string {
  const library = path.join(path.dirname(loadAddon().path), 'libtrtnode_reference.so');
  if (existsSync(library)) return library;
  throw new LoadError(
    'ERR_TRT_REFERENCE_UNAVAILABLE',
    `the reference runtime's library was expected beside the addon, but ${library} does not exist`,
    'Install the package again, or build it with `npx trt-node-build`.',
  );
}

function openReference(pluginLibraries: string[]): NativePlatform {
  return loadAddon().addon.openPlatform({
    kind: 'reference',
    library: findReferenceLibrary(),
    onnxruntimeLibrary: findOnnxRuntime().path,
    pluginLibraries,
  });
}

function openTensorRT(library: string, pluginLibraries: string[]): NativePlatform {
  return loadAddon().addon.openPlatform({
    kind: 'tensorrt',
    library,
    onnxruntimeLibrary: '',
    pluginLibraries,
  });
}

/** Adds the way out to the errors of 'auto', which are about what the machine lacks. */
function withReferenceHint(error: unknown): unknown {
  if (!(error instanceof LoadError)) return error;
  const { code, reason, hint, cause, log, call, cudaErrorCode, cudaErrorName } = error;
  const details = { cause, log, call, cudaErrorCode, cudaErrorName };
  return makeError(code, reason, hint === '' ? tryReference : `${hint} ${tryReference}`, details);
}

/**
 * Opens the platform that the options ask for. Looks at no device.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_ADDON, ERR_TRT_LIBRARY_…, ERR_TRT_REFERENCE_UNAVAILABLE
 */
export function openPlatform(options: PlatformOptions): NativePlatform {
  const runtime = requestedRuntime(options.runtime);
  const library = options.library === undefined ? '' : checkString(options.library, 'library');
  const plugins = checkPlugins(options.pluginLibraries);
  if (runtime === 'reference') {
    if (library !== '') {
      throw invalidArgument(
        `library: expected none with runtime 'reference', got ${describe(library)}`,
        'The reference runtime is one library, found by itself: leave `library` out.',
      );
    }
    return openReference(plugins);
  }
  if (runtime === 'tensorrt') return openTensorRT(library, plugins);
  try {
    return openTensorRT(library, plugins);
  } catch (error) {
    throw withReferenceHint(error);
  }
}

function checkPlugins(libraries: unknown): string[] {
  if (libraries === undefined) return [];
  if (Array.isArray(libraries)) {
    return libraries.map((library, index) => checkString(library, `pluginLibraries[${index}]`));
  }
  throw invalidArgument(
    `pluginLibraries: expected an array of paths, got ${describe(libraries)}`,
    'Give an array, even of one path.',
  );
}

/**
 * The platform with its devices, after checking that there is a usable one and that `device` is among them.
 *
 * @throws what {@link openPlatform} throws, ERR_TRT_NO_DRIVER, ERR_TRT_INVALID_ARGUMENT (no such device)
 */
export function openPlatformWithDevice(
  options: PlatformOptions,
  device: number,
): { platform: NativePlatform; devices: NativeDeviceInfo[] } {
  const platform = openPlatform(options);
  let devices: NativeDeviceInfo[];
  try {
    devices = platform.devices();
  } catch (error) {
    if (requestedRuntime(options.runtime) !== 'auto') throw error;
    throw withReferenceHint(error);
  }
  if (device >= devices.length) {
    const list = devices.map((info) => `${info.index} (${info.name})`).join(', ');
    throw invalidArgument(
      `device: expected one of ${devices.length} device(s), got ${device}`,
      `There is ${list}; CUDA_VISIBLE_DEVICES limits and renumbers them.`,
    );
  }
  return { platform, devices };
}
