// Route: one path of the API as the router registers it, and what its action is given.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiCategory } from '../security/access.js';
import type { InferenceService } from '../service.js';
import type { ServerSettings } from '../settings.js';
import type { JsonObject } from './json-parser.js';

/** What an action is given. @internal */
export interface Call {
  readonly parameters: Readonly<Record<string, string>>;
  /** Of a POST; {} where there is no body. @throws ERR_TRT_REQUEST */
  json(): JsonObject;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** Bytes of the body; of a GET none. */
  readonly body: Buffer;
  readonly receivedAt: number;
}

/** The body of an answer; its status is 200 unless told. undefined: the action answers itself. @internal */
export type Answer = string | { readonly status: number; readonly body: string } | undefined;

/** @internal */
export interface Route {
  readonly methods: readonly ('GET' | 'POST')[];
  /** As find-my-way has it: `/v2/models/:model`. */
  readonly path: string;
  readonly category: ApiCategory;
  readonly action: (call: Call) => Answer | Promise<Answer>;
}

/** What the routes answer from. @internal */
export interface RouteContext {
  readonly service: InferenceService;
  readonly settings: ServerSettings;
}
