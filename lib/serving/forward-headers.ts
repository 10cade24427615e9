// Forwarding of headers: those whose names match a pattern become parameters of the request, through either door.

import { asError, invalidArgument } from '../errors.js';
import type { InferRequest, Parameters } from './request.js';

/** @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function checkPattern(pattern: RegExp | string | undefined): RegExp | undefined {
  if (pattern === undefined || pattern === '') return undefined;
  // RE2 can say in the pattern that case does not matter.
  const text = typeof pattern === 'string' ? pattern.replace(/^\(\?i\)/, '') : pattern;
  try {
    // Header names know no case; a global pattern would remember where it was.
    return new RegExp(text, 'i');
  } catch (error) {
    throw invalidArgument(
      `forwardHeaders: ${asError(error).message}`,
      'Give a regular expression, for example "^x-".',
    );
  }
}

/**
 * Adds the headers that match to the request's parameters.
 *
 * @param headers - Names and values in turn.
 * @internal
 */
export function forwardHeadersOf(
  headers: readonly string[],
  pattern: RegExp,
  request: InferRequest,
): void {
  let parameters: Record<string, Parameters[string]> | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    if (!pattern.test(name)) continue;
    // A header may be named as what every object has.
    parameters ??= Object.assign(
      Object.create(null) as Record<string, Parameters[string]>,
      request.parameters,
    );
    parameters[name] = headers[at + 1] as string;
  }
  if (parameters !== undefined) request.parameters = parameters;
}
