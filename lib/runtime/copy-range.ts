// Which bytes a copy between buffers moves.

import { checkInteger } from '../validate.js';

/** Which bytes a copy moves. */
export interface CopyOptions {
  /** How many; default: to the end of the shorter of the two. */
  bytes?: number | undefined;
  /** Where in the destination; default 0. */
  toOffset?: number | undefined;
  /** Where in the source; default 0. */
  fromOffset?: number | undefined;
}

/** @throws ERR_TRT_INVALID_ARGUMENT when it does not fit @internal */
export function copyRange(
  to: { readonly bytes: number },
  from: { readonly bytes: number },
  options: CopyOptions,
): Required<{ [K in keyof CopyOptions]: number }> {
  const toOffset = checkInteger(options.toOffset ?? 0, 'copy: toOffset', 0, to.bytes);
  const fromOffset = checkInteger(options.fromOffset ?? 0, 'copy: fromOffset', 0, from.bytes);
  const most = Math.min(to.bytes - toOffset, from.bytes - fromOffset);
  const bytes = checkInteger(options.bytes ?? most, 'copy: bytes', 0, most);
  return { toOffset, fromOffset, bytes };
}
