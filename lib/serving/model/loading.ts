// Loading: what the parts that bring one model version into service hand to each other.

import type { LogOptions } from '../../log.js';
import type { PlatformOptions } from '../../platform.js';
import type { ModelConfig } from '../config/model-config.js';
import type { Datatype } from '../datatype.js';
import type { InferInputs, InferOptions, InferRequest, InferResponse } from '../request.js';
import type { RateLimiter } from '../scheduler/rate-limiter.js';
import type { ResponseCache } from '../scheduler/response-cache.js';
import type { ServedVersion } from '../service.js';
import type { Backend } from './backend.js';
import type { ModelStatistics } from './statistics.js';

/** A tensor as the model file has it; batch dimension included, -1 where dynamic. @internal */
export interface TensorFacts {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Its values take part in computing shapes. */
  readonly isShapeTensor: boolean;
}

/** What a model file tells of itself: a config is completed from it, and checked against it. @internal */
export interface ModelFacts {
  /** As in Triton's `platform`. */
  readonly platform: string;
  readonly inputs: readonly TensorFacts[];
  readonly outputs: readonly TensorFacts[];
  /** Largest first dimension that all optimization profiles together take; 0: not a batch dimension; undefined: it does not say (ONNX). */
  readonly maxBatchSize: number | undefined;
  readonly numProfiles: number;
}

/** What all models of a repository share. @internal */
export interface LoadContext {
  /** Which TensorRT, its plugins and its log. */
  readonly platform: PlatformOptions & LogOptions;
  /** Devices to use where a config names none. */
  readonly devices: readonly number[];
  /** false: a config is used as it is (--disable-auto-complete-config). */
  readonly autoComplete: boolean;
  /** The repository's other models, for ensembles. */
  readonly models: ModelDirectory;
  readonly cache: ResponseCache | undefined;
  readonly limiter: RateLimiter | undefined;
  /** --backend-config=tensorrt,NAME=VALUE and such, by backend. */
  readonly backendConfig: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Requests that may wait for a model whose queue policy has no bound. */
  readonly maxQueueSize: number;
  log(level: 'error' | 'warning' | 'info' | 'verbose', message: string): void;
}

/** The models that an ensemble can call. @internal */
export interface ModelDirectory {
  request(request: InferRequest): Promise<InferResponse>;
  /** Config of a version that is ready. @throws ServingError */
  config(name: string, version?: string): ModelConfig;
}

/** One version that is to be loaded. @internal */
export interface VersionSource {
  readonly name: string;
  readonly version: string;
  /** As it is in the file, or undefined; not completed. */
  readonly config: ModelConfig | undefined;
  /** Real path of the model's folder, for label files, warm-up data and the like; undefined where all files come from `files`. */
  readonly folder: string | undefined;
  /** Files by their path in the model's folder, instead of it. */
  readonly files: ReadonlyMap<string, Uint8Array> | undefined;
  readonly statistics: ModelStatistics;
  readonly signal?: AbortSignal | undefined;
}

/** A model file that was opened, before it is known how it is to be served. @internal */
export interface OpenedModel {
  /** undefined: it tells nothing (JavaScript, ensembles): the config must say all. */
  readonly facts: ModelFacts | undefined;
  /** Makes what executes it, to the completed config. Once. */
  start(config: ModelConfig): Promise<Backend>;
  /** Frees it, started or not. */
  close(): Promise<void>;
}

/** Each backend has one. @internal */
export type OpenModel = (source: VersionSource, context: LoadContext) => Promise<OpenedModel>;

/** A version that answers requests. @internal */
export interface LoadedVersion extends ServedVersion {
  infer(inputs: InferInputs, options: InferOptions): Promise<InferResponse>;
  /** Why nothing can be executed any more. */
  readonly broken: Error | undefined;
  /** performance.now() of the last request's arrival. */
  readonly lastUsed: number;
  /** Resolves when no request waits or runs. New ones are still taken: the repository no longer sends any. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
