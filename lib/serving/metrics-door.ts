// MetricsDoor: GET /metrics on a port of its own, as Prometheus reads it and tritonserver has it.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asError } from '../errors.js';
import type { Door } from './listeners.js';
import type { ServerLog } from './log-settings.js';
import { AccessControl, type AccessOptions } from './security/access.js';
import { type LimitOptions, resolveLimits } from './security/limits.js';

/** What makes the text. @internal */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** @internal */
export class MetricsDoor implements Door {
  readonly inFlight = 0;
  readonly #metrics: MetricsText;
  readonly #access: AccessControl;
  readonly #log: ServerLog;
  readonly #server: Server;

  constructor(
    metrics: MetricsText,
    log: ServerLog,
    options: { access?: AccessOptions | undefined; limits?: LimitOptions | undefined },
  ) {
    this.#metrics = metrics;
    this.#log = log;
    this.#access = new AccessControl(options.access);
    const limits = resolveLimits(options.limits);
    this.#server = createServer(
      {
        maxHeaderSize: limits.maxHeaderBytes,
        headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
      },
      (message, response) => {
        this.#answer(message, response).catch((error: unknown) => {
          this.#log.write('error', `metrics failed: ${asError(error).message}`);
          if (!response.headersSent) response.writeHead(500);
          response.end();
        });
      },
    );
    this.#server.maxConnections = limits.maxConnections;
  }

  async listen(port: number, address: string): Promise<{ port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return { port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (message.url ?? '').split('?', 1)[0];
    const refusal = this.#access.refuse('metrics', (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value[0] : value;
    });
    if (refusal !== undefined) {
      response.writeHead(refusal.status, { 'content-type': 'text/plain' }).end(refusal.message);
    } else if (path !== '/metrics') {
      response.writeHead(404).end();
    } else if (message.method !== 'GET' && message.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET' }).end();
    } else {
      const text = await this.#metrics.text();
      response.writeHead(200, { 'content-type': this.#metrics.contentType });
      response.end(message.method === 'HEAD' ? undefined : text);
    }
  }
}
