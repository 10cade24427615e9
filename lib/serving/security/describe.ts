// Says in plain sentences how a server is protected, for the lines that are printed when it starts.

import type { SharedMemoryOptions } from '../shared-memory/registry.js';
import { type AccessOptions, type ApiCategory, apiCategories } from './access.js';
import { type LimitOptions, resolveLimits } from './limits.js';
import type { TlsOptions } from './tls.js';

/** Everything that protects a server, or does not. */
export interface SecurityOptions {
  /** The address that is listened on; default {@link defaultAddress}. */
  address?: string | undefined;
  tls?: TlsOptions | undefined;
  access?: AccessOptions | undefined;
  limits?: LimitOptions | undefined;
  /** false: clients can register none. */
  sharedMemory?: SharedMemoryOptions | false | undefined;
}

/** Where servers listen when no address is given: only this machine reaches them. Triton's default is 0.0.0.0. */
export const defaultAddress = '127.0.0.1';

const administration: readonly ApiCategory[] = [
  'model-repository',
  'shared-memory',
  'logging',
  'trace',
];

/** @internal */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

/**
 * How a server is protected, a sentence a line: what is on, what is off, and what an open network makes of it.
 *
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for limits that are none
 */
export function describeSecurity(options: SecurityOptions): string[] {
  const { address = defaultAddress, tls, access = {} } = options;
  const limits = resolveLimits(options.limits);
  const hasTokens = access.tokens !== undefined || access.tokenFile !== undefined;
  const disabled = new Set(access.disabled);
  const restricted = new Set((access.restricted ?? []).flatMap(({ apis }) => apis));
  const lines = [
    isLoopback(address)
      ? `Address ${address}: only this machine reaches it.`
      : `Address ${address}: other machines reach it.`,
  ];
  if (tls === undefined) lines.push('TLS: off; requests and answers can be read on the way.');
  else if (tls.clientCaFile === undefined) {
    lines.push(`TLS: on, ${tls.minVersion ?? 'TLSv1.2'} or later; clients need no certificate.`);
  } else {
    lines.push(
      `TLS: on, ${tls.minVersion ?? 'TLSv1.2'} or later; clients need a certificate of ${tls.clientCaFile}.`,
    );
  }
  const open = (access.open ?? ['health']).join(', ') || 'nothing';
  lines.push(
    hasTokens
      ? `Bearer tokens: on; without one: ${open}.`
      : 'Bearer tokens: off; whoever reaches the port can send requests.',
  );
  const exposed = administration.filter((api) => !disabled.has(api) && !restricted.has(api));
  lines.push(
    exposed.length === 0
      ? 'Administration (loading models, shared memory, logging, traces): every part is restricted or off.'
      : `Administration without a key of its own: ${exposed.join(', ')}.`,
  );
  const sites = access.allowedOrigins ?? [];
  if (sites.length > 0)
    lines.push(`Browsers: pages of ${sites.join(', ')} may send requests, too.`);
  const off = apiCategories.filter((api) => disabled.has(api));
  if (off.length > 0) lines.push(`Switched off: ${off.join(', ')}.`);
  lines.push(describeSharedMemory(options.sharedMemory, disabled.has('shared-memory')));
  lines.push(
    `Limits: body ${limits.maxBodyBytes} bytes, all decompressed bodies ${limits.maxInflatedBytes} bytes, headers ${limits.maxHeaderBytes} bytes in ${limits.headersTimeoutMs} ms, whole request in ${limits.requestTimeoutMs} ms, ${limits.maxTensors} tensors a request, ${limits.maxConnections} connections, ${limits.maxConcurrentRequests} requests at a time.`,
  );
  if (!isLoopback(address) && !hasTokens && tls?.clientCaFile === undefined) {
    lines.push(
      'WARNING: other machines can use this server without proving who they are. Set tokens or mutual TLS, or listen on 127.0.0.1.',
    );
  }
  return lines;
}

function describeSharedMemory(
  options: SharedMemoryOptions | false | undefined,
  disabled: boolean,
): string {
  if (options === false || disabled) return 'Shared memory: off.';
  const kinds = [
    ...(options?.system === false ? [] : ['system']),
    ...(options?.cuda === false ? [] : ['CUDA']),
  ];
  if (kinds.length === 0) return 'Shared memory: off.';
  return `Shared memory: ${kinds.join(' and ')}; clients can have this process read and write regions that its user may open.`;
}
