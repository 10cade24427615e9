// ServedModel: one loaded version: checks requests, asks the cache, hands them to the scheduler, and counts.

import { ServingError, asError } from '../../errors.js';
import type { ModelConfig } from '../config/model-config.js';
import type { InferTensor } from '../infer-tensor.js';
import type {
  FailureReason,
  InferInputs,
  InferOptions,
  InferResponse,
  PendingRequest,
} from '../request.js';
import type { ResponseCache } from '../scheduler/response-cache.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { turnNow } from '../turn-clock.js';
import type { Backend, ModelMemory } from './backend.js';
import { checkInputs, checkOutputs } from './check-request.js';
import type { LoadedVersion, OpenedModel } from './loading.js';
import { type RequestOwner, ServedRequest } from './served-request.js';
import type { ModelStatistics } from './statistics.js';
import type { TensorSpecs } from './tensor-specs.js';

/** What a version is made of. */
export interface ServedParts {
  readonly version: string;
  readonly config: ModelConfig;
  readonly specs: TensorSpecs;
  readonly statistics: ModelStatistics;
  readonly opened: OpenedModel;
  readonly backend: Backend;
  /** Refuses requests that it could not execute; undefined: it takes all that the config allows. */
  readonly check: ((request: PendingRequest) => void) | undefined;
  readonly scheduler: Scheduler;
  /** Where the config enables it. */
  readonly cache: ResponseCache | undefined;
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly loadSeconds: number;
}

const noOptions: InferOptions = {};

/** Versions loaded so far: a model that was loaded anew has no answers of its predecessor's. */
let loads = 0;

/** Whether an object puts the name before all others. */
function isIndexName(name: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(name);
}

/** @internal */
export class ServedModel implements LoadedVersion, RequestOwner {
  readonly name: string;
  readonly version: string;
  readonly config: ModelConfig;
  readonly statistics: ModelStatistics;
  readonly loadSeconds: number;
  readonly outputNames: readonly string[];
  readonly outputOrder: readonly string[] | undefined;
  readonly #parts: ServedParts;
  readonly #specs: TensorSpecs;
  readonly #scheduler: Scheduler;
  readonly #backend: Backend;
  readonly #refuse: ServedParts['check'];
  readonly #levels: number;
  readonly #defaultLevel: number;
  readonly #cacheVersion: string;
  pending = 0;
  lastUsed: number;
  readonly #onIdle: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(parts: ServedParts) {
    const { config, specs } = parts;
    this.#parts = parts;
    this.name = config.name;
    this.version = parts.version;
    this.config = config;
    this.statistics = parts.statistics;
    this.loadSeconds = parts.loadSeconds;
    this.#specs = specs;
    this.outputNames = specs.outputNames;
    this.outputOrder = specs.outputNames.some(isIndexName) ? specs.outputNames : undefined;
    this.#scheduler = parts.scheduler;
    this.#backend = parts.backend;
    // Where the config leaves no dimension open, it was compared with the model when it was loaded.
    this.#refuse = specs.uniform ? undefined : parts.check;
    const batching = config.dynamic_batching;
    this.#levels = batching?.priority_levels ?? 0;
    this.#defaultLevel = this.#levels > 0 ? (batching?.default_priority_level ?? 0) : 0;
    this.#cacheVersion = `${this.version}/${++loads}`;
    this.lastUsed = performance.now();
  }

  get broken(): Error | undefined {
    return this.#backend.broken;
  }

  memory(): ModelMemory {
    return this.#backend.memory();
  }

  label(output: string, index: number): string | undefined {
    return this.#parts.labels.get(output)?.[index];
  }

  infer(inputs: InferInputs, options: InferOptions = noOptions): Promise<InferResponse> {
    const now = performance.now();
    this.lastUsed = now;
    let request: ServedRequest;
    try {
      request = this.#check(inputs, options, now);
    } catch (error) {
      // Triton counts no request that it refuses before it is queued.
      return Promise.reject(asError(error));
    }
    this.pending++;
    if (!request.watch()) return request.promise;
    if (this.#parts.cache !== undefined && this.#answerFromCache(request, this.#parts.cache)) {
      return request.promise;
    }
    this.#scheduler.enqueue(request);
    return request.promise;
  }

  /** @internal */
  answered(request: ServedRequest, outputs: readonly (InferTensor | undefined)[]): void {
    const now = turnNow();
    const { acceptedAt, startedAt, cacheKey } = request;
    this.statistics.succeeded(now - acceptedAt, (startedAt ?? acceptedAt) - acceptedAt);
    if (cacheKey !== undefined) {
      this.#parts.cache?.put(cacheKey, outputs);
      this.statistics.missed(request.cacheMs + performance.now() - now);
    }
    this.#left();
  }

  /** @internal */
  failed(request: ServedRequest, reason: FailureReason): void {
    this.statistics.failed(turnNow() - request.acceptedAt, reason);
    this.#left();
  }

  async drain(): Promise<void> {
    await this.#scheduler.drain();
    if (this.pending === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#scheduler.close();
    await this.#backend.close();
    await this.#parts.opened.close();
  }

  #left(): void {
    if (--this.pending > 0 || this.#onIdle.length === 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** @throws ServingError */
  #check(inputs: InferInputs, options: InferOptions, now: number): ServedRequest {
    if (this.#closing !== undefined) {
      throw new ServingError(
        'ERR_TRT_MODEL_UNAVAILABLE',
        `Request for unknown model: '${this.name}' version ${this.version} is not at ready state`,
        'Load it again.',
      );
    }
    if (typeof (inputs as unknown) !== 'object' || (inputs as unknown) === null) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `expected the inputs of model '${this.name}' by name`,
        'Give an object of tensors.',
      );
    }
    const checked = checkInputs(this.#specs, inputs);
    const wanted = checkOutputs(this.#specs, options.outputs);
    const request = new ServedRequest(
      this,
      checked.inputs,
      checked.batchSize,
      wanted,
      options,
      this.#levels === 0 ? 0 : this.#priority(options.priority),
      now,
    );
    this.#refuse?.(request);
    return request;
  }

  /** Triton: a level that there is not is the default one. */
  #priority(asked: number | undefined): number {
    if (asked === undefined || asked < 1 || asked > this.#levels || !Number.isInteger(asked)) {
      return this.#defaultLevel;
    }
    return asked;
  }

  #answerFromCache(request: ServedRequest, cache: ResponseCache): boolean {
    const start = performance.now();
    let key: string | undefined;
    try {
      key = cache.key(this.name, this.#cacheVersion, request);
    } catch {
      return false; // an array that was taken away: whoever reads it next says so
    }
    if (key === undefined) return false;
    const outputs = cache.get(key);
    const ms = performance.now() - start;
    if (outputs === undefined) {
      request.cacheMs = ms;
      request.cacheKey = key;
      return false;
    }
    this.statistics.hit(ms);
    request.complete(outputs);
    return true;
  }
}
