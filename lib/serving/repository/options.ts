// RepositoryOptions: how a model repository is opened, and what holds where nothing is said.

import { describe, invalidArgument } from '../../errors.js';
import { type PlatformOptions, platformOptionNames } from '../../platform.js';
import { checkChoice, checkInteger, checkOptions, checkString } from '../../validate.js';
import type { ModelIndexEntry } from '../service.js';

/** When models are loaded: all at the start; on request; or as the folders change. */
export type ControlMode = 'none' | 'explicit' | 'poll';

/** How much of a resource there is, for `rateLimit: 'execution_count'`. */
export interface RateLimitResource {
  name: string;
  count: number;
  /** Left out: on each device. */
  device?: number | undefined;
}

/** Options of {@link ModelRepository.open}; the platform's are those of {@link Session.load}. */
export interface RepositoryOptions extends PlatformOptions {
  /** Default 'none': all models are loaded at the start. */
  controlMode?: ControlMode | undefined;
  /** Models to load at the start, with controlMode 'explicit'; `['*']` is all. Default none. */
  loadModels?: readonly string[] | undefined;
  /** Seconds between two looks at the folders, with controlMode 'poll'. Default 15. */
  pollSeconds?: number | undefined;
  /** With controlMode 'poll': milliseconds for which a folder must not have changed before it is loaded. Default 1000. */
  debounceMs?: number | undefined;
  /** NAME/configs/THIS.pbtxt is used instead of NAME/config.pbtxt, where it is there. */
  modelConfigName?: string | undefined;
  /** false: a config is used as it is, not completed from the model. Default true. */
  autoComplete?: boolean | undefined;
  /** Whether a model that should be loaded and is not makes {@link ModelRepository.ready} false. Default true. */
  strictReadiness?: boolean | undefined;
  /** Models that are loaded at the same time, 1 to 128. Default 4. */
  loadThreads?: number | undefined;
  /** Devices to use where a config names none. Default: all. */
  devices?: readonly number[] | undefined;
  /** Device memory that all models together may use, in bytes, on all devices together. Default: what there is. */
  memoryBudgetBytes?: number | undefined;
  /** What to do when a model does not fit: refuse it, or unload the models that were not used for longest. Default 'refuse'. */
  unloadWhenFull?: 'refuse' | 'lru' | undefined;
  /** Whether a request for a model that is in the repository and not loaded loads it. Default false. */
  loadOnDemand?: boolean | undefined;
  /** Models that are never unloaded to make room. */
  pinnedModels?: readonly string[] | undefined;
  /** Memory for answers of models with `response_cache { enable: true }`. Default: no cache. */
  cache?: { sizeBytes: number } | undefined;
  /** Whether instances wait for the resources that their config asks for. Default 'off'. */
  rateLimit?: 'off' | 'execution_count' | undefined;
  /** Resources that there are, instead of the largest amount that any instance asks for. */
  rateLimitResources?: readonly RateLimitResource[] | undefined;
  /** Settings of backends: `{ tensorrt: { plugins: 'a.so;b.so' } }`. */
  backendConfig?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  /** Requests that may wait for a model whose queue policy sets no bound. Default 10000. */
  maxQueueSize?: number | undefined;
  /** Receives what happens: loading, failures, TensorRT's own log. */
  log?: ((level: RepositoryLogLevel, message: string) => void) | undefined;
  /** Called whenever a version's state changes. */
  onChange?: ((row: ModelIndexEntry) => void) | undefined;
}

/** Levels of the repository's log. */
export type RepositoryLogLevel = 'error' | 'warning' | 'info' | 'verbose';

/** Options with all that was left out. @internal */
export type CheckedOptions = Required<
  Omit<
    { [K in keyof RepositoryOptions]: NonNullable<RepositoryOptions[K]> },
    keyof PlatformOptions | 'memoryBudgetBytes' | 'devices' | 'cache'
  >
> & {
  readonly platform: PlatformOptions;
  readonly memoryBudgetBytes: number | undefined;
  readonly devices: readonly number[] | undefined;
  readonly cache: { sizeBytes: number } | undefined;
};

const names = [
  ...platformOptionNames,
  'controlMode',
  'loadModels',
  'pollSeconds',
  'debounceMs',
  'modelConfigName',
  'autoComplete',
  'strictReadiness',
  'loadThreads',
  'devices',
  'memoryBudgetBytes',
  'unloadWhenFull',
  'loadOnDemand',
  'pinnedModels',
  'cache',
  'rateLimit',
  'rateLimitResources',
  'backendConfig',
  'maxQueueSize',
  'log',
  'onChange',
] as const satisfies readonly (keyof RepositoryOptions)[];

function checkStrings(value: unknown, who: string): readonly string[] {
  if (!Array.isArray(value)) {
    throw invalidArgument(
      `${who}: expected an array of names, got ${describe(value)}`,
      'Give an array, even of one name.',
    );
  }
  return value.map((item, index) => checkString(item, `${who}[${index}]`));
}

function checkFlag(value: unknown, who: string, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw invalidArgument(
    `${who}: expected true or false, got ${describe(value)}`,
    'Give a boolean.',
  );
}

function checkSeconds(value: unknown, who: string): number {
  if (typeof value === 'number' && value > 0 && value <= 86_400) return value;
  throw invalidArgument(
    `${who}: expected seconds above 0 and up to 86400, got ${describe(value)}`,
    'Give a number of seconds; 0.5 is half a second.',
  );
}

function checkFunction<T>(value: T | undefined, who: string, fallback: T): T {
  if (value === undefined) return fallback;
  if (typeof value === 'function') return value;
  throw invalidArgument(`${who}: expected a function, got ${describe(value)}`, 'Give a function.');
}

function checkStartModels(options: RepositoryOptions, mode: ControlMode): readonly string[] {
  const models = checkStrings(options.loadModels ?? [], 'loadModels');
  if (models.length > 0 && mode !== 'explicit') {
    throw invalidArgument(
      `loadModels: expected controlMode 'explicit' with it, got '${mode}'`,
      "Give controlMode: 'explicit', or leave loadModels out.",
    );
  }
  if (models.includes('*') && models.length > 1) {
    throw invalidArgument(
      "Wildcard model name '*' must be the ONLY startup model if specified at all.",
      "Give ['*'], or the names.",
    );
  }
  return models;
}

function checkConfigName(value: string | undefined): string {
  const name = checkString(value ?? '', 'modelConfigName');
  if (!/[/\\]/.test(name) && !name.includes('..')) return name;
  throw invalidArgument(
    `modelConfigName: expected a file name without '.pbtxt', got ${describe(name)}`,
    "Name a file of the models' configs folders.",
  );
}

/** @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function checkRepositoryOptions(options: RepositoryOptions): CheckedOptions {
  checkOptions(options, names, 'ModelRepository.open');
  const { runtime, library, pluginLibraries } = options;
  const modes = ['none', 'explicit', 'poll'] as const;
  const controlMode = checkChoice(options.controlMode ?? 'none', 'controlMode', modes);
  const { memoryBudgetBytes, devices, cache } = options;
  return {
    platform: { runtime, library, pluginLibraries },
    controlMode,
    loadModels: checkStartModels(options, controlMode),
    pollSeconds: checkSeconds(options.pollSeconds ?? 15, 'pollSeconds'),
    debounceMs: checkInteger(options.debounceMs ?? 1000, 'debounceMs', 0),
    modelConfigName: checkConfigName(options.modelConfigName),
    autoComplete: checkFlag(options.autoComplete, 'autoComplete', true),
    strictReadiness: checkFlag(options.strictReadiness, 'strictReadiness', true),
    loadThreads: checkInteger(options.loadThreads ?? 4, 'loadThreads', 1, 128),
    devices: devices?.map((device, index) => checkInteger(device, `devices[${index}]`, 0)),
    memoryBudgetBytes: memoryBudgetBytes && checkInteger(memoryBudgetBytes, 'memoryBudgetBytes', 1),
    unloadWhenFull: checkChoice(options.unloadWhenFull ?? 'refuse', 'unloadWhenFull', [
      'refuse',
      'lru',
    ]),
    loadOnDemand: checkFlag(options.loadOnDemand, 'loadOnDemand', false),
    pinnedModels: checkStrings(options.pinnedModels ?? [], 'pinnedModels'),
    cache: cache && { sizeBytes: checkInteger(cache.sizeBytes, 'cache.sizeBytes', 0) },
    rateLimit: checkChoice(options.rateLimit ?? 'off', 'rateLimit', ['off', 'execution_count']),
    rateLimitResources: options.rateLimitResources ?? [],
    backendConfig: options.backendConfig ?? {},
    maxQueueSize: checkInteger(options.maxQueueSize ?? 10_000, 'maxQueueSize', 1),
    log: checkFunction(options.log, 'log', () => undefined),
    onChange: checkFunction(options.onChange, 'onChange', () => undefined),
  };
}
