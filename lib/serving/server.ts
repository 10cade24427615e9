// InferenceServer: the running server that serve() gives back, and how it ends.

import type { DrainingService } from './draining.js';
import type { Door, Endpoint } from './listeners.js';
import type { InferenceService } from './service.js';
import type { ServerSettings } from './settings.js';

/** What a server is made of. @internal */
export interface ServerParts<S extends InferenceService> {
  readonly repository: S;
  readonly service: DrainingService;
  readonly settings: ServerSettings;
  readonly endpoints: readonly Endpoint[];
  readonly doors: readonly Door[];
  readonly security: readonly string[];
  /** Closes what is behind the doors. */
  readonly closeRest: () => Promise<void>;
}

/**
 * A server with its open ports. Close it, or the process goes on.
 *
 * @typeParam S - What it serves: a ModelRepository, or a service of your own.
 */
export class InferenceServer<
  S extends InferenceService = InferenceService,
> implements AsyncDisposable {
  /** What it serves; `repository.infer()` and HTTP requests go the same way. */
  readonly repository: S;
  /** Where it listens. */
  readonly endpoints: readonly Endpoint[];
  /** How it is protected, a sentence a line. */
  readonly security: readonly string[];
  /** The log, the traces and the shared memory. */
  readonly settings: ServerSettings;
  readonly #parts: ServerParts<S>;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ServerParts<S>) {
    this.repository = parts.repository;
    this.endpoints = parts.endpoints;
    this.security = parts.security;
    this.settings = parts.settings;
    this.#parts = parts;
  }

  /** The ports by door; undefined where a door is off. */
  get ports(): { readonly http?: number; readonly grpc?: number; readonly metrics?: number } {
    return Object.fromEntries(this.endpoints.map(({ name, port }) => [name, port]));
  }

  /** Requests of all doors that are not answered yet. */
  get inFlight(): number {
    return this.#parts.doors.reduce((sum, door) => sum + door.inFlight, 0);
  }

  /**
   * Ends it without losing a request: at once it is not ready and takes no more connections; requests that it has are answered, and their connections
   * closed; then the repository is closed, if it was serve() that opened it. Idempotent; never rejects.
   *
   * @param options - `graceMs`: milliseconds for the requests that it has; what is not done then is cancelled. Default 30 000.
   */
  close(options: { graceMs?: number | undefined } = {}): Promise<void> {
    this.#closed ??= this.#close(options.graceMs ?? 30_000);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { service, doors, closeRest } = this.#parts;
    service.drain();
    await Promise.all(doors.map((door) => door.close({ graceMs })));
    await closeRest();
  }
}
