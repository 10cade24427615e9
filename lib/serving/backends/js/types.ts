// JsModel: what a model of `backend: "js"` exports, gets and gives back.

import type { Tensor } from '../../../tensor.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { Datatype, NumericArray } from '../../datatype.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { Parameters } from '../../request.js';

/** An input as a model gets it. Its memory may belong to the caller of the request: do not change it. */
export interface JsTensor {
  readonly datatype: Datatype;
  /** The dimensions; with `max_batch_size` above 0 the first is the request's batch. */
  readonly shape: readonly number[];
  /** The typed array of the datatype (FP16 and BF16: the bits, BOOL: 0 and 1); for BYTES (TYPE_STRING) an array of byte strings. */
  readonly data: NumericArray | readonly Uint8Array[];
}

/**
 * An output: a tensor, or an array alone where the config's dims leave only one length open. The datatype, if given, must be the config's. TYPE_STRING
 * outputs are arrays of strings (UTF-8) or byte strings.
 */
export type JsOutput =
  | InferTensor
  | Tensor
  | {
      readonly data: NumericArray | readonly (string | Uint8Array)[];
      readonly shape?: readonly number[] | undefined;
      readonly datatype?: Datatype | undefined;
    }
  | NumericArray
  | readonly (string | Uint8Array)[];

/** The sequence that a request belongs to. */
export interface JsSequence {
  readonly id: number | bigint | string;
  readonly start: boolean;
  readonly end: boolean;
}

/** One request of a batch. */
export interface JsRequest {
  /** The client's id; '' without one. */
  readonly id: string;
  /** By name; optional inputs that were not given are missing. Controls and states of sequences are among them. */
  readonly inputs: Readonly<Record<string, JsTensor>>;
  /** Names of the outputs that are needed; others may be left out. */
  readonly outputs: readonly string[];
  readonly parameters: Parameters;
  /** Items along the batch dimension; 1 where max_batch_size is 0. */
  readonly batchSize: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal | undefined;
  /** undefined without a correlation id. */
  readonly sequence: JsSequence | undefined;
}

/** The answer to one request. */
export interface JsResponse {
  readonly outputs: Readonly<Record<string, JsOutput>>;
  /** Given to the client with the response. */
  readonly parameters?: Parameters | undefined;
}

/** What a model may know of itself. */
export interface JsContext {
  readonly name: string;
  readonly version: string;
  /** Complete config of the model; its own settings are in `config.parameters`. */
  readonly config: ModelConfig;
  /** Path of the model's folder: label files and the like are there. */
  readonly folder: string;
  /** Index of the instance, from 0; in the process always 0. */
  readonly instance: number;
  /** Writes to the server's log. */
  log(level: 'error' | 'warning' | 'info' | 'verbose', message: string): void;
}

/** The exports of `NAME/VERSION/model.js` (or `.mjs`, `.cjs`), or its default export. */
export interface JsModel {
  /** Once, before the first batch; failing fails the load. */
  initialize?(context: JsContext): void | Promise<void>;
  /**
   * Answers the requests of a batch.
   *
   * @returns One response for each request, in the same order; an Error fails that request alone. Throwing fails all of them. The error's message goes to
   *   the client; with `code: 'ERR_TRT_REQUEST'` it counts as the client's fault (400 instead of 500).
   */
  execute(
    requests: readonly JsRequest[],
    context: JsContext,
  ): readonly (JsResponse | Error)[] | Promise<readonly (JsResponse | Error)[]>;
  /** Once, after the last batch. */
  finalize?(): void | Promise<void>;
}
