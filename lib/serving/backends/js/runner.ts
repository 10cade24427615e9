// JsRunner: where a js model's code runs: in-process.ts and in-workers.ts.

import type { ModelConfig } from '../../config/model-config.js';
import type { LoadContext, VersionSource } from '../../model/loading.js';
import type { HostRunner } from '../host-backend.js';
import type { HostRequest } from './requests.js';
import type { JsSettings } from './settings.js';

/** A response as it comes from the module, or why there is none. @internal */
export type RawResponse =
  | { readonly outputs: Readonly<Record<string, unknown>>; readonly parameters?: unknown }
  | { readonly error: Error };

/** What a runner is made of. @internal */
export interface RunnerParts {
  readonly source: VersionSource;
  readonly file: string;
  readonly config: ModelConfig;
  readonly settings: JsSettings;
  readonly context: LoadContext;
}

/** @internal */
export interface JsRunner extends HostRunner {
  /** @returns A response for each request; rejects when all of them failed */
  execute(
    requests: readonly HostRequest[],
    instance: number | undefined,
  ): Promise<readonly RawResponse[]>;
}
