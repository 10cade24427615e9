// From trtexec's flags to what the builder may do: memory pools, tactic sources, preview features, levels, weights, DLA, plugins.

import type {
  BuilderConfigOptions,
  MemoryPool,
  PreviewFeature,
  TacticSource,
} from '../build/config-options.js';
import { type PlatformOptions, openPlatform } from '../platform.js';
import {
  type ParsedFlags,
  UsageError,
  choiceFlag,
  flagValue,
  flagValues,
  hasFlag,
  integerFlag,
} from './flags.js';

const maxInt = 2 ** 31 - 1;

const pools = new Map<string, MemoryPool>([
  ['workspace', 'workspace'],
  ['dlaSRAM', 'dlaManagedSram'],
  ['dlaLocalDRAM', 'dlaLocalDram'],
  ['dlaGlobalDRAM', 'dlaGlobalDram'],
  ['tacticDRAM', 'tacticDram'],
  ['tacticSharedMem', 'tacticSharedMemory'],
]);
const sources = new Map<string, TacticSource>([
  ['cublas', 'cublas'],
  ['cublaslt', 'cublasLt'],
  ['cublas_lt', 'cublasLt'],
  ['cudnn', 'cudnn'],
  ['edge_mask_convolutions', 'edgeMaskConvolutions'],
  ['jit_convolutions', 'jitConvolutions'],
]);
const features = new Map<string, PreviewFeature>(
  (
    [
      'aliasedPluginIO1003',
      'runtimeActivationResize',
      'profileSharing0806',
      'multideviceRuntime1016',
      'fasterDynamicShapes0805',
      'disableExternalTacticSourcesForCore0805',
    ] as const
  ).map((name) => [name.toLowerCase(), name]),
);
const sparsities = new Map([
  ['disable', 'disable'],
  ['enable', 'enable'],
] as const);
const constraints = new Map([
  ['none', 'none'],
  ['prefer', 'prefer'],
  ['obey', 'obey'],
] as const);
const platforms = new Map([
  ['sameasbuild', 'sameAsBuild'],
  ['windowsamd64', 'windowsAMD64'],
] as const);

function sizeBytes(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)([BKMG]?)$/i.exec(text);
  if (match === null) {
    throw new UsageError(
      `--${flag}: expected a size in MiB, got ${JSON.stringify(text)}`,
      `Write for example ${flag === 'workspace' ? '--workspace=1024' : '--memPoolSize=workspace:1024'}.`,
    );
  }
  const units: Record<string, number> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
  return Math.round(Number(match[1]) * (units[(match[2] ?? '').toUpperCase()] ?? 2 ** 20));
}

/** --memPoolSize=workspace:1024,dlaSRAM:1 with sizes in MiB, or with B, K, M, G after them; --workspace=MiB is its older form. */
function memoryPools(
  parsed: ParsedFlags,
  warnings: string[],
): Partial<Record<MemoryPool, number>> | undefined {
  const bytes: Partial<Record<MemoryPool, number>> = {};
  const old = flagValue(parsed, 'workspace');
  if (old !== undefined) {
    warnings.push(
      `--workspace is obsolete, and taken as --memPoolSize=workspace:${old}: write that`,
    );
    bytes.workspace = sizeBytes(old, 'workspace');
  }
  for (const entry of flagValues(parsed, 'memPoolSize').flatMap((value) => value.split(','))) {
    const [name = '', size = ''] = entry.split(':');
    const pool = pools.get(name);
    if (pool === undefined) {
      throw new UsageError(
        `--memPoolSize: expected workspace:MiB, got ${JSON.stringify(entry)}`,
        `Pools are ${[...pools.keys()].join(', ')}; write for example --memPoolSize=workspace:1024.`,
      );
    }
    bytes[pool] = sizeBytes(size, 'memPoolSize');
  }
  return Object.keys(bytes).length === 0 ? undefined : bytes;
}

/** +NAME,-OTHER to { name: true, other: false }. */
function switches<T extends string>(
  parsed: ParsedFlags,
  flag: string,
  names: ReadonlyMap<string, T>,
  example: string,
): Partial<Record<T, boolean>> | undefined {
  const text = flagValue(parsed, flag);
  if (text === undefined) return undefined;
  const on: Partial<Record<T, boolean>> = {};
  for (const entry of text.split(',')) {
    const name = names.get(entry.slice(1).toLowerCase());
    if (name === undefined || !/^[+-]/.test(entry)) {
      throw new UsageError(
        `--${flag}: expected + or - and one of ${[...names.keys()].join(', ')}, got ${JSON.stringify(entry)}`,
        `Write for example --${flag}=${example}.`,
      );
    }
    const value = entry.startsWith('+');
    if (on[name] === !value) {
      throw new UsageError(
        `--${flag} switches ${entry.slice(1)} on and off`,
        'Leave out one of the two.',
      );
    }
    on[name] = value;
  }
  return on;
}

function sparsity(parsed: ParsedFlags): 'disable' | 'enable' | undefined {
  if (flagValue(parsed, 'sparsity') === 'force') {
    throw new UsageError(
      "--sparsity=force is trtexec's and not supported here: it overwrites the weights, so that the outputs are wrong",
      'Prune the model to 2 of 4 (polygraphy surgeon prune, or ModelOpt with fine-tuning), then use --sparsity=enable.',
    );
  }
  return choiceFlag(parsed, 'sparsity', sparsities);
}

/** trtexec allows float16 when the DLA was asked for and neither of its types: it knows no others. */
export function addsHalfForDla(
  parsed: ParsedFlags,
  platform: PlatformOptions,
  warnings: string[],
): boolean {
  const given = ['fp16', 'int8', 'best', 'stronglyTyped'].some((name) => hasFlag(parsed, name));
  if (!hasFlag(parsed, 'useDLACore') || given) return false;
  if (openPlatform(platform).version.major >= 11) return false;
  warnings.push('--useDLACore: --fp16 is added, as the DLA computes in float16 or int8 only');
  return true;
}

/** What the flags say of the builder. @throws UsageError */
export function configOptions(parsed: ParsedFlags, warnings: string[]): BuilderConfigOptions {
  if (!['full', undefined].includes(flagValue(parsed, 'useRuntime'))) {
    throw new UsageError(
      '--useRuntime: only the full TensorRT can build',
      'Leave it out; run the plan with --library=libnvinfer_lean.so.10 later, having built it with --versionCompatible.',
    );
  }
  const dlaCore = integerFlag(parsed, 'useDLACore', 0, maxInt);
  const gpuFallback = hasFlag(parsed, 'allowGPUFallback');
  if (gpuFallback && dlaCore === undefined) {
    warnings.push('--allowGPUFallback is ignored: there is no --useDLACore');
  }
  return {
    int4: hasFlag(parsed, 'int4'),
    refitIdentical: hasFlag(parsed, 'refitIdentical'),
    stripWeights: hasFlag(parsed, 'stripWeights') || hasFlag(parsed, 'stripAllWeights'),
    weightStreaming: hasFlag(parsed, 'allowWeightStreaming'),
    sparsity: sparsity(parsed),
    strictNans: hasFlag(parsed, 'strictNans'),
    directIO: hasFlag(parsed, 'directIO'),
    precisionConstraints: choiceFlag(parsed, 'precisionConstraints', constraints),
    safetyScope: hasFlag(parsed, 'restricted'),
    monitorMemory: hasFlag(parsed, 'monitorMemory'),
    distributiveIndependence: hasFlag(parsed, 'distributiveIndependence'),
    disableTimingCache: hasFlag(parsed, 'noBuilderCache'),
    disableCompilationCache: hasFlag(parsed, 'noCompilationCache'),
    errorOnTimingCacheMiss: hasFlag(parsed, 'errorOnTimingCacheMiss'),
    memoryPools: memoryPools(parsed, warnings),
    tacticSources: switches(parsed, 'tacticSources', sources, '-CUDNN,+CUBLAS'),
    previewFeatures: switches(parsed, 'preview', features, '+aliasedPluginIO1003'),
    avgTimingIterations: integerFlag(parsed, 'avgTiming', 1, maxInt),
    maxTactics: integerFlag(parsed, 'maxTactics', -1, maxInt),
    tilingOptimizationLevel: integerFlag(parsed, 'tilingOptimizationLevel', 0, 3),
    l2LimitForTiling: integerFlag(parsed, 'l2LimitForTiling'),
    runtimePlatform: choiceFlag(parsed, 'runtimePlatform', platforms),
    pluginsToSerialize: flagValues(parsed, 'setPluginsToSerialize'),
    ignoreParsedPluginLibraries: hasFlag(parsed, 'ignoreParsedPluginLibs'),
    dlaCore,
    gpuFallback: gpuFallback && dlaCore !== undefined,
    dlaStandalone: hasFlag(parsed, 'buildDLAStandalone'),
    buildRoute: flagValue(parsed, 'setBuildRoute'),
  };
}
