// Writes files whole or not at all: to a temporary name in the same folder, then renamed.

import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from './errors.js';

/**
 * Writes `bytes` to `file`; whoever reads it at the same time sees the old file or the new one, never a part.
 *
 * @throws ERR_TRT_FILE
 */
export async function writeFileAtomically(file: string, bytes: Uint8Array): Promise<void> {
  const name = `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`;
  const temporary = path.join(path.dirname(file), name);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError('write', file, error);
  }
}
