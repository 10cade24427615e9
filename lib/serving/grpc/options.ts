// Options of the gRPC door, with tritonserver's names and defaults where it has them.

import { invalidArgument } from '../../errors.js';
import { checkChoice, checkInteger, checkOptions } from '../../validate.js';
import type { AccessOptions } from '../security/access.js';
import { type LimitOptions, type Limits, resolveLimits } from '../security/limits.js';
import type { TlsOptions } from '../security/tls.js';
import { checkPattern } from '../forward-headers.js';
import type { ServerSettings } from '../settings.js';
import type { CompressionLevel } from './framing.js';

/** tritonserver's --grpc-keepalive-… and --grpc-http2-… flags; times in milliseconds. */
export interface KeepaliveOptions {
  /** A connection that was silent for so long is asked whether it lives. Default 7 200 000. */
  keepaliveTimeMs?: number | undefined;
  /** It is closed when it does not answer for so long. Default 20 000. */
  keepaliveTimeoutMs?: number | undefined;
  /** Also ask connections without a call. Default false. */
  keepalivePermitWithoutCalls?: boolean | undefined;
  /** Pings sent in a row while nothing else is sent; 0: any number. Default 2. */
  http2MaxPingsWithoutData?: number | undefined;
  /** Clients may not ask more often while nothing is sent. Default 300 000. */
  http2MinRecvPingIntervalWithoutDataMs?: number | undefined;
  /** Pings that come too early, before the connection is closed; 0: any number. Default 2. */
  http2MaxPingStrikes?: number | undefined;
  /** Connections are closed after so long, their calls going on; 0: never. Default 0. */
  maxConnectionAgeMs?: number | undefined;
  /** How long those calls may go on; 0: without end. Default 0. */
  maxConnectionAgeGraceMs?: number | undefined;
}

/** Options of {@link createGrpcServer}. */
export interface GrpcServerOptions {
  tls?: TlsOptions | undefined;
  /** Tokens are metadata `authorization: Bearer …`; restricted parts want `triton-grpc-protocol-KEY: VALUE` (--grpc-restricted-protocol). */
  access?: AccessOptions | undefined;
  /** maxBodyBytes bounds a message. */
  limits?: LimitOptions | undefined;
  /** Log, trace and shared memory, as given to the HTTP door; without it those methods answer that the server has none. */
  settings?: ServerSettings | undefined;
  keepalive?: KeepaliveOptions | undefined;
  /** How hard responses of inference are compressed for clients that read it (--grpc-infer-response-compression-level). Default 'none'. */
  inferResponseCompressionLevel?: CompressionLevel | undefined;
  /** Metadata whose keys match become parameters of the request, for js models (--grpc-header-forward-pattern). Default: none. */
  forwardHeaders?: RegExp | string | undefined;
  /** Calls of one connection at the same time. Default 1000. */
  maxConcurrentStreams?: number | undefined;
  /** Requests of one ModelStreamInfer that wait or run, before the server reads no more of it. Default 256. */
  maxStreamRequests?: number | undefined;
}

/** @internal */
export type Keepalive = {
  readonly [K in keyof KeepaliveOptions]-?: NonNullable<KeepaliveOptions[K]>;
};

/** @internal */
export interface GrpcSettings {
  readonly limits: Limits;
  readonly keepalive: Keepalive;
  readonly compression: CompressionLevel;
  readonly forwardHeaders: RegExp | undefined;
  readonly maxConcurrentStreams: number;
  readonly maxStreamRequests: number;
}

const keepaliveDefaults: Keepalive = {
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  keepalivePermitWithoutCalls: false,
  http2MaxPingsWithoutData: 2,
  http2MinRecvPingIntervalWithoutDataMs: 300_000,
  http2MaxPingStrikes: 2,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 0,
};

const numbers = [
  'keepaliveTimeMs',
  'keepaliveTimeoutMs',
  'http2MaxPingsWithoutData',
  'http2MinRecvPingIntervalWithoutDataMs',
  'http2MaxPingStrikes',
  'maxConnectionAgeMs',
  'maxConnectionAgeGraceMs',
] as const;

function resolveKeepalive(options: KeepaliveOptions = {}): Keepalive {
  checkOptions(options, Object.keys(keepaliveDefaults), 'keepalive');
  const resolved = { ...keepaliveDefaults };
  for (const name of numbers) {
    const least = name === 'keepaliveTimeMs' || name === 'keepaliveTimeoutMs' ? 1 : 0;
    const given = options[name];
    if (given !== undefined) {
      resolved[name] = checkInteger(given, `keepalive.${name}`, least, 2 ** 31 - 1);
    }
  }
  const permit: unknown = options.keepalivePermitWithoutCalls ?? false;
  if (typeof permit !== 'boolean') {
    throw invalidArgument(
      'keepalive.keepalivePermitWithoutCalls: expected true or false',
      'Give a boolean.',
    );
  }
  resolved.keepalivePermitWithoutCalls = permit;
  return resolved;
}

/** With the defaults. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function resolveGrpcOptions(options: GrpcServerOptions): GrpcSettings {
  checkOptions(
    options,
    [
      'tls',
      'access',
      'limits',
      'settings',
      'keepalive',
      'inferResponseCompressionLevel',
      'forwardHeaders',
      'maxConcurrentStreams',
      'maxStreamRequests',
    ],
    'gRPC server',
  );
  const { maxConcurrentStreams = 1000, maxStreamRequests = 256 } = options;
  return {
    limits: resolveLimits(options.limits),
    keepalive: resolveKeepalive(options.keepalive),
    compression: checkChoice(
      options.inferResponseCompressionLevel ?? 'none',
      'inferResponseCompressionLevel',
      ['none', 'low', 'medium', 'high'],
    ),
    forwardHeaders: checkPattern(options.forwardHeaders),
    maxConcurrentStreams: checkInteger(
      maxConcurrentStreams,
      'maxConcurrentStreams',
      1,
      2 ** 31 - 1,
    ),
    maxStreamRequests: checkInteger(maxStreamRequests, 'maxStreamRequests', 1, 2 ** 31 - 1),
  };
}
