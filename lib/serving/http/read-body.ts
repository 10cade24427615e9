// Reads the body of a request as one buffer, up to a limit.

import type { IncomingMessage } from 'node:http';

/** Why there is no body. @internal */
export type NoBody = 'too large' | 'broken off';

/**
 * Calls `done` once: with the body, or with why there is none. A body that its Content-Length says is too large is not read.
 * @internal
 */
export function readBody(
  message: IncomingMessage,
  most: number,
  done: (body: Buffer | NoBody) => void,
): void {
  if (Number(message.headers['content-length']) > most) {
    done('too large');
    return;
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  const end = (result: Buffer | NoBody) => {
    message.removeListener('data', onData);
    message.removeListener('end', onEnd);
    message.removeListener('close', onClose);
    done(result);
  };
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) end('too large');
    else if (first === undefined) first = chunk;
    else (rest ??= [first]).push(chunk);
  };
  const onEnd = () => {
    end(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, size));
  };
  const onClose = () => {
    end('broken off');
  };
  message.on('data', onData);
  message.on('end', onEnd);
  message.on('close', onClose);
}
