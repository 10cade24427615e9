// createGrpcServer: the gRPC door: GRPCInferenceService and grpc.health.v1 over node:http2.

import {
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  createSecureServer,
  createServer,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ServingError, TensorRTError, asError } from '../../errors.js';
import { AccessControl, type ApiCategory } from '../security/access.js';
import { defaultAddress } from '../security/describe.js';
import { InflateBudget } from '../security/inflate.js';
import { readTlsFiles } from '../security/tls.js';
import type { InferenceService } from '../service.js';
import type { ServerSettings } from '../settings.js';
import { type CallSettings, GrpcCall } from './call.js';
import { Connection } from './connection.js';
import type { DoorContext } from './door-context.js';
import { frame } from './framing.js';
import { Health } from './health.js';
import { StreamInfer, modelInfer } from './infer-methods.js';
import { type UnaryMethod, unaryMethods } from './methods.js';
import { type GrpcServerOptions, type GrpcSettings, resolveGrpcOptions } from './options.js';
import { GrpcError, grpcStatus } from './status.js';

export type { GrpcServerOptions, KeepaliveOptions } from './options.js';
export type { CompressionLevel } from './framing.js';

/** A server that speaks gRPC. */
export interface GrpcDoor {
  /** @returns The port, where 0 was asked for. Rejects with ERR_TRT_SERVER when it cannot be listened on. */
  listen(port: number, host?: string): Promise<{ port: number }>;
  /**
   * Takes no new calls (UNAVAILABLE), and waits for those that run, at most `graceMs`; 0, the default: not at all. Idempotent.
   */
  close(options?: { graceMs?: number | undefined }): Promise<void>;
  /** Inference requests that wait or run. */
  readonly inFlight: number;
}

const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';
const checkPath = '/grpc.health.v1.Health/Check';
const watchPath = '/grpc.health.v1.Health/Watch';

/** Large enough that images do not wait for the client's next window. */
const windowBytes = 4 * 1024 * 1024;
/** Megabytes that node:http2 keeps a connection; what bounds memory are the limits of messages and requests. */
const sessionMemory = 2048;

/** How long a connection without calls may take to go when the server closes. */
const lingerMs = 1000;

class Door implements GrpcDoor, DoorContext {
  readonly service: InferenceService;
  readonly settings: ServerSettings | undefined;
  readonly options: GrpcSettings;
  closing = false;
  inFlight = 0;
  readonly #access: AccessControl;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #methods: ReadonlyMap<string, UnaryMethod>;
  readonly #health: Health;
  readonly #callSettings: CallSettings;
  readonly #connections = new Map<ServerHttp2Session, Connection>();
  readonly #closingListeners = new Set<() => void>();
  /** Calls that are not at their end. */
  #calls = 0;
  #closed: Promise<void> | undefined;

  constructor(service: InferenceService, given: GrpcServerOptions) {
    this.service = service;
    this.settings = given.settings;
    this.options = resolveGrpcOptions(given);
    this.#access = new AccessControl(given.access);
    this.#methods = unaryMethods(this);
    this.#health = new Health(this);
    const { limits, compression, maxConcurrentStreams } = this.options;
    this.#callSettings = {
      maxMessageBytes: limits.maxBodyBytes,
      inflated: new InflateBudget(limits.maxInflatedBytes),
      compression,
      report: (error) => {
        this.report(error);
      },
    };
    const http2 = {
      settings: {
        maxConcurrentStreams,
        initialWindowSize: windowBytes,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
      maxSessionMemory: sessionMemory,
    };
    this.#server =
      given.tls === undefined
        ? createServer(http2)
        : createSecureServer({
            ...http2,
            ...readTlsFiles(given.tls),
            ALPNProtocols: ['h2'],
            handshakeTimeout: limits.headersTimeoutMs,
          });
    this.#server.maxConnections = limits.maxConnections;
    this.#server.on('session', (session) => {
      this.#connected(session);
    });
    this.#server.on('stream', (stream, headers) => {
      this.#accept(stream, headers);
    });
    // Connections that are no HTTP/2, or break off, are only the client's trouble.
    this.#server.on('sessionError', (error) => {
      this.#verbose(`gRPC connection: ${asError(error).message}`);
    });
    this.#server.on('tlsClientError', (error: Error) => {
      this.#verbose(`gRPC TLS: ${error.message}`);
    });
    this.#server.on('unknownProtocol', (socket: { destroy(): void }) => {
      socket.destroy();
    });
  }

  #verbose(message: string): void {
    this.settings?.log.write('verbose', message);
  }

  onClosing(listener: () => void): () => void {
    this.#closingListeners.add(listener);
    return () => this.#closingListeners.delete(listener);
  }

  #connected(session: ServerHttp2Session): void {
    const connection = new Connection(session, this.options.keepalive);
    this.#connections.set(session, connection);
    session.setLocalWindowSize(2 * windowBytes);
    session.on('close', () => this.#connections.delete(session));
    if (this.closing) connection.drain(0);
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const type = headers['content-type'];
    if (headers[':method'] !== 'POST' || type?.startsWith('application/grpc') !== true) {
      stream.on('error', () => {
        // The client has gone.
      });
      stream.respond({ ':status': type === undefined ? 405 : 415 }, { endStream: true });
      stream.close();
      return;
    }
    const call = new GrpcCall(stream, headers, this.#callSettings);
    const connection = this.#connections.get(stream.session as ServerHttp2Session);
    connection?.began();
    this.#calls++;
    stream.on('close', () => {
      connection?.ended();
      this.#calls--;
    });
    try {
      call.begin();
      this.#dispatch(call, headers[':path'] ?? '');
    } catch (error) {
      call.fail(error);
    }
  }

  report(error: unknown): void {
    if (error instanceof GrpcError || error instanceof TensorRTError) return;
    const { stack, message } = asError(error);
    this.settings?.log.write('error', `gRPC: ${stack ?? message}`);
  }

  /** @throws GrpcError for who may not call */
  #checkAccess(call: GrpcCall, category: ApiCategory): void {
    const refusal = this.#access.refuse(category, (name) =>
      call.header(name === 'authorization' ? name : `triton-grpc-protocol-${name}`),
    );
    if (refusal === undefined) return;
    if (refusal.status === 401) throw new GrpcError(grpcStatus.UNAUTHENTICATED, refusal.message);
    throw new GrpcError(
      grpcStatus.UNAVAILABLE,
      refusal.message.replace(
        "This API is restricted, expecting header '",
        "This protocol is restricted, expecting header 'triton-grpc-protocol-",
      ),
    );
  }

  /** @throws GrpcError */
  #dispatch(call: GrpcCall, path: string): void {
    if (path === inferPath) {
      this.#checkAccess(call, 'inference');
      this.#readOne(call, (message) => {
        modelInfer(call, message, this);
      });
    } else if (path === streamPath) {
      this.#checkAccess(call, 'inference');
      new StreamInfer(call, this);
    } else if (path === checkPath) {
      this.#checkAccess(call, 'health');
      this.#readOne(call, (message) => {
        call.succeed(frame(this.#health.check(message)));
      });
    } else if (path === watchPath) {
      this.#checkAccess(call, 'health');
      this.#readOne(call, (message) => {
        this.#health.watch(call, message);
        call.letGo(Infinity);
      });
    } else this.#callUnary(call, path);
  }

  #callUnary(call: GrpcCall, path: string): void {
    const method = this.#methods.get(path);
    if (method === undefined) {
      throw new GrpcError(grpcStatus.UNIMPLEMENTED, `unknown method ${path}`);
    }
    this.#checkAccess(call, method.category);
    this.#readOne(call, (message) => {
      method.call(message).then(
        (answer) => {
          if (!call.done) call.succeed(frame(answer));
        },
        (error: unknown) => {
          call.fail(error);
        },
      );
    });
  }

  /** Calls `handle` with the only message, when the client has said that it is the only one. */
  #readOne(call: GrpcCall, handle: (message: Buffer) => void): void {
    let only: Buffer | undefined;
    call.read(
      (message) => {
        if (only !== undefined) {
          throw new GrpcError(grpcStatus.UNIMPLEMENTED, 'Too many requests: the method takes one');
        }
        only = message;
      },
      () => {
        if (only === undefined) {
          throw new GrpcError(grpcStatus.UNIMPLEMENTED, 'Missing request message');
        }
        handle(only);
      },
    );
  }

  async listen(port: number, host = defaultAddress): Promise<{ port: number }> {
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error) => {
        reject(
          new ServingError(
            'ERR_TRT_SERVER',
            `gRPC cannot listen on ${host}:${port}: ${error.message}`,
            'Choose another port or address, or stop what uses it.',
            { cause: error },
          ),
        );
      };
      this.#server.once('error', failed);
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    return { port: (this.#server.address() as AddressInfo).port };
  }

  async close({ graceMs = 0 }: { graceMs?: number | undefined } = {}): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    await this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.closing = true;
    for (const listener of [...this.#closingListeners]) listener();
    const stopped = new Promise<void>((resolve) => {
      // Also where it never listened.
      this.#server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#connections.values()) connection.drain(0);
    const until = performance.now() + graceMs;
    while (this.#calls > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const [session, connection] of this.#connections) {
      if (this.#calls > 0) session.destroy();
      else connection.drain(lingerMs);
    }
    await stopped;
  }
}

/**
 * Makes the gRPC door of a service: all methods of inference.GRPCInferenceService and grpc.health.v1.Health. Closing it does not close the service.
 *
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong options, {@link FileError} ERR_TRT_FILE for files of TLS that cannot be read
 */
export function createGrpcServer(
  service: InferenceService,
  options: GrpcServerOptions = {},
): GrpcDoor {
  return new Door(service, options);
}
