// HttpDoor: the KServe v2 protocol over HTTP, with Triton's extensions; a server of its own, or a handler in a user's.

import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer as createPlainServer,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ServingError, invalidArgument } from '../../errors.js';
import { checkOptions } from '../../validate.js';
import { AccessControl, type AccessOptions } from '../security/access.js';
import { defaultAddress } from '../security/describe.js';
import { type LimitOptions, type Limits, resolveLimits } from '../security/limits.js';
import { type TlsFiles, type TlsOptions, readTlsFiles } from '../security/tls.js';
import { checkPattern } from '../forward-headers.js';
import type { InferenceService } from '../service.js';
import { ServerSettings, type ServerSettingsOptions } from '../settings.js';
import { type HttpPage, isForeign, makeApp } from './app.js';
import { tooLarge } from './compression.js';
import { InferHandler } from './infer.js';
import { modelRoutes } from './model-routes.js';
import { readBody } from './read-body.js';
import { repositoryRoutes } from './repository-routes.js';
import { errorAnswer, sendError } from './respond.js';
import { settingsRoutes } from './settings-routes.js';

/** Options of {@link createServer}. */
export interface HttpServerOptions {
  /** Encryption; of a server that listens itself. Default: none. */
  tls?: TlsOptions | undefined;
  /** Who may call what. Default: everybody everything. */
  access?: AccessOptions | undefined;
  limits?: LimitOptions | undefined;
  /**
   * The log, the traces and the shared memory: an object that gRPC has too (its maker closes it), or options of one of this server's own.
   */
  settings?: ServerSettings | ServerSettingsOptions | undefined;
  /** What all paths begin with, for example '/triton'; default none. */
  basePath?: string | undefined;
  /** `name` in the server's metadata. Default 'trt-node'. */
  serverId?: string | undefined;
  /** Request headers whose names match become parameters of the request, for js models. Default: none. */
  forwardHeaders?: RegExp | string | undefined;
  /** Served besides the API. */
  pages?: readonly HttpPage[] | undefined;
}

const optionNames = [
  'tls',
  'access',
  'limits',
  'settings',
  'basePath',
  'serverId',
  'forwardHeaders',
  'pages',
];

function checkBasePath(path: string | undefined): string {
  if (path === undefined || path === '/' || path === '') return '';
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (/^(\/[\w.~-]+)+$/.test(trimmed)) return trimmed;
  throw invalidArgument(
    `basePath: expected a path such as '/triton', got ${JSON.stringify(path)}`,
    'Begin it with a slash; letters, digits, dots, hyphens and underscores between slashes.',
  );
}

/** The door. Made by {@link createServer}. */
export class HttpDoor {
  /**
   * Answers one request of a user's own server: `http.createServer(door.handler)`, or as Express' middleware, before any that reads bodies. Paths that are
   * not the API's go to `next`, or get 404.
   */
  readonly handler: (message: IncomingMessage, response: ServerResponse, next?: () => void) => void;

  /** The log, the traces and the shared memory. */
  readonly settings: ServerSettings;

  readonly #app: FastifyInstance;
  readonly #infer: InferHandler;
  readonly #limits: Limits;
  readonly #tls: TlsFiles | undefined;
  readonly #ownSettings: boolean;
  readonly #state: { closing: boolean };
  readonly #servers = new Set<Server>();
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(parts: {
    app: FastifyInstance;
    infer: InferHandler;
    limits: Limits;
    tls: TlsFiles | undefined;
    settings: ServerSettings;
    ownSettings: boolean;
    state: { closing: boolean };
    basePath: string;
    pages: readonly HttpPage[];
    access: AccessControl;
  }) {
    this.#app = parts.app;
    this.#infer = parts.infer;
    this.#limits = parts.limits;
    this.#tls = parts.tls;
    this.settings = parts.settings;
    this.#ownSettings = parts.ownSettings;
    this.#state = parts.state;
    const { infer, limits, state } = parts;
    // Whom the router would have to ask for a token goes through it.
    const fast: FastAnswer = (message, response, url) =>
      parts.access.isOpen &&
      !state.closing &&
      !isForeign(message, parts.access) &&
      answerInference(message, response, url, infer, limits.maxBodyBytes);
    this.handler = makeHandler(parts.app, parts.basePath, parts.pages, fast);
  }

  /** Inference requests that are not answered yet. */
  get inFlight(): number {
    return this.#infer.inFlight;
  }

  /**
   * Listens.
   *
   * @param port - 0: any that is free.
   * @param address - Default '127.0.0.1': only this machine. '0.0.0.0' or '::' for all.
   * @returns The port. Rejects with {@link ServingError} ERR_TRT_SERVER, for example when it is in use.
   */
  async listen(port: number, address: string = defaultAddress): Promise<{ port: number }> {
    if (this.#state.closing) {
      throw new ServingError(
        'ERR_TRT_SERVER',
        `cannot listen on ${address}:${port}: the server was closed`,
        'Create a new one.',
      );
    }
    const { maxHeaderBytes, maxConnections, ...limits } = this.#limits;
    const options = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.max(50, Math.min(1000, limits.headersTimeoutMs / 4)),
      noDelay: true,
    };
    const tls = this.#tls;
    const handle = (message: IncomingMessage, response: ServerResponse) => {
      this.handler(message, response);
    };
    const server =
      tls === undefined
        ? createPlainServer(options, handle)
        : createTlsServer({ ...options, ...tls }, handle);
    server.maxConnections = maxConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(
          new ServingError(
            'ERR_TRT_SERVER',
            `cannot listen on ${address}:${port}: ${error.message}`,
            'Choose another port or address, or stop what uses it.',
            { cause: error },
          ),
        );
      });
      server.listen(port, address, resolve);
    });
    this.#servers.add(server);
    return { port: (server.address() as AddressInfo).port };
  }

  /**
   * Takes no more connections and inferences, and waits for those that are under way.
   *
   * @param options - `graceMs`: milliseconds after which what is still under way is cancelled; default 30 000.
   */
  close(options: { graceMs?: number | undefined } = {}): Promise<void> {
    this.#closed ??= this.#close(options.graceMs ?? 30_000);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.#state.closing = true;
    const servers = [...this.#servers];
    const ended = servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    const deadline = performance.now() + graceMs;
    await this.#drained(deadline);
    this.#infer.abort();
    // Cancelled requests are answered as well, if that does not take long.
    await this.#drained(performance.now() + 1000);
    for (const server of servers) server.closeIdleConnections();
    const last = setTimeout(
      () => {
        for (const server of servers) server.closeAllConnections();
      },
      Math.max(250, deadline - performance.now()),
    );
    await Promise.all(ended);
    clearTimeout(last);
    await this.#app.close();
    if (this.#ownSettings) this.settings.close();
  }

  async #drained(deadline: number): Promise<void> {
    while (this.inFlight > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Whether it answers. */
type FastAnswer = (message: IncomingMessage, response: ServerResponse, url: string) => boolean;

/** Takes the base path off, and gives to fastify what is the API's. */
function makeHandler(
  app: FastifyInstance,
  basePath: string,
  pages: readonly HttpPage[],
  fast: FastAnswer,
): HttpDoor['handler'] {
  const paths = new Set(pages.map(({ path }) => path));
  return (message, response, next) => {
    let url = message.url ?? '/';
    if (basePath !== '') {
      const isBelow = url.startsWith(basePath) && /^(?:[/?]|$)/.test(url.slice(basePath.length));
      if (!isBelow) {
        if (next === undefined) sendError(response, { status: 404, error: 'Not Found' }, true);
        else next();
        return;
      }
      url = url.slice(basePath.length);
      if (!url.startsWith('/')) url = `/${url}`;
    }
    if (next !== undefined && !/^\/v2(?:[/?]|$)/.test(url)) {
      if (!paths.has(url.split('?', 1)[0] as string)) {
        next();
        return;
      }
    }
    if (message.readableEnded) {
      const error = 'the body was read before this handler: mount it before body parsers';
      sendError(response, { status: 500, error }, true);
      return;
    }
    message.url = url;
    if (fast(message, response, url)) return;
    app.routing(message, response);
  };
}

/** The path of inferences with names that need no decoding. */
const inferPath = /^\/v2\/models\/([\w.~-]{1,512})(?:\/versions\/(\d{1,15}))?\/infer$/;

/** Answers plain inferences without the router, which takes a good part of their time; false: it was none. */
function answerInference(
  message: IncomingMessage,
  response: ServerResponse,
  url: string,
  infer: InferHandler,
  maxBodyBytes: number,
): boolean {
  const match = message.method === 'POST' ? inferPath.exec(url) : null;
  if (match === null) return false;
  const receivedAt = performance.now();
  readBody(message, maxBodyBytes, (body) => {
    if (body === 'broken off') return;
    if (body === 'too large') {
      const length = Number(message.headers['content-length']);
      const reason = tooLarge(Number.isFinite(length) ? length : undefined, maxBodyBytes);
      sendError(response, errorAnswer(reason), true);
      return;
    }
    const [, model = '', version] = match;
    void infer.answer({
      message,
      response,
      body,
      model,
      version: version === undefined ? undefined : String(Number(version)),
      receivedAt,
    });
  });
  return true;
}

/**
 * Serves the models of a repository over HTTP: KServe v2 with Triton's extensions. Nothing listens yet: call `listen`, or put `handler` into a server of
 * your own.
 *
 * @param service - For example a ModelRepository.
 * @example
 * ```ts
 * const repo = await ModelRepository.open('models');
 * const server = await createServer(repo);
 * http.createServer(server.handler).listen(8000);
 * ```
 * @returns Rejects with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, {@link FileError} ERR_TRT_FILE.
 */
export async function createHttpServer(
  service: InferenceService,
  options: HttpServerOptions = {},
): Promise<HttpDoor> {
  checkOptions(options, optionNames, 'createServer');
  const limits = resolveLimits(options.limits);
  const access = new AccessControl(options.access);
  const basePath = checkBasePath(options.basePath);
  const forwardHeaders = checkPattern(options.forwardHeaders);
  const tls = options.tls === undefined ? undefined : readTlsFiles(options.tls);
  const { pages = [] } = options;
  const ownSettings = !(options.settings instanceof ServerSettings);
  const settings =
    options.settings instanceof ServerSettings
      ? options.settings
      : new ServerSettings(options.settings);
  const context = { service, settings };
  const infer = new InferHandler({ service, settings, limits, forwardHeaders });
  const state = { closing: false };
  const app = await makeApp({
    routes: [
      ...modelRoutes(context, access, options.serverId ?? 'trt-node'),
      ...repositoryRoutes(context),
      ...settingsRoutes(context),
    ],
    pages,
    infer,
    access,
    limits,
    log: settings.log,
    isClosing: () => state.closing,
  });
  const parts = { app, infer, limits, tls, settings, ownSettings, state, basePath, pages, access };
  return new HttpDoor(parts);
}
