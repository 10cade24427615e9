// Access control: who may call which part of the API: bearer tokens, Triton's restricted APIs, and parts that are switched off.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileError, invalidArgument } from '../../errors.js';
import { checkOptions, checkString } from '../../validate.js';
import { OriginCheck } from './origin.js';

/** Parts of the API, by Triton's names (--http-restricted-api); the last two are this package's. */
export const apiCategories = [
  'health',
  'metadata',
  'inference',
  'shared-memory',
  'model-config',
  'model-repository',
  'statistics',
  'trace',
  'logging',
  'metrics',
  'status-page',
] as const;

/** One of {@link apiCategories}. */
export type ApiCategory = (typeof apiCategories)[number];

/** A header that calls of some parts of the API must bring; the metadata key of gRPC is the same, after `triton-grpc-protocol-`. */
export interface RestrictedApi {
  apis: readonly ApiCategory[];
  header: string;
  value: string;
}

/** Who may call what. Everybody everything, when nothing is set. */
export interface AccessOptions {
  /** Calls need `Authorization: Bearer TOKEN` with one of these. */
  tokens?: readonly string[] | undefined;
  /** A file with such tokens, one a line; lines that begin with # are comments. */
  tokenFile?: string | undefined;
  /** Parts that need no token. Default `['health']`, for probes of orchestrators. */
  open?: readonly ApiCategory[] | undefined;
  /** Parts that need a header of their own besides: an administrator's key for loading, shared memory, logging, traces. */
  restricted?: readonly RestrictedApi[] | undefined;
  /** Parts that are switched off: 403 for everybody. */
  disabled?: readonly ApiCategory[] | undefined;
  /**
   * Sites whose pages may send POST requests from a browser, for example 'https://tools.example.com'; '*' is all. Default: only pages of this server. Of HTTP:
   * browsers cannot send gRPC.
   */
  allowedOrigins?: readonly string[] | undefined;
}

/** Why a call is refused. @internal */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Whether two texts are equal, in a time that tells nothing of either. */
function equalsSecret(given: string, secret: Buffer): boolean {
  return timingSafeEqual(digest(given), secret);
}

function checkCategories(
  given: readonly ApiCategory[] | undefined,
  who: string,
): readonly ApiCategory[] {
  for (const category of given ?? []) {
    if (!apiCategories.includes(category)) {
      throw invalidArgument(
        `${who}: expected parts of the API, got ${JSON.stringify(category)}`,
        `They are ${apiCategories.join(', ')}.`,
      );
    }
  }
  return given ?? [];
}

function readTokens(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

/**
 * Reads Triton's `--http-restricted-api=API[,API…]:HEADER=VALUE`.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT
 */
export function parseRestrictedApi(text: string): RestrictedApi {
  const match = /^([^:]+):([^=]+)=(.+)$/.exec(text);
  const [, names, header, value] = match ?? [];
  if (names === undefined || header === undefined || value === undefined) {
    throw invalidArgument(
      `expected API[,API…]:HEADER=VALUE, got ${JSON.stringify(text)}`,
      'For example model-repository,shared-memory:admin-key=secret.',
    );
  }
  const apis = names.split(',').map((name) => name.trim()) as ApiCategory[];
  return { apis: checkCategories(apis, 'restricted API'), header: header.trim(), value };
}

const optionNames = ['tokens', 'tokenFile', 'open', 'restricted', 'disabled', 'allowedOrigins'];

/** Answers whether a call may go on; of HTTP and gRPC alike. @internal */
export class AccessControl {
  readonly #tokens: readonly Buffer[];
  readonly #open: ReadonlySet<ApiCategory>;
  readonly #disabled: ReadonlySet<ApiCategory>;
  readonly #restricted = new Map<ApiCategory, { header: string; secret: Buffer }>();
  /** Whether every call is let through: nothing to ask. */
  readonly isOpen: boolean;
  /** From which pages of browsers requests are taken. */
  readonly origins: OriginCheck;

  /** @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_FILE */
  constructor(options: AccessOptions = {}) {
    checkOptions(options, optionNames, 'access');
    this.origins = new OriginCheck(options.allowedOrigins);
    const { tokenFile } = options;
    const fromFile =
      tokenFile === undefined ? [] : readTokens(checkString(tokenFile, 'access.tokenFile'));
    const tokens = [...(options.tokens ?? []), ...fromFile];
    if (tokens.some((token) => typeof token !== 'string' || token.trim() === '')) {
      throw invalidArgument(
        'access.tokens: expected strings that are not empty',
        'Give tokens of at least 32 random characters.',
      );
    }
    if (tokens.length === 0 && (options.tokens !== undefined || tokenFile !== undefined)) {
      throw invalidArgument(
        'access: expected at least one token, got none',
        'Put one a line into the file, or leave the option out to let everybody in.',
      );
    }
    this.#tokens = tokens.map(digest);
    this.#open = new Set(checkCategories(options.open ?? ['health'], 'access.open'));
    this.#disabled = new Set(checkCategories(options.disabled, 'access.disabled'));
    for (const { apis, header, value } of options.restricted ?? []) {
      for (const api of checkCategories(apis, 'access.restricted')) {
        if (this.#restricted.has(api)) {
          throw invalidArgument(
            `access.restricted: '${api}' is restricted twice`,
            'Name each part of the API once.',
          );
        }
        this.#restricted.set(api, { header: header.toLowerCase(), secret: digest(value) });
      }
    }
    this.isOpen = tokens.length + this.#disabled.size + this.#restricted.size === 0;
  }

  /** Whether a part of the API is there at all. */
  isEnabled(category: ApiCategory): boolean {
    return !this.#disabled.has(category);
  }

  /**
   * Why the call must be refused; undefined: it may go on.
   *
   * @param header - The value of a header (metadata key) by its lower-case name.
   */
  refuse(category: ApiCategory, header: (name: string) => string | undefined): Refusal | undefined {
    if (this.isOpen) return undefined;
    if (this.#disabled.has(category)) {
      return { status: 403, message: `the ${category} API is switched off on this server` };
    }
    if (this.#tokens.length > 0 && !this.#open.has(category)) {
      const given = /^Bearer +(\S+)$/i.exec(header('authorization') ?? '')?.[1];
      if (given === undefined || !this.#isToken(given)) {
        return {
          status: 401,
          message: "This API is restricted, expecting header 'Authorization: Bearer <token>'",
        };
      }
    }
    const restriction = this.#restricted.get(category);
    if (restriction === undefined) return undefined;
    const given = header(restriction.header);
    if (given !== undefined && equalsSecret(given, restriction.secret)) return undefined;
    return {
      status: 403,
      message: `This API is restricted, expecting header '${restriction.header}'`,
    };
  }

  #isToken(given: string): boolean {
    const hash = digest(given);
    let found = false;
    // All are compared, so that the time does not tell which one it was.
    for (const token of this.#tokens) if (timingSafeEqual(hash, token)) found = true;
    return found;
  }
}
