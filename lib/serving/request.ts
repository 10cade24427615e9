// Requests and responses of inference, as doors hand them in and as schedulers and backends see them.

import type { DeviceTensor } from '../device-tensor.js';
import type { Tensor } from '../tensor.js';
import type { Cancellation } from './cancellation.js';
import type { NumericArray } from './datatype.js';
import type { InferTensor } from './infer-tensor.js';

/** Parameters of a request or response, as the protocol has them. */
export type Parameters = Readonly<Record<string, string | number | boolean | bigint>>;

/**
 * One input of {@link ModelRepository.infer}: a tensor with its shape, or an array alone where its length determines the shape; strings for TYPE_STRING.
 */
export type InferInput =
  Tensor | DeviceTensor | InferTensor | NumericArray | readonly (string | Uint8Array)[];

/** Inputs by name. */
export type InferInputs = Readonly<Record<string, InferInput>>;

/** How a request is to be handled. */
export interface InferOptions {
  /** Version, for example 3; default: the newest that is ready. */
  version?: number | string | undefined;
  /** Outputs to compute and give back; default all. */
  outputs?: readonly string[] | undefined;
  /** Given back in the response. */
  id?: string | undefined;
  /** 1 is the highest; 0 or left out: the config's default level. */
  priority?: number | undefined;
  /** Milliseconds after which it is given up if it has not started; where the queue policy allows to override its own. */
  timeoutMs?: number | undefined;
  /** Gives the request up: one that waits is taken out of the queue and never reaches the device. */
  signal?: AbortSignal | undefined;
  /** The same, cheaper, of requests that came through a door; `signal` is made of it when somebody reads that. @internal */
  cancellation?: Cancellation | undefined;
  /** Sequence that this request belongs to; 0 or '' is none. */
  sequenceId?: number | bigint | string | undefined;
  sequenceStart?: boolean | undefined;
  sequenceEnd?: boolean | undefined;
  /**
   * Outputs may be views of memory that the requests of one batch share: one copy for all, and no memory is freed before all of them are forgotten. Default
   * false: only outputs of up to 64 KiB in the whole batch share memory, as Node's small Buffers do; copy what you transfer.
   */
  views?: boolean | undefined;
  /** Outputs that stay on the device, where the backend can: an ensemble's steps hand tensors on so. @internal */
  onDevice?: readonly string[] | undefined;
  /** Told when the request reached a step of its way, by performance.now(): set for the few requests that are traced. @internal */
  trace?: ((activity: TraceActivity, at: number) => void) | undefined;
  /** Handed to js backends, and given back by none other. */
  parameters?: Parameters | undefined;
}

/** Steps of a request's way that the model knows of, by Triton's names; the doors add their own. @internal */
export type TraceActivity =
  'QUEUE_START' | 'COMPUTE_START' | 'COMPUTE_INPUT_END' | 'COMPUTE_OUTPUT_START' | 'COMPUTE_END';

/** A request as a door hands it in. */
export interface InferRequest extends InferOptions {
  readonly modelName: string;
  readonly inputs: InferInputs;
}

/** What came of it. */
export interface InferResponse {
  readonly modelName: string;
  /** The version that answered. */
  readonly modelVersion: string;
  readonly id: string;
  /** By name, in the order of the config; objects put names such as '914' first. */
  readonly outputs: Readonly<Record<string, InferTensor>>;
  /** The order of the config where `outputs` could not keep it; also names of outputs that were not wanted. @internal */
  readonly outputOrder?: readonly string[] | undefined;
  readonly parameters?: Parameters | undefined;
}

/**
 * A request inside a model: checked against the config, waiting or being executed. It settles exactly once; settling again does nothing, so that a
 * cancelled request may still be on the device.
 * @internal
 */
export interface PendingRequest {
  /** In the order of the config's inputs; undefined: an optional one that was not given. */
  readonly inputs: readonly (InferTensor | undefined)[];
  /**
   * Inputs of the model that are not among the config's, by name: controls and states of sequences. With a batch dimension where the model has one. All
   * requests of a batch have the same ones; a backend batches them as it does `inputs`.
   */
  readonly extraInputs?: ReadonlyMap<string, InferTensor> | undefined;
  /** Outputs of the model to hand to {@link complete} by name, whether or not they are among the config's and wanted: states of sequences. */
  readonly extraOutputs?: readonly string[] | undefined;
  /** Items along the batch dimension; 1 where max_batch_size is 0. */
  readonly batchSize: number;
  /** Indices of the config's outputs that are wanted; undefined: all. */
  readonly wanted: readonly number[] | undefined;
  readonly options: InferOptions;
  /** Level, 1 the highest; 0 where the model has no levels. */
  priority: number;
  /** performance.now() when it was accepted. */
  readonly acceptedAt: number;
  /** performance.now() when it was handed to the backend, set by the scheduler; undefined: it waits, or nobody knows. */
  startedAt?: number | undefined;
  /** performance.now() at which it is over if it still waits, set by the scheduler; undefined: never. */
  deadline?: number | undefined;
  /** Set by a scheduler that keeps answers in order: gets each answer or failure of it, to deliver it in its turn. */
  hold?: ((deliver: () => void) => void) | undefined;
  /** Whether it was answered, failed, timed out or cancelled. */
  readonly settled: boolean;
  /** Answers it: outputs in the order of the config's; undefined where not wanted. `extra`: what {@link extraOutputs} asks for. */
  complete(
    outputs: readonly (InferTensor | undefined)[],
    parameters?: Parameters,
    extra?: ReadonlyMap<string, InferTensor>,
  ): void;
  /** Fails it. */
  fail(error: Error, reason: FailureReason): void;
  /** Called once when it settles by signal or timeout while it waits: the scheduler takes it out of its queue. */
  onWithdrawn: (() => void) | undefined;
}

/**
 * Names of the outputs in the order in which they are to be sent: as asked for, else the config's.
 * @internal
 */
export function outputNamesOf(
  { outputs, outputOrder }: InferResponse,
  asked: readonly string[] | undefined,
): readonly string[] {
  const order = asked ?? outputOrder;
  if (order === undefined) return Object.keys(outputs);
  return order.filter((name) => Object.hasOwn(outputs, name));
}

/** nv_inference_request_failure's reasons. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';
