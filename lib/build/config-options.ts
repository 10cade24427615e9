// What the builder may do beyond the precisions: its flags, memory pools, tactics, levels, DLA and plugins (IBuilderConfig).

import { UnsupportedError, describe, invalidArgument } from '../errors.js';
import type { NativeConfigSettings } from '../native-build.js';
import type { NativeDeviceInfo, NativeVersion } from '../native.js';
import { checkChoice, checkInteger, checkOptions, checkString } from '../validate.js';

const pools = {
  workspace: 'kWORKSPACE',
  dlaManagedSram: 'kDLA_MANAGED_SRAM',
  dlaLocalDram: 'kDLA_LOCAL_DRAM',
  dlaGlobalDram: 'kDLA_GLOBAL_DRAM',
  tacticDram: 'kTACTIC_DRAM',
  tacticSharedMemory: 'kTACTIC_SHARED_MEMORY',
} as const;
const sources = {
  cublas: 'kCUBLAS',
  cublasLt: 'kCUBLAS_LT',
  cudnn: 'kCUDNN',
  edgeMaskConvolutions: 'kEDGE_MASK_CONVOLUTIONS',
  jitConvolutions: 'kJIT_CONVOLUTIONS',
} as const;
const features = {
  fasterDynamicShapes0805: 'kFASTER_DYNAMIC_SHAPES_0805',
  disableExternalTacticSourcesForCore0805: 'kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805',
  profileSharing0806: 'kPROFILE_SHARING_0806',
  aliasedPluginIO1003: 'kALIASED_PLUGIN_IO_10_03',
  runtimeActivationResize: 'kRUNTIME_ACTIVATION_RESIZE_10_10',
  multideviceRuntime1016: 'kMULTIDEVICE_RUNTIME_10_16',
} as const;
const platforms = { sameAsBuild: '', windowsAMD64: 'kWINDOWS_AMD64' } as const;
const maxInt = 2 ** 31 - 1;
const constraints = ['none', 'prefer', 'obey'] as const;

/** A memory pool of the builder. */
export type MemoryPool = keyof typeof pools;
/** Where kernels come from; cuBLAS and cuDNN with TensorRT 8 and 10 only. */
export type TacticSource = keyof typeof sources;
/** A feature that can be switched on before, or off after, it is the default. */
export type PreviewFeature = keyof typeof features;
/** On which system a plan shall run. */
export type RuntimePlatform = keyof typeof platforms;

/** What the builder may do. Whatever the running TensorRT lacks is ERR_TRT_UNSUPPORTED and says which versions have it. */
export interface BuilderConfigOptions {
  /**
   * `fp16` and `int8`, and `bf16` where the device and TensorRT have it: whatever is fastest. As trtexec's --best, but for a model without Q/DQ nodes and
   * without a calibration int8 is left out, with a warning. Default false.
   */
  best?: boolean | undefined;
  /** Allows int4 weights. */
  int4?: boolean | undefined;
  /** Allows plugins with fp4. */
  fp4?: boolean | undefined;
  /** Keeps the weights exchangeable for identical ones: a stripped plan gets its own weights back, as fast as one without refit. */
  refitIdentical?: boolean | undefined;
  /** Leaves the refittable weights out of the plan: all with `refit`, else those that `refitIdentical` (implied) can bring back. */
  stripWeights?: boolean | undefined;
  /** Lets weights stay on the host and be streamed to the device. Needs `stronglyTyped` with TensorRT 10. */
  weightStreaming?: boolean | undefined;
  /** Sparse kernels for weights that are sparse (2 of 4 are zero). Weights are never changed: prune the model. Default 'disable'. */
  sparsity?: 'disable' | 'enable' | undefined;
  /** No kernels that treat NaN as something else. */
  strictNans?: boolean | undefined;
  /** No reformatting of inputs and outputs. */
  directIO?: boolean | undefined;
  /** Whether layers must keep to the types that were given for them, if they can. Default 'none'. */
  precisionConstraints?: (typeof constraints)[number] | undefined;
  /** Restricts the network to what safety-certified runtimes take. */
  safetyScope?: boolean | undefined;
  /** Synchronizes after every layer, to find the one that fails. */
  debugSynchronously?: boolean | undefined;
  /** Lets the builder watch its memory, and log it. */
  monitorMemory?: boolean | undefined;
  /** Same results for each sample, whatever else is in the batch. */
  distributiveIndependence?: boolean | undefined;
  /** Times every layer anew, even one that is like another. */
  disableTimingCache?: boolean | undefined;
  /** Compiles every kernel anew. */
  disableCompilationCache?: boolean | undefined;
  /** Fails where a kernel is not in the timing cache. */
  errorOnTimingCacheMiss?: boolean | undefined;
  /** Most bytes of each memory pool; default TensorRT's. `workspaceBytes` is a short form of `workspace`. */
  memoryPools?: Readonly<Partial<Record<MemoryPool, number | undefined>>> | undefined;
  /** Switches tactic sources on and off; default TensorRT's. */
  tacticSources?: Readonly<Partial<Record<TacticSource, boolean | undefined>>> | undefined;
  /** Switches preview features on and off; default TensorRT's. */
  previewFeatures?: Readonly<Partial<Record<PreviewFeature, boolean | undefined>>> | undefined;
  /** How often a kernel is timed; the average counts. TensorRT's default is 1 (trtexec's 8). */
  avgTimingIterations?: number | undefined;
  /** Most kernels to time for a layer; -1 lets TensorRT decide, which is the default. */
  maxTactics?: number | undefined;
  /** How long to look for tiling across kernels, 0 (not, the default) to 3. */
  tilingOptimizationLevel?: number | undefined;
  /** Most bytes of the L2 cache for tiling. */
  l2LimitForTiling?: number | undefined;
  /** Default 'sameAsBuild'. */
  runtimePlatform?: RuntimePlatform | undefined;
  /** Plugin libraries that the plan takes along. */
  pluginsToSerialize?: readonly string[] | undefined;
  /** Leaves out of a version-compatible plan the plugin libraries that the ONNX parser used. */
  ignoreParsedPluginLibraries?: boolean | undefined;
  /** Runs what it can on this DLA core, with `fp16` or `int8`. Jetson and DRIVE only. */
  dlaCore?: number | undefined;
  /** What the DLA cannot run goes to the GPU; without it the build fails. */
  gpuFallback?: boolean | undefined;
  /** Makes a loadable for cuDLA instead of a plan. */
  dlaStandalone?: boolean | undefined;
  /** A build route, as trtexec 11.1 and later finds them. */
  buildRoute?: string | undefined;
}

const switches = [
  'int4',
  'fp4',
  'refitIdentical',
  'stripWeights',
  'weightStreaming',
  'strictNans',
  'directIO',
  'safetyScope',
  'debugSynchronously',
  'monitorMemory',
  'distributiveIndependence',
  'disableTimingCache',
  'disableCompilationCache',
  'errorOnTimingCacheMiss',
  'gpuFallback',
  'dlaStandalone',
] as const;

/** @internal */
export const configOptionNames: readonly string[] = [
  ...switches,
  'best',
  'sparsity',
  'precisionConstraints',
  'memoryPools',
  'tacticSources',
  'previewFeatures',
  'avgTimingIterations',
  'maxTactics',
  'tilingOptimizationLevel',
  'l2LimitForTiling',
  'runtimePlatform',
  'pluginsToSerialize',
  'ignoreParsedPluginLibraries',
  'dlaCore',
  'buildRoute',
];

/** @internal */
export function checkFlag(value: unknown, name: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw invalidArgument(
    `${name}: expected true or false, got ${describe(value)}`,
    'Give a boolean, or leave it out.',
  );
}

/** By TensorRT's names instead of ours, with each value checked. */
function named<V>(
  given: Readonly<Record<string, V | undefined>> | undefined,
  option: string,
  names: Readonly<Record<string, string>>,
  check: (value: unknown, who: string) => V,
): Record<string, V> {
  checkOptions(given, Object.keys(names), option);
  return Object.fromEntries(
    Object.entries(given ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [names[name] ?? name, check(value, `${option}.${name}`)]),
  );
}

const checkBytes = (value: unknown, who: string): number => checkInteger(value, who, 0);
const checkSwitch = (value: unknown, who: string): boolean => checkFlag(value, who, false);

function optional(name: string, value: unknown, low: number, high?: number): number | undefined {
  return value === undefined ? undefined : checkInteger(value, name, low, high);
}

/** @internal */
export function checkStrings(list: unknown, option: string, hint: string): string[] {
  if (list === undefined) return [];
  if (Array.isArray(list)) {
    return list.map((value, index) => checkString(value, `${option}[${index}]`));
  }
  throw invalidArgument(`${option}: expected an array of strings, got ${describe(list)}`, hint);
}

function memoryPools(
  given: BuilderConfigOptions['memoryPools'],
  workspaceBytes: number | undefined,
): Record<string, number> {
  const bytes = named(given, 'memoryPools', pools, checkBytes);
  if (workspaceBytes === undefined) return bytes;
  if (bytes.kWORKSPACE !== undefined) {
    throw invalidArgument(
      'workspaceBytes and memoryPools.workspace are the same, and both were given',
      'Leave out one of the two.',
    );
  }
  return { ...bytes, kWORKSPACE: checkBytes(workspaceBytes, 'workspaceBytes') };
}

function checkSparsity(sparsity: unknown): boolean {
  if (sparsity === 'force') {
    throw invalidArgument(
      "sparsity: expected 'disable' or 'enable', got 'force', which would overwrite the model's weights: its outputs would be wrong",
      'Prune the model to 2 of 4 (polygraphy surgeon prune, or ModelOpt with fine-tuning), then build with enable.',
    );
  }
  return checkChoice(sparsity ?? 'disable', 'sparsity', ['disable', 'enable']) === 'enable';
}

/** The addon's form of them. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function nativeConfigOptions(
  options: BuilderConfigOptions,
  workspaceBytes: number | undefined,
): NativeConfigSettings {
  const on = Object.fromEntries(
    switches.map((name) => [name, checkFlag(options[name], name, false)]),
  ) as Record<(typeof switches)[number], boolean>;
  const constraint = checkChoice(
    options.precisionConstraints ?? 'none',
    'precisionConstraints',
    constraints,
  );
  const platform = options.runtimePlatform ?? 'sameAsBuild';
  checkChoice(platform, 'runtimePlatform', Object.keys(platforms));
  return {
    ...on,
    sparseWeights: checkSparsity(options.sparsity),
    obeyPrecisionConstraints: constraint === 'obey',
    preferPrecisionConstraints: constraint === 'prefer',
    memoryPools: memoryPools(options.memoryPools, workspaceBytes),
    tacticSources: named(options.tacticSources, 'tacticSources', sources, checkSwitch),
    previewFeatures: named(options.previewFeatures, 'previewFeatures', features, checkSwitch),
    avgTimingIterations: optional('avgTimingIterations', options.avgTimingIterations, 1, maxInt),
    maxTactics: optional('maxTactics', options.maxTactics, -1, maxInt),
    tilingOptimizationLevel: optional(
      'tilingOptimizationLevel',
      options.tilingOptimizationLevel,
      0,
      3,
    ),
    l2LimitForTiling: optional('l2LimitForTiling', options.l2LimitForTiling, 0),
    runtimePlatform: platforms[platform],
    pluginsToSerialize: checkStrings(
      options.pluginsToSerialize,
      'pluginsToSerialize',
      'Give an array, even of one path.',
    ),
    ignoreParsedPlugins: checkFlag(
      options.ignoreParsedPluginLibraries,
      'ignoreParsedPluginLibraries',
      false,
    ),
    dlaCore: optional('dlaCore', options.dlaCore, 0, maxInt),
    buildRoute: checkString(options.buildRoute ?? '', 'buildRoute'),
  };
}

/** The precisions that `best` stands for. @throws ERR_TRT_UNSUPPORTED @internal */
export function bestPrecisions(
  best: unknown,
  version: NativeVersion,
  device: NativeDeviceInfo | undefined,
): { fp16?: true; bf16?: true; int8?: true } {
  if (!checkFlag(best, 'best', false)) return {};
  if (version.major >= 11) {
    throw new UnsupportedError(
      'ERR_TRT_UNSUPPORTED',
      `best cannot be asked for in TensorRT ${version.major}.${version.minor}: from TensorRT 11 on every network is strongly typed, its types are those of the ONNX model`,
      "Convert the model itself, for example to float16 with AutoCast of NVIDIA's ModelOpt, or quantize it (Q/DQ nodes); or build with TensorRT 10.",
    );
  }
  const [major, minor] = device?.computeCapability ?? [0, 0];
  // trtexec's rules: bfloat16 begins with Ampere, and Blackwell Ultra (10.3) has no fast int8.
  const int8 = major !== 10 || minor !== 3;
  const bf16 = version.major >= 10 && major >= 8;
  return { fp16: true, ...(bf16 && { bf16: true }), ...(int8 && { int8: true }) };
}
