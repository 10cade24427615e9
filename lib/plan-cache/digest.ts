// SHA-256 of files and bytes, in pieces: the event loop is never held up for longer than one of them takes.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileError } from '../errors.js';
import { checkSignal } from '../session/run.js';

const pieceBytes = 1 << 20;

/** Size and SHA-256 of what was read. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Digest of bytes in memory. @throws ERR_TRT_ABORTED */
export async function digestOf(bytes: Uint8Array, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    hash.update(bytes.subarray(at, at + pieceBytes));
    await nextTurn();
    checkSignal(signal, 'Session.load');
  }
  return { bytes: bytes.length, sha256: hash.digest('hex') };
}

/** Digest of what an open file holds, from its beginning. @throws ERR_TRT_ABORTED, what reading throws */
export async function digestOfHandle(handle: FileHandle, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, pieceBytes, bytes);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    bytes += bytesRead;
    checkSignal(signal, 'Session.load');
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Opens a regular file; a FIFO or a device does not make this wait. @throws ERR_TRT_FILE */
export async function openRegular(file: string, flags = 0): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    if ((await handle.stat()).isFile()) return handle;
    throw new Error('it is no regular file');
  } catch (error) {
    await handle?.close();
    throw fileError('read', file, error);
  }
}

/** Digest of a file. @throws ERR_TRT_FILE, ERR_TRT_ABORTED */
export async function digestOfFile(file: string, signal?: AbortSignal): Promise<Digest> {
  const handle = await openRegular(file);
  try {
    return await digestOfHandle(handle, signal);
  } finally {
    await handle.close();
  }
}
