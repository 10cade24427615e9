// OriginCheck: keeps pages of other sites, open in a browser that reaches the server, from sending requests that change something.

import { isIP } from 'node:net';
import { invalidArgument } from '../../errors.js';

/** Why a request from a page of another site is refused. @internal */
export const foreignOriginMessage =
  "requests from pages of other sites are refused: the 'Origin' header is not this server's";

function checkOrigin(text: string): string {
  if (text === '*') return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Of what is no http(s) URL (a browser extension's page) the origin is 'null'.
  const origin = url?.origin === 'null' ? `${url.protocol}//${url.host}` : url?.origin;
  if (origin !== undefined && origin === text.toLowerCase()) return origin;
  throw invalidArgument(
    `access.allowedOrigins: expected origins such as 'https://example.com:8443', got ${JSON.stringify(text)}`,
    "Give scheme, host and port, without a path; '*' allows all pages of all sites.",
  );
}

/** The host of a Host header or of an origin, without its port. */
function nameOf(host: string): string {
  const name = host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.split(':', 1)[0];
  return (name ?? '').toLowerCase();
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return /^(?:::ffff:)?127\./.test(address) || address === '::1';
}

/** What is looked at of a request. @internal */
export interface OriginFacts {
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** The server's address on the connection. */
  readonly localAddress: string | undefined;
}

/** Browsers send `Origin` with each request that may change something; other clients send none. @internal */
export class OriginCheck {
  readonly #allowed: ReadonlySet<string>;

  /** @throws ERR_TRT_INVALID_ARGUMENT */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = new Set(allowed.map(checkOrigin));
  }

  /** Whether the request comes from a page of this server, or of a site that is allowed, or from no page at all. */
  allows({ origin, host = '', localAddress }: OriginFacts): boolean {
    if (origin === undefined || this.#allowed.has('*')) return true;
    const given = origin.toLowerCase();
    if (this.#allowed.has(given)) return true;
    // The scheme does not count: a proxy before the server may end TLS.
    const [, from] = /^https?:\/\/(.+)$/.exec(given) ?? [];
    if (from === undefined || from !== host.toLowerCase()) return false;
    // Any name can be made to point at this machine (DNS rebinding): its own pages come from localhost or an address.
    const name = nameOf(host);
    return !isLoopback(localAddress) || name === 'localhost' || isIP(name) !== 0;
  }
}
