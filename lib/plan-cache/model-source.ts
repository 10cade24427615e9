// What Session.load was given, a plan or an ONNX model: told by its first bytes.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { planBytes } from '../plan.js';
import { isPlanSource } from '../plan-source.js';
import { isPlan, looksLikeOnnx } from '../inspect/magic.js';

/** An ONNX model: a path, or bytes that nobody else changes. */
export type ModelSource = string | Uint8Array;

const sniffed = 64;

/** The first bytes of a file; undefined where they cannot be read: whoever opens it next says why. */
async function firstBytes(file: string): Promise<Uint8Array | undefined> {
  try {
    // O_NONBLOCK: a FIFO must not hold one of libuv's threads until somebody writes.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffed), 0, sniffed, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * The model, or undefined for a plan and for whatever else is not ours to explain. Bytes of a model are copied; those of a plan are only looked at, and the answer
 * comes at once.
 */
export function modelSource(
  given: unknown,
): Promise<ModelSource | undefined> | ModelSource | undefined {
  if (typeof given === 'string' || given instanceof URL) return modelFile(given);
  if (isPlanSource(given)) return undefined; // in pieces come plans only
  const bytes = planBytes(given, 'Session.load');
  return looksLikeOnnx(bytes) ? bytes.slice() : undefined;
}

async function modelFile(given: string | URL): Promise<string | undefined> {
  if (typeof given !== 'string' && given.protocol !== 'file:') return undefined;
  const file = typeof given === 'string' ? given : fileURLToPath(given);
  if (file === '') return undefined;
  const bytes = await firstBytes(file);
  if (bytes === undefined) return undefined;
  if (looksLikeOnnx(bytes)) return file;
  // A model may begin with another field; the parser says what is wrong with anything else that is called so.
  return file.endsWith('.onnx') && !isPlan(bytes) ? file : undefined;
}
