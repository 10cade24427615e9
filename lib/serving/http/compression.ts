// Compression: bodies in gzip and deflate, inflated up to a limit, and which encoding a client wants for the answer.

import { promisify } from 'node:util';
import { constants, deflate, gzip } from 'node:zlib';
import { ServingError, asError } from '../../errors.js';
import { type InflateBudget, inflate } from '../security/inflate.js';
import { badRequest } from './json-access.js';

/** @internal */
export type ContentEncoding = 'gzip' | 'deflate';

const deflaters = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** Triton's words for a body that is too large. @internal */
export function tooLarge(size: number | undefined, most: number): ServingError {
  const given = size === undefined ? '' : ` of ${size} bytes`;
  return badRequest(
    `Request JSON size${given} exceeds the maximum allowed value of ${most} bytes. Use --http-max-input-size to increase the limit.`,
    'Send less at a time, or put large tensors into shared memory.',
  );
}

/** Of the Content-Encoding header. @throws ERR_TRT_REQUEST_UNSUPPORTED @internal */
export function requestEncoding(header: string | undefined): ContentEncoding | undefined {
  if (header === undefined || header === '' || header === 'identity') return undefined;
  const encoding = header.trim().toLowerCase();
  if (encoding === 'gzip' || encoding === 'deflate') return encoding;
  throw new ServingError(
    'ERR_TRT_REQUEST_UNSUPPORTED',
    'Unsupported compression type',
    'Use gzip, deflate or none.',
  );
}

/** Inflates a body, to at most `most` bytes of the budget. @throws ERR_TRT_REQUEST, ERR_TRT_QUEUE_FULL @internal */
export async function inflateBody(
  body: Buffer,
  encoding: ContentEncoding,
  most: number,
  budget: InflateBudget,
): Promise<Buffer> {
  const inflated = await inflate(body, encoding, most, budget).catch((error: unknown) => {
    throw badRequest(
      `failed to decompress the request body: ${asError(error).message}`,
      `Send a body in ${encoding}.`,
    );
  });
  if (inflated === 'too large') throw tooLarge(undefined, most);
  if (inflated !== 'no room') return inflated;
  throw new ServingError(
    'ERR_TRT_QUEUE_FULL',
    `the decompressed bodies in the server have ${budget.total} bytes together, and there is no room for another`,
    'Send it again later, or without compression; limits.maxInflatedBytes is the limit.',
  );
}

/** At zlib's fastest level: the numbers of tensors hardly become shorter at a slower one. @internal */
export async function deflateBody(body: Buffer, encoding: ContentEncoding): Promise<Buffer> {
  return deflaters[encoding](body, { level: constants.Z_BEST_SPEED });
}

/** The encoding of the answer that the Accept-Encoding header prefers; undefined: none. @internal */
export function responseEncoding(header: string | undefined): ContentEncoding | undefined {
  if (header === undefined) return undefined;
  let best: ContentEncoding | 'identity' = 'identity';
  let bestWeight = 0;
  for (const part of header.split(',')) {
    const [name, ...parameters] = part.split(';').map((each) => each.trim());
    if (name !== 'gzip' && name !== 'deflate' && name !== 'identity') continue;
    const quality = parameters.find((each) => each.startsWith('q='));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    if (!(weight > bestWeight)) continue;
    best = name;
    bestWeight = weight;
  }
  return best === 'identity' ? undefined : best;
}

/** Characters; shorter answers are not packed for those who take whatever comes. */
const leastDeflated = 1024;

/**
 * How an answer is packed. Who names one encoding alone, as Triton's clients do when they are told to, gets it. fetch, browsers and curl accept several,
 * whether it helps or not: they get long JSON packed, but no bytes of tensors, which hardly become shorter.
 *
 * @param header - Accept-Encoding.
 * @param json - The answer, or what stands before its tensors' bytes.
 * @returns undefined: not at all. @internal
 */
export function answerEncoding(
  header: string | undefined,
  json: string,
  hasBinary: boolean,
): ContentEncoding | undefined {
  const encoding = responseEncoding(header);
  if (header?.includes(',') !== true) return encoding;
  return hasBinary || json.length < leastDeflated ? undefined : encoding;
}
