// ModelRepository: the models of one or several folders, served in this process.

import { DeviceLostError, ServingError } from '../../errors.js';
import { metadataOf } from '../config/metadata.js';
import { loadModelVersion } from '../model/load-version.js';
import type { InferTensor } from '../infer-tensor.js';
import type { ModelMemory } from '../model/backend.js';
import type { LoadContext, LoadedVersion, VersionSource } from '../model/loading.js';
import type { InferInputs, InferOptions, InferRequest, InferResponse } from '../request.js';
import { createRateLimiter } from '../scheduler/rate-limiter.js';
import { createResponseCache } from '../scheduler/response-cache.js';
import type {
  InferenceService,
  LoadOverrides,
  ModelIndexEntry,
  ModelMetadata,
  Readiness,
  ServedVersion,
} from '../service.js';
import { estimateDeviceBytes } from './estimate.js';
import { RepositoryFolders, duplicateReason } from './folders.js';
import { MemoryBudget } from './memory-budget.js';
import { type ModelDescription, describeEntry, memoryOf } from './memory-report.js';
import { ModelControl } from './model-control.js';
import { type ModelEntry, reasonOf } from './model-entry.js';
import { checkModelName, isModelName, requestedVersion } from './names.js';
import { OnDemand } from './on-demand.js';
import {
  type CheckedOptions,
  type ControlMode,
  type RepositoryOptions,
  checkRepositoryOptions,
} from './options.js';
import { PlatformFacts } from './platform-facts.js';
import { Poller } from './poller.js';
import { closedRepository, controlRefused, unknownModel } from './words.js';

/** Loads a version; a test's own instead of the real one. @internal */
export type LoadVersion = (source: VersionSource, context: LoadContext) => Promise<LoadedVersion>;

/** Requests in flight get this long when the repository is closed. */
const closeGraceMs = 30_000;

function outputsOf(response: InferResponse): Readonly<Record<string, InferTensor>> {
  return response.outputs;
}

/**
 * The models of a repository in Triton's layout (`NAME/config.pbtxt`, `NAME/VERSION/model.plan`), loaded, warmed and answering in this process: with dynamic
 * batching, versions, ensembles and all that their configs ask for. A model that cannot be loaded stops no other; {@link ModelRepository.index} says why.
 *
 * @example
 * ```ts
 * await using repo = await ModelRepository.open('models');
 * const { output } = await repo.infer('resnet50', { input: pixels }, { timeoutMs: 100 });
 * console.log(output.shape, output.data);
 * ```
 */
export class ModelRepository implements InferenceService, AsyncDisposable {
  /** The newest version that is ready, by model. */
  readonly #newest = new Map<string, LoadedVersion>();
  readonly #options: CheckedOptions;
  readonly #folders: RepositoryFolders;
  readonly #platform: PlatformFacts;
  readonly #budget: MemoryBudget;
  readonly #control: ModelControl;
  readonly #onDemand: OnDemand;
  readonly #poller: Poller | undefined;
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;

  private constructor(paths: readonly string[], options: CheckedOptions, load: LoadVersion) {
    this.#options = options;
    this.#folders = new RepositoryFolders(paths);
    this.#platform = new PlatformFacts(options.platform, options.devices);
    const pinned = new Set(options.pinnedModels);
    const lru = options.unloadWhenFull === 'lru';
    this.#budget = new MemoryBudget(
      options.memoryBudgetBytes,
      async () => (await this.#control.freed()) || (lru && this.#control.evict(pinned)),
    );
    const context = this.#context();
    const { log, onChange } = options;
    this.#control = new ModelControl(
      this.#folders,
      {
        configName: options.modelConfigName,
        autoComplete: options.autoComplete,
        onDemand: options.loadOnDemand,
        loadThreads: options.loadThreads,
        warn: (message) => {
          log('warning', message);
        },
      },
      {
        newest: this.#newest,
        signal: this.#ending.signal,
        load: (source) => this.#loadVersion(source, context, load),
        close: (version) => this.#budget.close(version),
        log,
        changed: onChange,
      },
    );
    this.#onDemand = new OnDemand({
      entry: (name) => this.#control.entry(name),
      load: (name) => this.#loadNow(name, { onDemand: true }),
      infer: (request) => this.#inferLoaded(request),
    });
    if (options.controlMode === 'poll') this.#poller = this.#createPoller();
  }

  /**
   * Opens a repository: reads its folders and loads the models that `controlMode` asks for. Models that cannot be loaded do not make it fail.
   *
   * @param path - The folder, or several.
   * @returns Rejects with {@link FileError} ERR_TRT_FILE for a path that is no folder, {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT.
   */
  static async open(
    path: string | readonly string[],
    options: RepositoryOptions = {},
  ): Promise<ModelRepository> {
    return ModelRepository.openWith(path, options, loadModelVersion);
  }

  /** {@link open} with another way of loading. @internal */
  static async openWith(
    path: string | readonly string[],
    options: RepositoryOptions,
    load: LoadVersion,
  ): Promise<ModelRepository> {
    const paths = typeof path === 'string' ? [path] : path;
    const repository = new ModelRepository(paths, checkRepositoryOptions(options), load);
    await repository.#start();
    return repository;
  }

  /** When models are loaded, as it was opened. */
  get controlMode(): ControlMode {
    return this.#options.controlMode;
  }

  /** TensorRT or the CPU reference runtime, with its version; '' while no plan was opened. */
  get runtimeText(): string {
    return this.#platform.text;
  }

  /**
   * Runs a model.
   *
   * @param name - The model.
   * @param inputs - By name: tensors, or arrays whose length determines the shape.
   * @param options - Version, outputs, priority, timeout, signal, sequence.
   * @returns The outputs by name, with `data` as the typed array of their datatype. Rejects with {@link ServingError}: ERR_TRT_REQUEST, ERR_TRT_MODEL_NOT_FOUND,
   *   ERR_TRT_MODEL_UNAVAILABLE, ERR_TRT_QUEUE_FULL, ERR_TRT_REQUEST_TIMEOUT, ERR_TRT_REQUEST_CANCELLED, ERR_TRT_MODEL_BACKEND
   */
  infer(
    name: string,
    inputs: InferInputs,
    options: InferOptions = {},
  ): Promise<Readonly<Record<string, InferTensor>>> {
    const found = this.#answering(name, options.version);
    if (found !== undefined) return found.infer(inputs, options).then(outputsOf);
    return this.#other({ ...options, modelName: name, inputs }).then(outputsOf);
  }

  /** {@link infer} with the whole response, as the doors use it. @throws as {@link infer} */
  request(request: InferRequest): Promise<InferResponse> {
    const found = this.#answering(request.modelName, request.version);
    if (found !== undefined) return found.infer(request.inputs, request);
    return this.#other(request);
  }

  /** Whether it can serve, and if not, why: a lost device; with `strictReadiness` a model that should be loaded and is not. */
  ready(): Readiness {
    const reasons: string[] = [];
    let deviceLost = false;
    if (this.#closing !== undefined) reasons.push(closedRepository().reason);
    for (const entry of this.#control.entries.values()) {
      for (const { version, broken } of entry.ready.values()) {
        if (broken === undefined) continue;
        deviceLost ||= broken instanceof DeviceLostError;
        reasons.push(`model '${entry.name}' version ${version}: ${reasonOf(broken)}`);
      }
      if (!this.#options.strictReadiness || !entry.wanted || entry.evicted || entry.isReady)
        continue;
      const why =
        entry.failure === undefined
          ? 'it is being loaded'
          : reasonOf(entry.failure.error).replace(/;$/, '');
      reasons.push(`model '${entry.name}' is not ready: ${why}`);
    }
    return { ready: reasons.length === 0, reasons, ...(deviceLost && { deviceLost }) };
  }

  /** Whether the version (default: any) answers. */
  modelReady(name: string, version?: string): boolean {
    const found = this.#answering(name, version);
    return found !== undefined && found.broken === undefined;
  }

  /** What a client may know. @throws ERR_TRT_MODEL_NOT_FOUND, ERR_TRT_MODEL_UNAVAILABLE */
  metadata(name: string, version?: string): ModelMetadata {
    const { config } = this.model(name, version);
    const versions = [...(this.#control.entries.get(name)?.ready.keys() ?? [])];
    return metadataOf(
      config,
      versions.sort((a, b) => Number(a) - Number(b)),
    );
  }

  /** A version that answers; default the newest. @throws ERR_TRT_MODEL_NOT_FOUND, ERR_TRT_MODEL_UNAVAILABLE */
  model(name: string, version?: string): ServedVersion {
    return this.#find(name, version);
  }

  /** All versions that were ever ready, of one model or of all. @throws ERR_TRT_MODEL_NOT_FOUND */
  served(name?: string, version?: string): readonly ServedVersion[] {
    const { entries } = this.#control;
    const wanted = requestedVersion(version);
    const found: ServedVersion[] = [];
    const chosen = name === undefined || name === '' ? entries.values() : [entries.get(name)];
    for (const entry of chosen) {
      for (const record of entry?.records.values() ?? []) {
        const { served } = record;
        if (served !== undefined && (wanted === undefined || wanted === record.version)) {
          found.push(served);
        }
      }
    }
    if (found.length > 0 || name === undefined || name === '') return found;
    throw unknownModel(name, wanted, entries.get(name));
  }

  /** All models and versions with their states, also those that were never loaded. */
  index(onlyReady = false): readonly ModelIndexEntry[] {
    const { entries } = this.#control;
    const listed = this.#folders.scan();
    const names = new Set([...listed.keys(), ...entries.keys()]);
    const rows = [...names].sort().flatMap((name): ModelIndexEntry[] => {
      const known = entries.get(name)?.rows() ?? [];
      if ((listed.get(name)?.length ?? 0) > 1 && !known.some(({ state }) => state === 'READY')) {
        return [{ name, version: '', state: 'UNAVAILABLE', reason: duplicateReason }];
      }
      return known.length > 0 ? known : [{ name, version: '', state: '', reason: '' }];
    });
    return onlyReady ? rows.filter(({ state }) => state === 'READY') : rows;
  }

  /** A row a version: what the start-up table and the status page show. */
  describe(): readonly ModelDescription[] {
    const { entries } = this.#control;
    return [...entries.keys()]
      .sort()
      .flatMap((name) => describeEntry(entries.get(name) as ModelEntry));
  }

  /** What each model holds, in bytes; models that are not loaded are left out. */
  memory(): ReadonlyMap<string, ModelMemory> {
    const all = new Map<string, ModelMemory>();
    for (const [name, entry] of this.#control.entries) {
      if (!entry.held().next().done) all.set(name, memoryOf(entry));
    }
    return all;
  }

  /**
   * Loads a model, or loads it anew if something of it changed, with all that it needs. Requests are answered all the time: by what was served before, until the
   * new versions are ready and warm.
   *
   * @returns Rejects with {@link ServingError} ERR_TRT_MODEL_UNAVAILABLE unless `controlMode` is 'explicit'; ERR_TRT_REQUEST, ERR_TRT_MODEL_CONFIG,
   *   ERR_TRT_MODEL_LOAD: what was served before goes on.
   */
  async load(name: string, overrides?: LoadOverrides): Promise<void> {
    if (this.#closing !== undefined) throw closedRepository();
    if (this.controlMode !== 'explicit') throw controlRefused();
    const given = overrides?.config !== undefined || (overrides?.files?.size ?? 0) > 0;
    await this.#loadNow(checkModelName(name), { overrides: given ? overrides : undefined });
  }

  /**
   * Unloads all versions of a model when their requests are done, and the ensembles that need it. A model that is not loaded is unloaded already.
   *
   * @param options - `dependents`: also the models that were loaded only because this one, an ensemble, calls them.
   * @returns Rejects with {@link ServingError} ERR_TRT_MODEL_UNAVAILABLE unless `controlMode` is 'explicit'
   */
  async unload(name: string, options: { dependents?: boolean | undefined } = {}): Promise<void> {
    if (this.#closing !== undefined) throw closedRepository();
    if (this.controlMode !== 'explicit') throw controlRefused();
    await this.#control.unload(name, options.dependents === true);
  }

  /** Looks at the folders now instead of waiting for the next time; only with `controlMode: 'poll'`. */
  async poll(): Promise<void> {
    if (this.#poller === undefined) {
      throw new ServingError(
        'ERR_TRT_MODEL_UNAVAILABLE',
        'polling is disabled',
        "Open the repository with controlMode: 'poll'.",
      );
    }
    await this.#poller.look();
  }

  /** Answers the requests that it has, at most half a minute long, and frees everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    const { controlMode, loadModels } = this.#options;
    if (this.#poller !== undefined) {
      await this.#poller.start();
      return;
    }
    const all = controlMode === 'none' || loadModels.includes('*');
    const names = all ? [...this.#folders.scan().keys()] : loadModels.map(checkModelName);
    if (names.length > 0) await this.#control.load({ names, wanted: true });
  }

  #context(): LoadContext {
    const { options, platform } = { options: this.#options, platform: this.#platform };
    const { log } = options;
    return {
      platform: {
        ...options.platform,
        log: (severity, message) => {
          log(severity === 'internalError' ? 'error' : severity, message);
        },
      },
      get devices() {
        return platform.devices;
      },
      autoComplete: options.autoComplete,
      models: {
        request: (request) => this.request(request),
        config: (name, version) => this.model(name, version).config,
      },
      cache: options.cache && createResponseCache(options.cache.sizeBytes),
      limiter:
        options.rateLimit === 'execution_count'
          ? createRateLimiter(options.rateLimitResources)
          : undefined,
      backendConfig: options.backendConfig,
      maxQueueSize: options.maxQueueSize,
      log,
    };
  }

  #createPoller(): Poller {
    const { pollSeconds, debounceMs, log } = this.#options;
    return new Poller(this.#folders, pollSeconds * 1000, debounceMs, {
      changed: async (listings) => {
        await this.#control.load({ names: [...listings.keys()], listings, wanted: true });
      },
      removed: async (name, reason) => {
        await this.#control.unload(name, false);
        if (reason === duplicateReason) log('error', `failed to poll model '${name}': ${reason}`);
      },
      unreadable: (name, error) => {
        this.#control.entry(name).fail(error);
        log('error', `Poll failed for model directory '${name}': ${reasonOf(error)}`);
      },
      log,
    });
  }

  async #loadVersion(
    source: VersionSource,
    context: LoadContext,
    load: LoadVersion,
  ): Promise<LoadedVersion> {
    const estimate = this.#budget.limited
      ? await estimateDeviceBytes(source, this.#platform.devices, (device) =>
          this.#platform.machine(device),
        )
      : 0;
    return this.#budget.load(source.name, estimate, () => load(source, context));
  }

  /** @throws why it could not be loaded */
  async #loadNow(
    name: string,
    how: { overrides?: LoadOverrides | undefined; onDemand?: boolean },
  ): Promise<void> {
    const failures = await this.#control.load({ names: [name], ...how });
    if (failures.has(name)) throw failures.get(name);
  }

  #answering(name: string, version: number | string | undefined): LoadedVersion | undefined {
    if (version === undefined) return this.#newest.get(name);
    const wanted = requestedVersion(version);
    if (wanted === undefined) return this.#newest.get(name);
    return this.#control.entries.get(name)?.ready.get(wanted);
  }

  #find(name: string, version: number | string | undefined): LoadedVersion {
    const found = this.#answering(name, version);
    if (found !== undefined) return found;
    throw unknownModel(name, requestedVersion(version), this.#control.entries.get(name));
  }

  /** Requests that no version answers: not yet, or not at all. */
  async #other(request: InferRequest): Promise<InferResponse> {
    const { modelName: name } = request;
    if (this.#closing !== undefined) throw closedRepository();
    if (this.#newest.has(name) || !this.#canLoad(name)) return this.#inferLoaded(request);
    return this.#onDemand.request(request);
  }

  #inferLoaded(request: InferRequest): Promise<InferResponse> {
    return this.#find(request.modelName, request.version).infer(request.inputs, request);
  }

  /** Whether a request may load the model. */
  #canLoad(name: string): boolean {
    if (!this.#options.loadOnDemand || !isModelName(name)) return false;
    const entry = this.#control.entries.get(name);
    if (entry !== undefined) return !entry.stopped;
    return this.#folders.rootOf(name) !== undefined;
  }

  async #close(): Promise<void> {
    await Promise.resolve(); // `#closing` is set: nothing new begins
    this.#ending.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeGraceMs);
    });
    await Promise.race([this.#finish(), late]);
    clearTimeout(timer);
    await Promise.all([...this.#control.entries.values()].map((entry) => entry.abandon()));
  }

  async #finish(): Promise<void> {
    await this.#poller?.close();
    await this.#control.settled();
    await this.#control.unloadAll();
  }
}
