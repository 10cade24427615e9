// The flags of `trt-node serve` as options of ModelRepository.open, serve() and its settings.

import type { RepositoryOptions } from '../serving/repository/options.js';
import {
  type AccessOptions,
  type ApiCategory,
  apiCategories,
  parseRestrictedApi,
} from '../serving/security/access.js';
import type { TlsOptions } from '../serving/security/tls.js';
import type { ServeOptions } from '../serving/serve.js';
import type { ServerSettingsOptions } from '../serving/settings.js';
import { platformOptions } from './command.js';
import {
  type ParsedFlags,
  UsageError,
  booleanFlag,
  choiceFlag,
  flagValue,
  flagValues,
  hasFlag,
  integerFlag,
} from './flags.js';
import {
  backendConfig,
  bytesFlag,
  cacheSize,
  metricsConfig,
  rateLimitResources,
  traceSetting,
} from './serve-settings.js';

/** What the command does. */
export interface ServePlan {
  readonly paths: readonly string[];
  readonly repository: RepositoryOptions;
  readonly settings: ServerSettingsOptions;
  /** Without `settings` and `repository`. */
  readonly serve: ServeOptions;
  readonly exitOnError: boolean;
  readonly exitOnDeviceLost: boolean;
  readonly exitTimeoutMs: number;
}

/** Triton's: whoever replaces tritonserver by this command expects to be reached from other machines. */
const everywhere = '0.0.0.0';

function words<T extends string>(...names: T[]): ReadonlyMap<string, T> {
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

function port(parsed: ParsedFlags, name: string): number | undefined {
  return integerFlag(parsed, name, 0, 65_535);
}

function repositoryOptions(parsed: ParsedFlags): RepositoryOptions {
  const controlMode =
    choiceFlag(parsed, 'model-control-mode', words('none', 'explicit', 'poll')) ?? 'none';
  const loadModels = flagValues(parsed, 'load-model');
  if (loadModels.length > 0 && controlMode !== 'explicit') {
    throw new UsageError(
      '--load-model needs --model-control-mode=explicit',
      'Add it, or leave --load-model out: without it all models are loaded.',
    );
  }
  if (flagValue(parsed, 'repository-poll-secs') !== undefined && controlMode !== 'poll') {
    throw new UsageError(
      '--repository-poll-secs needs --model-control-mode=poll',
      'Add it, or leave --repository-poll-secs out.',
    );
  }
  const { runtime, library, pluginLibraries } = platformOptions(parsed);
  const strict = booleanFlag(parsed, 'strict-model-config') ?? false;
  const sizeBytes = cacheSize(parsed);
  const budget = bytesFlag(parsed, 'memory-budget');
  const backends = backendConfig(parsed);
  return {
    runtime,
    library,
    pluginLibraries,
    controlMode,
    loadModels,
    pollSeconds: integerFlag(parsed, 'repository-poll-secs', 1),
    modelConfigName: flagValue(parsed, 'model-config-name'),
    autoComplete: !(strict || hasFlag(parsed, 'disable-auto-complete-config')),
    strictReadiness: booleanFlag(parsed, 'strict-readiness'),
    loadThreads: integerFlag(parsed, 'model-load-thread-count', 1, 128),
    memoryBudgetBytes: budget,
    unloadWhenFull: choiceFlag(parsed, 'memory-full', words('refuse', 'lru')),
    loadOnDemand: booleanFlag(parsed, 'load-on-demand'),
    pinnedModels: flagValues(parsed, 'pin-model'),
    cache: sizeBytes === undefined ? undefined : { sizeBytes },
    rateLimit: choiceFlag(parsed, 'rate-limit', words('off', 'execution_count')),
    rateLimitResources: rateLimitResources(parsed),
    backendConfig: backends,
    maxQueueSize: integerFlag(parsed, 'max-queue-size', 1),
  };
}

function categories(parsed: ParsedFlags, name: string): ApiCategory[] | undefined {
  const text = flagValue(parsed, name);
  if (text === undefined) return undefined;
  return text
    .split(',')
    .filter((word) => word !== '')
    .map((word) => {
      const known = apiCategories.find((category) => category === word);
      if (known !== undefined) return known;
      throw new UsageError(
        `--${name}: unknown part of the API ${JSON.stringify(word)}`,
        `They are ${apiCategories.join(', ')}.`,
      );
    });
}

function accessOptions(parsed: ParsedFlags, restricting: string): AccessOptions {
  const restricted = flagValues(parsed, restricting).map((text) => {
    try {
      return parseRestrictedApi(text);
    } catch (error) {
      throw new UsageError(
        `--${restricting}: ${(error as Error).message}`,
        `Write --${restricting}=model-repository:KEY=VALUE.`,
      );
    }
  });
  return {
    tokenFile: flagValue(parsed, 'token-file'),
    open: categories(parsed, 'open-api'),
    disabled: categories(parsed, 'disable-api'),
    restricted,
    allowedOrigins: flagValues(parsed, 'http-allowed-origin'),
  };
}

/** A certificate and its key, and with `mutual` what clients' must be signed by. */
function tlsOptions(parsed: ParsedFlags, door: string, mutual?: boolean): TlsOptions {
  const certFile = flagValue(parsed, `${door}-server-cert`);
  const keyFile = flagValue(parsed, `${door}-server-key`);
  const root = flagValue(parsed, `${door}-root-cert`);
  if (certFile === undefined || keyFile === undefined) {
    throw new UsageError(
      `TLS needs --${door}-server-cert and --${door}-server-key`,
      'Give both: PEM files of a certificate and its private key.',
    );
  }
  if (mutual === true && root === undefined) {
    throw new UsageError(
      `--${door}-use-ssl-mutual needs --${door}-root-cert`,
      'Name the PEM file of the authority that signs the clients’ certificates.',
    );
  }
  return { certFile, keyFile, clientCaFile: mutual === false ? undefined : root };
}

function httpOptions(parsed: ParsedFlags, address: string): ServeOptions['http'] {
  if (booleanFlag(parsed, 'allow-http') === false) return false;
  const names = ['http-server-cert', 'http-server-key', 'http-root-cert'];
  return {
    address,
    port: port(parsed, 'http-port'),
    tls: names.some((name) => hasFlag(parsed, name)) ? tlsOptions(parsed, 'http') : undefined,
    forwardHeaders: flagValue(parsed, 'http-header-forward-pattern'),
    access: accessOptions(parsed, 'http-restricted-api'),
  };
}

function grpcOptions(parsed: ParsedFlags): ServeOptions['grpc'] {
  if (booleanFlag(parsed, 'allow-grpc') === false) return false;
  const mutual = booleanFlag(parsed, 'grpc-use-ssl-mutual') ?? false;
  const tls = mutual || booleanFlag(parsed, 'grpc-use-ssl') === true;
  const unused = ['grpc-server-cert', 'grpc-server-key', 'grpc-root-cert'].find((name) =>
    hasFlag(parsed, name),
  );
  if (!tls && unused !== undefined) {
    throw new UsageError(
      `--${unused} needs --grpc-use-ssl=true or --grpc-use-ssl-mutual=true`,
      'Add one of them: without it gRPC is not encrypted.',
    );
  }
  return {
    address: flagValue(parsed, 'grpc-address') ?? everywhere,
    port: port(parsed, 'grpc-port'),
    tls: tls ? tlsOptions(parsed, 'grpc', mutual) : undefined,
    access: accessOptions(parsed, 'grpc-restricted-protocol'),
    forwardHeaders: flagValue(parsed, 'grpc-header-forward-pattern'),
    inferResponseCompressionLevel: choiceFlag(
      parsed,
      'grpc-infer-response-compression-level',
      words('none', 'low', 'medium', 'high'),
    ),
    keepalive: {
      keepaliveTimeMs: integerFlag(parsed, 'grpc-keepalive-time', 1),
      keepaliveTimeoutMs: integerFlag(parsed, 'grpc-keepalive-timeout', 1),
      keepalivePermitWithoutCalls: booleanFlag(parsed, 'grpc-keepalive-permit-without-calls'),
      http2MaxPingsWithoutData: integerFlag(parsed, 'grpc-http2-max-pings-without-data'),
      http2MinRecvPingIntervalWithoutDataMs: integerFlag(
        parsed,
        'grpc-http2-min-recv-ping-interval-without-data',
      ),
      http2MaxPingStrikes: integerFlag(parsed, 'grpc-http2-max-ping-strikes'),
      maxConnectionAgeMs: integerFlag(parsed, 'grpc-max-connection-age'),
      maxConnectionAgeGraceMs: integerFlag(parsed, 'grpc-max-connection-age-grace'),
    },
  };
}

function metricsOptions(parsed: ParsedFlags, address: string): ServeOptions['metrics'] {
  if (booleanFlag(parsed, 'allow-metrics') === false) return false;
  return {
    address: flagValue(parsed, 'metrics-address') ?? address,
    port: port(parsed, 'metrics-port'),
    gpu: booleanFlag(parsed, 'allow-gpu-metrics'),
    cpu: booleanFlag(parsed, 'allow-cpu-metrics'),
    intervalMs: integerFlag(parsed, 'metrics-interval-ms', 1),
    ...metricsConfig(parsed),
  };
}

function sharedMemory(parsed: ParsedFlags): ServerSettingsOptions['sharedMemory'] {
  const chosen = choiceFlag(parsed, 'shared-memory', words('off', 'system', 'cuda', 'all'));
  if (chosen === 'off') return false;
  const { runtime, library, pluginLibraries } = platformOptions(parsed);
  return {
    system: chosen !== 'cuda',
    cuda: chosen !== 'system',
    platform: { runtime, library, pluginLibraries },
  };
}

/** Triton takes true and false for the level, too. */
function verboseLevel(parsed: ParsedFlags): number {
  const text = flagValue(parsed, 'log-verbose')?.toLowerCase();
  if (text === 'true' || text === 'false') return text === 'true' ? 1 : 0;
  return integerFlag(parsed, 'log-verbose') ?? 0;
}

function settingsOptions(parsed: ParsedFlags): ServerSettingsOptions {
  return {
    log: {
      log_file: flagValue(parsed, 'log-file') ?? '',
      log_info: booleanFlag(parsed, 'log-info') ?? true,
      log_warning: booleanFlag(parsed, 'log-warning') ?? true,
      log_error: booleanFlag(parsed, 'log-error') ?? true,
      log_verbose_level: verboseLevel(parsed),
      log_format: choiceFlag(parsed, 'log-format', words('default', 'ISO8601')) ?? 'default',
    },
    trace: traceSetting(parsed),
    sharedMemory: sharedMemory(parsed),
  };
}

/** Reads all flags. @throws UsageError */
export function servePlan(parsed: ParsedFlags): ServePlan {
  const paths = flagValues(parsed, 'model-repository');
  if (parsed.positionals.length > 0) {
    throw new UsageError(
      `unexpected argument ${JSON.stringify(parsed.positionals[0])}`,
      'Write --model-repository=DIR.',
    );
  }
  if (paths.length === 0) {
    throw new UsageError('--model-repository must be specified', 'Write --model-repository=DIR.');
  }
  const address = flagValue(parsed, 'http-address') ?? everywhere;
  return {
    paths,
    repository: repositoryOptions(parsed),
    settings: settingsOptions(parsed),
    serve: {
      http: httpOptions(parsed, address),
      grpc: grpcOptions(parsed),
      metrics: metricsOptions(parsed, address),
      access: accessOptions(parsed, 'http-restricted-api'),
      limits: {
        maxBodyBytes: bytesFlag(parsed, 'http-max-input-size'),
        maxConnections: integerFlag(parsed, 'max-connections', 1),
        maxConcurrentRequests: integerFlag(parsed, 'max-concurrent-requests', 1),
      },
      serverId: flagValue(parsed, 'id'),
      statusPage: booleanFlag(parsed, 'status-page'),
    },
    exitOnError: booleanFlag(parsed, 'exit-on-error') ?? true,
    exitOnDeviceLost: booleanFlag(parsed, 'exit-on-device-lost') ?? false,
    exitTimeoutMs: (integerFlag(parsed, 'exit-timeout-secs') ?? 30) * 1000,
  };
}
