// JsBackend: executes batches with a js model, wherever its code runs.

import { asError, describe } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { Batch } from '../../model/backend.js';
import type { Parameters, PendingRequest } from '../../request.js';
import { HostBackend } from '../host-backend.js';
import { modelError } from '../model-error.js';
import { JsOutputs } from './outputs.js';
import { type HostRequest, hostRequest } from './requests.js';
import type { JsRunner, RawResponse } from './runner.js';

/** @internal */
export class JsBackend extends HostBackend<JsRunner, HostRequest[], readonly RawResponse[]> {
  readonly platform = 'js';
  readonly #outputs: JsOutputs;

  constructor(config: ModelConfig, runner: JsRunner) {
    super(config, runner);
    this.#outputs = new JsOutputs(config);
  }

  protected prepare({ requests }: Batch): HostRequest[] {
    return requests.map((request) =>
      hostRequest(request, this.config, this.#outputs.names(request)),
    );
  }

  protected compute(requests: HostRequest[], { instance }: Batch): Promise<readonly RawResponse[]> {
    return this.runner.execute(requests, instance);
  }

  protected answer({ requests }: Batch, responses: readonly RawResponse[]): void {
    if (responses.length !== requests.length) {
      throw new Error(
        `model '${this.config.name}' gave ${responses.length} responses to ${requests.length} requests`,
      );
    }
    for (const [index, request] of requests.entries()) {
      this.#settle(request, responses[index] as RawResponse);
    }
  }

  #settle(request: PendingRequest, response: RawResponse): void {
    try {
      if ('error' in response) throw response.error;
      const given: unknown = (response as { outputs?: unknown } | null | undefined)?.outputs;
      if (typeof given !== 'object' || given === null) {
        throw new Error(
          `model '${this.config.name}' gave ${describe(response)} as a response, expected { outputs } or an Error`,
        );
      }
      const [outputs, extra] = this.#outputs.tensors(given as Record<string, unknown>, request);
      request.complete(outputs, response.parameters as Parameters | undefined, extra);
    } catch (thrown) {
      request.fail(modelError(this.config.name, asError(thrown)), 'BACKEND');
    }
  }
}
