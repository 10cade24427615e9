// JsBackend: executes batches with a js model, wherever its code runs.

import { asError, describe } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { Backend, Batch, ModelMemory } from '../../model/backend.js';
import type { Parameters, PendingRequest } from '../../request.js';
import { modelError } from '../model-error.js';
import { JsOutputs } from './outputs.js';
import { hostRequest } from './requests.js';
import type { JsRunner, RawResponse } from './runner.js';

/** @internal */
export class JsBackend implements Backend {
  readonly platform = 'js';
  readonly #config: ModelConfig;
  readonly #runner: JsRunner;
  readonly #outputs: JsOutputs;
  /** Batches whose inputs are being read. */
  #starting = 0;
  readonly #running = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(config: ModelConfig, runner: JsRunner) {
    this.#config = config;
    this.#runner = runner;
    this.#outputs = new JsOutputs(config);
  }

  get free(): number {
    return Math.max(0, this.#runner.free - this.#starting);
  }

  get broken(): Error | undefined {
    return this.#runner.broken;
  }

  get onFree(): (() => void) | undefined {
    return this.#runner.onFree;
  }

  set onFree(callback: (() => void) | undefined) {
    this.#runner.onFree = callback;
  }

  execute(batch: Batch): void {
    this.#starting++; // until the runner has it
    const run = this.#run(batch).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #run(batch: Batch): Promise<void> {
    const start = performance.now();
    let computeStart = start;
    let computeEnd = start;
    let failure: Error | undefined;
    let starting = true;
    const started = (): void => {
      if (starting) this.#starting--;
      starting = false;
    };
    try {
      const requests = await Promise.all(
        batch.requests.map((request) =>
          hostRequest(request, this.#config, this.#outputs.names(request)),
        ),
      );
      computeStart = performance.now();
      const executed = this.#runner.execute(requests, batch.instance);
      started();
      const responses = await executed;
      computeEnd = performance.now();
      if (responses.length !== requests.length) {
        throw new Error(
          `model '${this.#config.name}' gave ${responses.length} responses to ${requests.length} requests`,
        );
      }
      for (const [index, request] of batch.requests.entries()) {
        this.#settle(request, responses[index] as RawResponse);
      }
    } catch (thrown) {
      started();
      failure = modelError(this.#config.name, asError(thrown));
      for (const request of batch.requests) request.fail(failure, 'BACKEND');
    }
    const end = performance.now();
    computeEnd = Math.max(computeStart, computeEnd);
    batch.ended({ start, computeStart, computeEnd, end }, failure);
    if (failure !== undefined) this.onFree?.(); // it may have ended before the runner had it
  }

  #settle(request: PendingRequest, response: RawResponse): void {
    try {
      if ('error' in response) throw response.error;
      const given: unknown = (response as { outputs?: unknown } | null | undefined)?.outputs;
      if (typeof given !== 'object' || given === null) {
        throw new Error(
          `model '${this.#config.name}' gave ${describe(response)} as a response, expected { outputs } or an Error`,
        );
      }
      const [outputs, extra] = this.#outputs.tensors(given as Record<string, unknown>, request);
      request.complete(outputs, response.parameters as Parameters | undefined, extra);
    } catch (thrown) {
      request.fail(modelError(this.#config.name, asError(thrown)), 'BACKEND');
    }
  }

  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all(this.#running);
      await this.#runner.close().catch(() => undefined); // finalize() failed: the model is gone all the same
    })();
    return this.#closing;
  }
}
