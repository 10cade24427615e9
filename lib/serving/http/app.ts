// The fastify application of the HTTP door: routes, bodies as bytes, access, and errors in Triton's form.

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
  fastify,
} from 'fastify';
import type { AccessControl, ApiCategory } from '../security/access.js';
import type { Limits } from '../security/limits.js';
import { foreignOriginMessage } from '../security/origin.js';
import type { ServerLog } from '../log-settings.js';
import { tooLarge } from './compression.js';
import type { InferHandler } from './infer.js';
import { parseJsonObject } from './json-parser.js';
import { nameOf, versionOf } from './model-routes.js';
import { type ErrorAnswer, errorAnswer, sendError, sendJson } from './respond.js';
import type { Call, Route } from './route.js';

const allMethods: readonly HTTPMethods[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
];
const noBody = Buffer.alloc(0);
/** Names and regions longer than this are not found. */
const maxNameLength = 512;

/** A page, or another small thing, that is served besides the API: the status page. */
export interface HttpPage {
  /** For example '/'. */
  readonly path: string;
  /** Who may see it; default 'status-page'. */
  readonly category?: ApiCategory | undefined;
  /** Answers a GET. */
  readonly handle: (message: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

/** @internal */
export interface AppOptions {
  readonly routes: readonly Route[];
  readonly pages: readonly HttpPage[];
  readonly infer: InferHandler;
  readonly access: AccessControl;
  readonly limits: Limits;
  readonly log: ServerLog;
  /** Whether the door closes: inferences are refused. */
  readonly isClosing: () => boolean;
}

/** The answer to requests of pages of other sites. @internal */
export const foreignOrigin: ErrorAnswer = {
  status: 403,
  error: foreignOriginMessage,
  hint: 'Name the site in access.allowedOrigins (--http-allowed-origin) if its pages may use this server.',
};

/** Whether a page of another site sends it, to change something. @internal */
export function isForeign(message: IncomingMessage, access: AccessControl): boolean {
  const { origin, host } = message.headers;
  if (origin === undefined || message.method !== 'POST') return false;
  return !access.origins.allows({ origin, host, localAddress: message.socket.localAddress });
}

type Action = (call: Call) => void | Promise<void>;

function callOf(request: FastifyRequest, reply: FastifyReply): Call {
  const body = Buffer.isBuffer(request.body) ? request.body : noBody;
  return {
    parameters: request.params as Record<string, string>,
    json: () => parseJsonObject(body),
    message: request.raw,
    response: reply.raw,
    body,
    receivedAt: performance.now(),
  };
}

class App {
  readonly #options: AppOptions;
  readonly #app: FastifyInstance;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#app = fastify({
      logger: false,
      bodyLimit: options.limits.maxBodyBytes,
      exposeHeadRoutes: false,
      // Node's server has these timeouts; fastify's own are for a server that is not used.
      routerOptions: { maxParamLength: maxNameLength },
      frameworkErrors: (_error, _request, reply) => {
        reply.hijack();
        sendError(reply.raw, { status: 400, error: 'Bad Request: the path is malformed' }, true);
      },
    });
  }

  async make(): Promise<FastifyInstance> {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    app.setErrorHandler((error, request, reply) => {
      reply.hijack();
      this.#failed(request, reply.raw, error);
    });
    app.setNotFoundHandler((_request, reply) => {
      reply.hijack();
      sendError(reply.raw, { status: 404, error: 'Not Found' }, true);
    });
    for (const route of this.#options.routes) this.#addRoute(route);
    this.#addInfer();
    for (const page of this.#options.pages) this.#addPage(page);
    await app.ready();
    return app;
  }

  #failed(request: FastifyRequest, response: ServerResponse, error: unknown): void {
    const { maxBodyBytes } = this.#options.limits;
    const { code } = error as { code?: string };
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      const length = Number(request.headers['content-length']);
      const reason = tooLarge(Number.isFinite(length) ? length : undefined, maxBodyBytes);
      sendError(response, errorAnswer(reason), true);
    } else if (code?.startsWith('FST_ERR_CTP') === true) {
      sendError(response, { status: 400, error: (error as Error).message }, true);
    } else if (response.socket?.destroyed !== true) {
      this.#options.log.write('error', `HTTP: ${String(error)}`);
      sendError(response, errorAnswer(error), true);
    }
  }

  #add(
    path: string,
    methods: readonly ('GET' | 'POST')[],
    category: ApiCategory,
    action: Action,
  ): void {
    this.#app.route({
      url: path,
      method: [...methods],
      // Before the body is read.
      onRequest: this.#guard(category),
      handler: (request, reply) => {
        reply.hijack();
        void this.#run(action, callOf(request, reply));
      },
    });
    this.#app.route({
      url: path,
      method: allMethods.filter((method) => !methods.some((each) => each === method)),
      onRequest: (_request, reply) => {
        reply.hijack();
        sendError(reply.raw, { status: 405, error: 'Method Not Allowed' }, true);
      },
      handler: () => undefined,
    });
  }

  async #run(action: Action, call: Call): Promise<void> {
    try {
      await action(call);
    } catch (error) {
      const answer = errorAnswer(error);
      const { log } = this.#options;
      if (answer.status === 500) log.write('error', `${call.message.url ?? ''}: ${String(error)}`);
      sendError(call.response, answer);
    }
  }

  #guard(category: ApiCategory) {
    return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      if (isForeign(request.raw, this.#options.access)) {
        reply.hijack();
        sendError(reply.raw, foreignOrigin, true);
        return;
      }
      const refusal = this.#options.access.refuse(category, (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      });
      if (refusal === undefined) {
        done();
        return;
      }
      reply.hijack();
      if (refusal.status === 401) reply.raw.setHeader('WWW-Authenticate', 'Bearer');
      sendError(reply.raw, { status: refusal.status, error: refusal.message }, true);
    };
  }

  #addRoute({ path, methods, category, action }: Route): void {
    this.#add(path, methods, category, async (call) => {
      const answer = await action(call);
      if (answer === undefined) return;
      if (typeof answer === 'string') sendJson(call.response, 200, answer);
      else sendJson(call.response, answer.status, answer.body);
    });
  }

  #addInfer(): void {
    const { infer, isClosing } = this.#options;
    const action: Action = (call) => {
      if (isClosing()) {
        sendError(call.response, { status: 503, error: 'Server is stopping' }, true);
        return undefined;
      }
      const { message, response, body, receivedAt } = call;
      const [model, version] = [nameOf(call), versionOf(call)];
      return infer.answer({ message, response, body, model, version, receivedAt });
    };
    const unsupported: Action = ({ response }) => {
      const error = "the generate extension is not supported: use the model's infer endpoint";
      sendError(response, { status: 501, error });
    };
    for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
      this.#add(`${base}/infer`, ['POST'], 'inference', action);
      this.#add(`${base}/generate`, ['POST'], 'inference', unsupported);
      this.#add(`${base}/generate_stream`, ['POST'], 'inference', unsupported);
    }
  }

  #addPage({ path, category = 'status-page', handle }: HttpPage): void {
    this.#add(path, ['GET'], category, ({ message, response }) => handle(message, response));
  }
}

/** @internal */
export async function makeApp(options: AppOptions): Promise<FastifyInstance> {
  return new App(options).make();
}
