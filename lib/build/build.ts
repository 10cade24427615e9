// build(): an ONNX model to a plan.

import { checkWritable, writeFileAtomically } from '../atomic-write.js';
import { BuildError, describe, invalidArgument, isTensorRTError } from '../errors.js';
import { type LogOptions, logOptionNames, nativeLogOptions } from '../log.js';
import type { NativeBuildOptions } from '../native.js';
import { planBytes } from '../plan.js';
import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import { readBytes } from '../read-bytes.js';
import {
  type HardwareCompatibilityLevel,
  type ProfilingVerbosity,
  compatibilityNumber,
  hardwareCompatibilityLevels,
  profilingVerbosities,
  verbosityNumber,
} from '../runtime/engine-info.js';
import { GpuAllocator } from '../runtime/gpu-allocator.js';
import { abortedError, checkSignal } from '../session/run.js';
import { checkChoice, checkInteger, checkOptions, checkString } from '../validate.js';
import { Calibration, type CalibrationOptions } from './calibration.js';
import { explainParseError } from './capability.js';
import {
  type BuilderConfigOptions,
  bestPrecisions,
  checkFlag,
  configOptionNames,
  nativeConfigOptions,
} from './config-options.js';
import {
  type NetworkOptions,
  nativeNetworkOptions,
  networkOptionNames,
} from './network-options.js';
import { int8HasScales } from './int8-scales.js';
import { refusePlan } from './model-nodes.js';
import { type BuildProfile, nativeProfile } from './profile.js';
import { type BuildProgress, ProgressTracker } from './progress.js';
import { resolveTimingCache } from './timing-cache.js';

/** How a plan is built. The defaults are TensorRT's. */
export interface BuildOptions
  extends PlatformOptions, LogOptions, BuilderConfigOptions, NetworkOptions {
  /** The model: a path (external weights are looked for beside it) or its bytes. */
  onnx: string | Uint8Array | ArrayBuffer;
  /** Optimization profiles: the shapes of inputs with dynamic dimensions. Default: none, for models with static shapes. */
  profiles?: readonly BuildProfile[] | undefined;
  /** Where to write the plan, whole or not at all. Default: nowhere. */
  saveEngine?: string | undefined;
  /** Allows float16 kernels. TensorRT 11 knows only strong typing: there it is ERR_TRT_UNSUPPORTED, as the next three. */
  fp16?: boolean | undefined;
  /** Allows bfloat16 kernels. */
  bf16?: boolean | undefined;
  /** Allows int8 kernels: of a model with Q/DQ nodes, or with {@link BuildOptions.calibration}; without either it is ERR_TRT_INVALID_ARGUMENT. */
  int8?: boolean | undefined;
  /** Allows fp8 kernels. */
  fp8?: boolean | undefined;
  /** Allows TF32 for float32 matrix products. Default true. */
  tf32?: boolean | undefined;
  /** Takes the types exactly as the model has them. */
  stronglyTyped?: boolean | undefined;
  /** Keeps the weights exchangeable. */
  refit?: boolean | undefined;
  /** Makes a plan that later versions of the same major run too. */
  versionCompatible?: boolean | undefined;
  /** Leaves the lean runtime out of a version-compatible plan. */
  excludeLeanRuntime?: boolean | undefined;
  /** Most device memory that kernels may use while they work, in bytes. Default: all there is. More pools: `memoryPools`. */
  workspaceBytes?: number | undefined;
  /** 0 (fast build) to 5 (fast plan); default 3. */
  builderOptimizationLevel?: number | undefined;
  /** Most streams that parallel branches may use. */
  maxAuxStreams?: number | undefined;
  /** How much the plan tells of its layers; default 'layerNamesOnly'. */
  profilingVerbosity?: ProfilingVerbosity | undefined;
  /** On which other GPUs the plan shall run; default 'none'. */
  hardwareCompatibilityLevel?: HardwareCompatibilityLevel | undefined;
  /** Name of the engine; default: the model's. */
  engineName?: string | undefined;
  /** With `int8`, of a model without Q/DQ nodes: how the scales are found. TensorRT 11 has no calibration (ERR_TRT_UNSUPPORTED). */
  calibration?: CalibrationOptions | undefined;
  /**
   * File with kernel timings, which makes later builds faster: read, and extended under a lock, so that several processes can use it at
   * once. A folder (one that exists, or a path that ends in a slash) has a file for each GPU and TensorRT.
   */
  timingCacheFile?: string | undefined;
  /** Whom TensorRT asks for device memory while it builds; default: the device. */
  gpuAllocator?: GpuAllocator | undefined;
  /** Index of the CUDA device; default 0. The plan runs on such devices only. */
  device?: number | undefined;
  /** Told of each step. */
  progress?: ((progress: BuildProgress) => void) | undefined;
  /** Aborts the build: TensorRT stops at the next step, then the promise rejects. */
  signal?: AbortSignal | undefined;
}

const flags = [
  'fp16',
  'bf16',
  'int8',
  'fp8',
  'stronglyTyped',
  'refit',
  'versionCompatible',
  'excludeLeanRuntime',
] as const;

/** Names of {@link BuildOptions}. @internal */
export const buildOptionNames: readonly string[] = [
  ...platformOptionNames,
  ...logOptionNames,
  ...flags,
  'onnx',
  'profiles',
  'saveEngine',
  'tf32',
  'workspaceBytes',
  'builderOptimizationLevel',
  'maxAuxStreams',
  'profilingVerbosity',
  'hardwareCompatibilityLevel',
  'engineName',
  'timingCacheFile',
  'calibration',
  'gpuAllocator',
  'device',
  'progress',
  'signal',
  ...configOptionNames,
  ...networkOptionNames,
];

/**
 * Builds a plan from an ONNX model, on other threads; takes seconds to many minutes.
 *
 * @param options - The model, the profiles and what the builder may do.
 * @returns The plan's bytes. Rejects with {@link BuildError} ERR_TRT_PARSE, ERR_TRT_BUILD; {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT,
 *   ERR_TRT_INVALID_SHAPE; {@link UnsupportedError} ERR_TRT_UNSUPPORTED; {@link FileError} ERR_TRT_FILE; {@link LoadError} as {@link Session.load};
 *   {@link AbortedError} ERR_TRT_ABORTED; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY.
 * @example
 * ```ts
 * await build({
 *   onnx: 'bert.onnx',
 *   saveEngine: 'bert.plan',
 *   fp16: true,
 *   profiles: [{ input_ids: { min: [1, 1], opt: [8, 128], max: [32, 512] } }],
 * });
 * ```
 */
export async function build(options: BuildOptions): Promise<Uint8Array> {
  checkOptions(options, buildOptionNames, 'build');
  const signal = checkSignal(options.signal, 'build');
  const device = checkInteger(options.device ?? 0, 'device', 0);
  const native = nativeOptions(options, device);
  const path = typeof options.onnx === 'string' ? options.onnx : '';
  const model = path === '' ? planBytes(options.onnx, 'build: onnx') : await readBytes(path);
  refusePlan(model, 'build');
  const { platform, devices } = openPlatformWithDevice(options, device);
  Object.assign(native, bestPrecisions(options.best, platform.version, devices[device]));
  native.timingCache = await resolveTimingCache(native.timingCache, platform, devices[device]);
  const calibration =
    options.calibration && (await Calibration.open(options.calibration, model, options.log));
  if (options.saveEngine !== undefined) await checkWritable(options.saveEngine);
  checkSignal(signal, 'build'); // it may have been aborted while files were read
  native.int8 &&= int8HasScales(
    model,
    calibration !== undefined,
    options.int8 === true,
    options.log,
  );
  const gpuAllocator = GpuAllocator.nativeOf(options.gpuAllocator, platform, device);
  const running = platform.build(model, path, {
    ...native,
    calibration: calibration?.native,
    gpuAllocator,
  });
  calibration?.attach(running);
  const cancel = (): void => {
    running.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const plan = new Uint8Array(await running.plan);
    checkSignal(signal, 'build'); // a build may be done before it hears that it was cancelled: nothing is saved then
    if (options.saveEngine !== undefined) await writeFileAtomically(options.saveEngine, plan);
    await calibration?.save();
    return plan;
  } catch (error) {
    if (signal?.aborted === true && isTensorRTError(error) && error.code === 'ERR_TRT_ABORTED') {
      throw abortedError('build', signal);
    }
    if (!(error instanceof BuildError)) throw GpuAllocator.explain(error, options.gpuAllocator);
    throw calibration?.explain() ?? explainParseError(error, model);
  } finally {
    calibration?.close();
    signal?.removeEventListener('abort', cancel);
  }
}

/** The addon's form of the options, checked, defaults included. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_SHAPE @internal */
export function nativeOptions(
  options: BuildOptions,
  device: number,
): Omit<NativeBuildOptions, 'gpuAllocator'> {
  const { profiles = [], progress, saveEngine } = options;
  const tracker = new ProgressTracker();
  if (!Array.isArray(profiles)) {
    throw invalidArgument(
      `profiles: expected an array, got ${describe(profiles)}`,
      'Give one object of shapes by input for each profile.',
    );
  }
  if (saveEngine !== undefined) checkString(saveEngine, 'saveEngine');
  const on = Object.fromEntries(
    flags.map((name) => [name, checkFlag(options[name], name, false)]),
  ) as Record<(typeof flags)[number], boolean>;
  const optional = (
    name: string,
    value: unknown,
    low: number,
    high?: number,
  ): number | undefined => (value === undefined ? undefined : checkInteger(value, name, low, high));
  const verbosity = checkChoice(
    options.profilingVerbosity ?? 'layerNamesOnly',
    'profilingVerbosity',
    profilingVerbosities,
  );
  const compatibility = checkChoice(
    options.hardwareCompatibilityLevel ?? 'none',
    'hardwareCompatibilityLevel',
    hardwareCompatibilityLevels,
  );
  return {
    ...on,
    ...nativeConfigOptions(options, options.workspaceBytes),
    ...nativeNetworkOptions(options),
    profiles: profiles.map((profile: BuildProfile, index) =>
      nativeProfile(profile, `profiles[${index}]`),
    ),
    tf32: checkFlag(options.tf32, 'tf32', true),
    optimizationLevel: optional('builderOptimizationLevel', options.builderOptimizationLevel, 0, 5),
    maxAuxStreams: optional('maxAuxStreams', options.maxAuxStreams, 0),
    profilingVerbosity: verbosityNumber(verbosity),
    hardwareCompatibilityLevel: compatibilityNumber(compatibility),
    engineName: checkString(options.engineName ?? '', 'engineName'),
    timingCache: checkString(options.timingCacheFile ?? '', 'timingCacheFile'),
    device,
    ...nativeLogOptions(options),
    calibration: undefined,
    progress:
      progress &&
      ((phase, parent, step, steps, finished, elapsedMs) => {
        progress(tracker.update({ phase, parent, step, steps, finished, elapsedMs }));
      }),
  };
}
