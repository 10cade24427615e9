// The plan cache: from an ONNX model to an engine, building only what nobody has built before.

import { existsSync } from 'node:fs';
import { type BuildOptions, build } from '../build/build.js';
import type { BuildProgress } from '../build/progress.js';
import { FileError, isTensorRTError, invalidArgument } from '../errors.js';
import { type LogSeverity, logSeverities } from '../log.js';
import type { NativeDeviceInfo, NativePlatform } from '../native.js';
import type { SessionOptions } from '../session/types.js';
import { checkInteger, checkString } from '../validate.js';
import { Entry } from './entry.js';
import { type CacheFolder, defaultCacheDir, evict, openCacheFolder } from './folder.js';
import { keyOf, modelDigest, planOptions, readIngredients } from './key.js';
import { takeLock } from './lock.js';
import type { ModelSource } from './model-source.js';
import { modelOptionNames } from './options.js';
import { SharedTasks } from './shared-task.js';

/** A model to load, on what, and how. */
export interface ModelRequest<T> {
  readonly source: ModelSource;
  readonly options: SessionOptions;
  readonly platform: NativePlatform;
  readonly device: NativeDeviceInfo;
  readonly signal: AbortSignal | undefined;
  /** Deserializes a plan, on one device or on several of a kind. */
  readonly open: (plan: string | Uint8Array) => Promise<T>;
}

type Progress = (progress: BuildProgress) => void;

/** Builds that are going on in this environment, by what they make. */
const building = new SharedTasks<Progress>();

/** What TensorRT says of a plan that was not built for where it is, or is not as it was built. */
const refusals = [
  'ERR_TRT_PLAN_VERSION',
  'ERR_TRT_PLAN_DEVICE',
  'ERR_TRT_PLAN_RUNTIME',
  'ERR_TRT_INVALID_PLAN',
  'ERR_TRT_DESERIALIZE',
];

/**
 * The engine of an ONNX model: from the cache, or built and then kept there.
 *
 * @throws What build() and deserializing throw; ERR_TRT_FILE for a cache that cannot be used; ERR_TRT_ABORTED.
 */
export async function engineOfModel<T>(request: ModelRequest<T>): Promise<T> {
  const { options, open } = request;
  checkHostCode(options);
  const cacheDir = checkCacheDir(options.cacheDir);
  const mostBytes =
    options.cacheMaxBytes === undefined
      ? undefined
      : checkInteger(options.cacheMaxBytes, 'cacheMaxBytes', 0);
  if (cacheDir === false) return open(await buildModel(request, request.signal, options.progress));
  const loading = new CachedLoad(request, await openCacheFolder(cacheDir), mostBytes);
  return loading.engine();
}

function checkCacheDir(cacheDir: unknown): string | false {
  if (cacheDir === false) return false;
  if (cacheDir === undefined) return defaultCacheDir();
  if (checkString(cacheDir, 'cacheDir') !== '') return cacheDir as string;
  throw invalidArgument(
    'cacheDir: expected a path or false, got ""',
    'Name a folder; leave it out for the default; false caches nothing.',
  );
}

/** Found out before the build, not after it. */
function checkHostCode(options: SessionOptions): void {
  const brings = options.versionCompatible === true && options.excludeLeanRuntime !== true;
  if (!brings || options.engineHostCodeAllowed === true) return;
  throw invalidArgument(
    'versionCompatible: expected engineHostCodeAllowed: true with it, as the plan will bring its lean runtime, which is host code',
    'Add engineHostCodeAllowed: true, or leave the lean runtime out with excludeLeanRuntime: true.',
  );
}

/** The options of build() among those of Session.load. */
function buildOptions(options: SessionOptions): Omit<BuildOptions, 'onnx'> {
  const others = ['cacheDir', 'cacheMaxBytes'];
  const names = [...modelOptionNames, 'runtime', 'library', 'pluginLibraries', 'device'];
  const given = Object.entries(options);
  return Object.fromEntries(
    given.filter(([name]) => names.includes(name) && !others.includes(name)),
  );
}

function buildModel(
  request: Pick<ModelRequest<unknown>, 'source' | 'options'>,
  signal: AbortSignal | undefined,
  progress: Progress | undefined,
): Promise<Uint8Array> {
  const { source, options } = request;
  const { log, logSeverity } = options;
  return build({ ...buildOptions(options), onnx: source, log, logSeverity, progress, signal });
}

/** Files whose content becomes part of the plan, or decides what it becomes. @throws ERR_TRT_INVALID_ARGUMENT */
function planFiles(options: SessionOptions): readonly string[] {
  const { pluginLibraries = [], pluginsToSerialize = [], calibration } = options;
  if (calibration === undefined) return [...pluginLibraries, ...pluginsToSerialize];
  if (typeof calibration.cacheFile !== 'string' || !existsSync(calibration.cacheFile)) {
    throw invalidArgument(
      'calibration: expected a calibration cache that is there (cacheFile) to tell one cached plan from another, got data alone',
      'Build once with build() and calibration.cacheFile, or load with cacheDir: false.',
    );
  }
  return [...pluginLibraries, ...pluginsToSerialize, calibration.cacheFile];
}

/** One load of one model. */
class CachedLoad<T> {
  readonly #request: ModelRequest<T>;
  readonly #folder: CacheFolder;
  readonly #mostBytes: number | undefined;

  constructor(request: ModelRequest<T>, folder: CacheFolder, mostBytes: number | undefined) {
    this.#request = request;
    this.#folder = folder;
    this.#mostBytes = mostBytes;
  }

  async engine(): Promise<T> {
    const { source, options, platform, device, signal, open } = this.#request;
    const ingredients = await readIngredients(
      source,
      planOptions(buildOptions(options), device.index),
      planFiles(options),
      platform,
      device,
      signal,
    );
    const key = keyOf(ingredients);
    const entry = new Entry(this.#folder, key);
    let known = await entry.verify(signal);
    if (known.state === 'good') await entry.touch();
    for (let attempt = 0; ; attempt++) {
      if (known.state !== 'good') known = await this.#provide(entry, ingredients, key, undefined);
      try {
        return await open(entry.planPath);
      } catch (error) {
        if (attempt > 0 || !isTensorRTError(error) || known.state !== 'good') throw error;
        if (refusals.includes(error.code)) {
          this.#say('warning', `the cached plan ${entry.planPath} is refused: ${error.reason}`);
          known = await this.#provide(entry, ingredients, key, known.sha256);
        } else if (error.code === 'ERR_TRT_FILE') {
          known = await entry.verify(signal); // it was evicted meanwhile
        } else {
          throw error;
        }
      }
    }
  }

  /** Sees to it that there is a good plan other than `refused`, together with all who want the same. */
  async #provide(
    entry: Entry,
    ingredients: Parameters<Entry['write']>[1],
    key: string,
    refused: string | undefined,
  ): Promise<Awaited<ReturnType<Entry['verify']>>> {
    const { options, signal } = this.#request;
    const { progress } = options;
    const listener: Progress = (step) => progress?.(step);
    const name = `${entry.planPath} ${refused ?? ''}`;
    await building.join(name, listener, signal, (anyone, listeners) =>
      this.#provideAlone(entry, ingredients, key, refused, anyone, listeners),
    );
    return entry.verify(signal);
  }

  async #provideAlone(
    entry: Entry,
    ingredients: Parameters<Entry['write']>[1],
    key: string,
    refused: string | undefined,
    signal: AbortSignal,
    listeners: ReadonlySet<Progress>,
  ): Promise<void> {
    const lock = await takeLock(entry.lockPath, signal, () => {
      this.#say('info', `waiting for whoever builds ${entry.planPath}`);
    });
    try {
      const found = await entry.verify(signal);
      if (found.state === 'good' && found.sha256 !== refused) return;
      if (found.state === 'damaged') {
        this.#say(
          'warning',
          `the cached plan ${entry.planPath} is built again, as it cannot be trusted: ${found.reason}`,
        );
      }
      await entry.removeLeftovers();
      const start = performance.now();
      const plan = await buildModel(this.#request, signal, (step) => {
        for (const listener of [...listeners]) listener(step);
      });
      const seconds = (performance.now() - start) / 1000;
      await this.#checkModelUnchanged(ingredients.model, signal);
      await entry.write(plan, ingredients, seconds);
      this.#say('info', `built in ${seconds.toFixed(1)} s and kept as ${entry.planPath}`);
      if (this.#mostBytes !== undefined) await evict(this.#folder, this.#mostBytes, key);
    } finally {
      lock.close();
    }
  }

  /** The builder read the files after they were hashed: the plan must not get the key of what they were before. */
  async #checkModelUnchanged(before: object, signal: AbortSignal): Promise<void> {
    const { source } = this.#request;
    if (JSON.stringify(await modelDigest(source, signal)) === JSON.stringify(before)) return;
    throw new FileError(
      'ERR_TRT_FILE',
      `expected ${typeof source === 'string' ? `'${source}'` : 'the weights'} to stay as it is while it is built, but it was changed`,
      'Load it again when it is complete; replace models by renaming a new file over the old one.',
    );
  }

  #say(severity: LogSeverity, message: string): void {
    const { log, logSeverity = 'warning' } = this.#request.options;
    if (logSeverities.indexOf(severity) > logSeverities.indexOf(logSeverity)) return;
    log?.(severity, `[plan cache] ${message}`);
  }
}
