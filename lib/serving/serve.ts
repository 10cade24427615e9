// serve: a repository with all doors open: HTTP, gRPC, metrics and the status page, in this process.

import type { NativePlatform } from '../native.js';
import { openPlatform } from '../platform.js';
import { checkOptions } from '../validate.js';
import { DrainingService } from './draining.js';
import type { GrpcServerOptions } from './grpc/options.js';
import { createGrpcServer } from './grpc/server.js';
import { type HttpServerOptions, createHttpServer } from './http/door.js';
import {
  type Door,
  type DoorName,
  type Endpoint,
  type Place,
  checkPlaces,
  listenAll,
} from './listeners.js';
import { MetricsDoor } from './metrics-door.js';
import { createMetrics } from './metrics/metrics.js';
import type { MetricsOptions } from './metrics/options.js';
import { ModelRepository } from './repository/model-repository.js';
import type { RepositoryOptions } from './repository/options.js';
import { AccessControl, type AccessOptions } from './security/access.js';
import { defaultAddress, describeSecurity, isLoopback } from './security/describe.js';
import type { LimitOptions } from './security/limits.js';
import { type TlsOptions, readTlsFiles } from './security/tls.js';
import { InferenceServer } from './server.js';
import type { InferenceService } from './service.js';
import { ServerSettings, type ServerSettingsOptions } from './settings.js';
import { statusPages } from './status-page/pages.js';
import { type DeviceMemory, StatusReporter } from './status-page/snapshot.js';

/** Where a door listens. */
export interface ListenOptions {
  /** 0: any that is free. */
  port?: number | undefined;
  /** Default {@link ServeOptions.address}. */
  address?: string | undefined;
}

/** Options of {@link serve}. */
export interface ServeOptions {
  /** How the repository is opened, where `serve` opens it; of one that is open, which platform it uses, for the devices' memory on the status page. */
  repository?: RepositoryOptions | undefined;
  /** Address of all doors that have none of their own. Default '127.0.0.1', this machine only; '0.0.0.0' or '::' for all. */
  address?: string | undefined;
  /** The HTTP door; default port 8000. false: none. */
  http?:
    | (ListenOptions & Pick<HttpServerOptions, 'tls' | 'forwardHeaders' | 'access'>)
    | false
    | undefined;
  /** The gRPC door; default port 8001. false: none. */
  grpc?: (ListenOptions & Omit<GrpcServerOptions, 'settings' | 'limits'>) | false | undefined;
  /** The metrics; default port 8002. false: none. */
  metrics?: (ListenOptions & Omit<MetricsOptions, 'doors'>) | false | undefined;
  /** Encryption of HTTP and gRPC, where they have none of their own. Default: none. */
  tls?: TlsOptions | undefined;
  /** Who may call what, where a door has no rules of its own. Default: everybody everything. */
  access?: AccessOptions | undefined;
  limits?: LimitOptions | undefined;
  /** Log, traces, shared memory; an object that was made before, or options. */
  settings?: ServerSettings | ServerSettingsOptions | undefined;
  /** In the server's metadata and on the status page. Default 'trt-node'. */
  serverId?: string | undefined;
  /** The page at `/` of the HTTP door. Default true. */
  statusPage?: boolean | undefined;
}

const optionNames = [
  'repository',
  'address',
  'http',
  'grpc',
  'metrics',
  'tls',
  'access',
  'limits',
  'settings',
  'serverId',
  'statusPage',
];

const defaultPorts = { http: 8000, grpc: 8001, metrics: 8002 };

/** Where the doors are to listen that are not switched off. */
function placesOf(options: ServeOptions): Place[] {
  const places: Place[] = [];
  for (const name of ['grpc', 'http', 'metrics'] as const) {
    const door = options[name];
    if (door === false) continue;
    const address = door?.address ?? options.address ?? defaultAddress;
    places.push({ name, address, port: door?.port ?? defaultPorts[name] });
  }
  return places;
}

/** What can be told to be wrong before models are loaded, which can take minutes: ports in use, certificates, tokens. @internal */
export async function checkDoors(options: ServeOptions): Promise<void> {
  for (const door of [options.http, options.grpc]) {
    if (door === false) continue;
    const { tls, access }: OwnSecurity = { ...options, ...ownOptions(door) };
    if (tls !== undefined) readTlsFiles(tls);
    new AccessControl(access);
  }
  await checkPlaces(placesOf(options));
}

function isPath(
  repository: string | readonly string[] | InferenceService,
): repository is string | readonly string[] {
  return typeof repository === 'string' || Array.isArray(repository);
}

/** Device memory for the status page; nothing is opened before a model was. */
function deviceMemory(service: InferenceService, options: ServeOptions): () => DeviceMemory[] {
  let platform: NativePlatform | undefined;
  return () => {
    if (service.runtimeText === '') return [];
    const { runtime, library, pluginLibraries } = options.repository ?? {};
    const opened = (platform ??= openPlatform({ runtime, library, pluginLibraries }));
    return opened.devices().map(({ index, name }) => {
      const { freeBytes, totalBytes } = opened.memoryInfo(index);
      return { index, name, totalBytes, usedBytes: totalBytes - freeBytes };
    });
  };
}

interface OwnSecurity {
  readonly tls?: TlsOptions | undefined;
  readonly access?: AccessOptions | undefined;
}

class Assembly {
  readonly service: DrainingService;
  readonly doors = new Map<DoorName, Door>();
  readonly closers: (() => void | Promise<void>)[] = [];
  readonly #options: ServeOptions;
  readonly #settings: ServerSettings;

  constructor(service: InferenceService, options: ServeOptions, settings: ServerSettings) {
    this.service = new DrainingService(service);
    this.#options = options;
    this.#settings = settings;
  }

  async open(places: readonly Place[]): Promise<Endpoint[]> {
    for (const { name } of places) this.doors.set(name, await this.#door(name));
    return listenAll(places.map((place) => ({ place, door: this.doors.get(place.name) as Door })));
  }

  async #door(name: DoorName): Promise<Door> {
    const { tls, access, limits } = this.#options;
    const common = { tls, access, limits, settings: this.#settings };
    switch (name) {
      case 'http':
        return this.#http(common);
      case 'grpc': {
        return createGrpcServer(this.service, { ...common, ...ownOptions(this.#options.grpc) });
      }
      case 'metrics': {
        const metrics = createMetrics(this.service, {
          ...ownOptions(this.#options.metrics),
          doors: Object.fromEntries(this.doors),
        });
        this.closers.push(() => {
          metrics.close();
        });
        return new MetricsDoor(metrics, this.#settings.log, { access, limits });
      }
    }
  }

  async #http(common: HttpServerOptions): Promise<Door> {
    const { serverId, statusPage } = this.#options;
    const pages = [];
    if (statusPage !== false) {
      const devices = deviceMemory(this.service, this.#options);
      const reporter = new StatusReporter(this.service, { serverName: serverId, devices });
      this.closers.push(() => {
        reporter.close();
      });
      pages.push(...statusPages(reporter));
    }
    return createHttpServer(this.service, {
      ...common,
      ...ownOptions(this.#options.http),
      serverId,
      pages,
    });
  }
}

/** A door's own options: without where it listens, and without what is undefined, which would hide what a spread has before. */
function ownOptions<T extends ListenOptions>(
  door: T | false | undefined,
): Omit<T, keyof ListenOptions> {
  const own = Object.entries(door === false ? {} : (door ?? {})).filter(
    ([name, value]) => name !== 'port' && name !== 'address' && value !== undefined,
  );
  return Object.fromEntries(own) as Omit<T, keyof ListenOptions>;
}

/**
 * Serves a model repository over HTTP, gRPC and Prometheus metrics, as tritonserver does, from this process. Ports in use are found out before models are
 * loaded. Signals are yours: call `server.close()` on SIGTERM.
 *
 * @param repository - The folder, or several; or a repository that you have opened, and close yourself after the server.
 * @example
 * ```ts
 * await using server = await serve('models', { http: { port: 8000 }, grpc: false });
 * const { output } = await server.repository.infer('resnet50', { input });
 * ```
 * @returns Rejects with {@link ServingError} ERR_TRT_SERVER when a port cannot be listened on, {@link InvalidArgumentError}, {@link FileError}; then nothing
 *   stays open.
 */
export function serve(
  repository: string | readonly string[],
  options?: ServeOptions,
): Promise<InferenceServer<ModelRepository>>;
/** Serves a repository that was opened before. */
export function serve<S extends InferenceService>(
  repository: S,
  options?: ServeOptions,
): Promise<InferenceServer<S>>;
export async function serve(
  repository: string | readonly string[] | InferenceService,
  options: ServeOptions = {},
): Promise<InferenceServer> {
  checkOptions(options, optionNames, 'serve');
  await checkDoors(options);
  const places = placesOf(options);
  const ownSettings = !(options.settings instanceof ServerSettings);
  const settings =
    options.settings instanceof ServerSettings
      ? options.settings
      : new ServerSettings(options.settings);
  const closers: (() => void | Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers) await close();
    if (ownSettings) settings.close();
  };
  try {
    let service: InferenceService;
    if (isPath(repository)) {
      const opened = await ModelRepository.open(repository, {
        log: (level, message) => {
          settings.log.write(level, message);
        },
        ...options.repository,
      });
      closers.push(() => opened.close());
      service = opened;
    } else {
      service = repository;
    }
    const assembly = new Assembly(service, options, settings);
    closers.unshift(async () => {
      for (const close of assembly.closers) await close();
    });
    const endpoints = await assembly.open(places);
    return new InferenceServer({
      repository: service,
      service: assembly.service,
      settings,
      endpoints,
      doors: [...assembly.doors.values()],
      security: securityOf(options, places),
      closeRest: closeAll,
    });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** How the server is protected; what both doors say is said once. */
function securityOf(options: ServeOptions, places: readonly Place[]): string[] {
  const { limits, settings } = options;
  const sharedMemory = settings instanceof ServerSettings ? undefined : settings?.sharedMemory;
  const lines = new Map<string, string[]>();
  for (const { name, address } of places) {
    if (name === 'metrics') {
      const open = isLoopback(address) ? 'only this machine reaches it' : 'other machines reach it';
      lines.set(`address ${address}: ${open}; never encrypted.`, [name]);
      continue;
    }
    const { tls, access }: OwnSecurity = { ...options, ...ownOptions(options[name]) };
    const said = describeSecurity({
      address,
      tls,
      access,
      limits,
      sharedMemory,
    });
    for (const line of said) lines.set(line, [...(lines.get(line) ?? []), name]);
  }
  const all = places.filter(({ name }) => name !== 'metrics').length;
  return [...lines].map(([line, names]) =>
    names.length === all ? line : `${names.join(', ')}: ${line}`,
  );
}
