// A whole file as bytes, or our own error.

import { readFile } from 'node:fs/promises';
import { fileError } from './errors.js';

/** @throws ERR_TRT_FILE */
export async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw fileError('read', file, error);
  }
}
