// InferenceService: what the doors (HTTP, gRPC, the status page, metrics) use of a repository, and nothing else.

import type { ModelConfig } from './config/model-config.js';
import type { InferRequest, InferResponse } from './request.js';
import type { ModelMemory } from './model/backend.js';
import type { ModelStatistics } from './model/statistics.js';

/** A model version's state in the repository index, in Triton's words. */
export type ModelState = 'UNKNOWN' | 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

/** One row of the repository index: a version, or a model of which no version was ever loaded (version ''). */
export interface ModelIndexEntry {
  readonly name: string;
  readonly version: string;
  /** '' for a model that was never loaded. */
  readonly state: ModelState | '';
  /** Why it is not ready; '' when there is nothing to say. */
  readonly reason: string;
}

/** A tensor of a model as its metadata tells it: batch dimension included, as -1. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** What a client may know of a model. */
export interface ModelMetadata {
  readonly name: string;
  /** The versions that are ready. */
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** A version that is ready. */
export interface ServedVersion {
  readonly name: string;
  readonly version: string;
  /** Complete: what the file says, and what was found in the plan. */
  readonly config: ModelConfig;
  readonly statistics: ModelStatistics;
  /** Requests that wait or run. */
  readonly pending: number;
  /** What loading took, warm-up included; where it is known. */
  readonly loadSeconds?: number | undefined;
  memory(): ModelMemory;
  /** The label of class `index` of an output (`label_filename`). */
  label(output: string, index: number): string | undefined;
}

/** Overrides of {@link InferenceService.load}: Triton's parameters of the load request. */
export interface LoadOverrides {
  /** JSON of a ModelConfig, instead of config.pbtxt. */
  readonly config?: string | undefined;
  /** Files by their path in the model's folder, instead of the folder ("1/model.plan"); needs `config`. Paths that leave the folder are refused. */
  readonly files?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** What a server can say of its health. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not: a lost device, a model that could not be loaded. */
  readonly reasons: readonly string[];
  /** A device is lost: nothing but a new process helps. */
  readonly deviceLost?: boolean | undefined;
}

/**
 * Models that answer requests. Failures are {@link ServingError}s with Triton's status.
 */
export interface InferenceService {
  /** Whether clients may load and unload. */
  readonly controlMode: 'none' | 'explicit' | 'poll';
  /** TensorRT or the CPU reference runtime, with its version: for the server's metadata and the status page. '' while nothing was opened. */
  readonly runtimeText: string;
  ready(): Readiness;
  /** Whether the version (default: any) is ready. Unknown models are not. */
  modelReady(name: string, version?: string): boolean;
  /** @throws NOT_FOUND for an unknown model, UNAVAILABLE for one that is not ready */
  metadata(name: string, version?: string): ModelMetadata;
  /** A version that is ready; default: the newest. @throws as {@link metadata} */
  model(name: string, version?: string): ServedVersion;
  /** All versions that were ever ready, of one model or of all. @throws NOT_FOUND */
  served(name?: string, version?: string): readonly ServedVersion[];
  index(onlyReady?: boolean): readonly ModelIndexEntry[];
  /** Loads or reloads. @returns Rejects when it cannot; what was served before goes on. */
  load(name: string, overrides?: LoadOverrides): Promise<void>;
  /** Unloads all versions after the requests that they have. */
  unload(name: string, options?: { dependents?: boolean | undefined }): Promise<void>;
  request(request: InferRequest): Promise<InferResponse>;
}
