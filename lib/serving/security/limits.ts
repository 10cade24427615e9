// Limits: what one client, or all together, may ask of a server; the defaults are safe for an open network.

import { checkInteger, checkOptions } from '../../validate.js';

/** Limits of a server. What exceeds one is refused at once, with an error that names it. */
export interface LimitOptions {
  /** Bytes of a request's body, also after decompression. Default 64 MiB, as Triton's --http-max-input-size. */
  maxBodyBytes?: number | undefined;
  /** Bytes of decompressed bodies that a door holds at a time, of all requests together; more get 503. At least `maxBodyBytes`; default 8 times that. */
  maxInflatedBytes?: number | undefined;
  /** Bytes of a request's headers together. Default 16 KiB. */
  maxHeaderBytes?: number | undefined;
  /** Inputs, and outputs, of one request. Default 1024. */
  maxTensors?: number | undefined;
  /** Connections at the same time. Default 10 000. */
  maxConnections?: number | undefined;
  /** Inference requests in the server at the same time; more get 503 at once. Default 10 000. */
  maxConcurrentRequests?: number | undefined;
  /** Milliseconds in which a request's headers must have come. Default 10 000. */
  headersTimeoutMs?: number | undefined;
  /** Milliseconds in which all of a request must have come. Default 60 000. */
  requestTimeoutMs?: number | undefined;
  /** Milliseconds that a connection without a request is kept open. Default 65 000. */
  keepAliveTimeoutMs?: number | undefined;
}

/** @internal */
export type Limits = { readonly [K in keyof LimitOptions]-?: number };

const defaults: Omit<Limits, 'maxInflatedBytes'> = {
  maxBodyBytes: 64 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxTensors: 1024,
  maxConnections: 10_000,
  maxConcurrentRequests: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
};

/** With the defaults. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function resolveLimits(options: LimitOptions = {}): Limits {
  checkOptions(options, [...Object.keys(defaults), 'maxInflatedBytes'], 'limits');
  const limits = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const given = options[name];
    if (given !== undefined) limits[name] = checkInteger(given, `limits.${name}`, 1, 2 ** 31 - 1);
  }
  const { maxInflatedBytes = 8 * limits.maxBodyBytes } = options;
  return {
    ...limits,
    maxInflatedBytes: checkInteger(
      maxInflatedBytes,
      'limits.maxInflatedBytes',
      limits.maxBodyBytes,
    ),
  };
}
