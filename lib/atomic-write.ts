// Writes files whole or not at all: to a temporary name in the same folder, then renamed.

import { randomBytes } from 'node:crypto';
import { open, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from './errors.js';

function temporaryName(file: string): string {
  const name = `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`;
  return path.join(path.dirname(file), name);
}

/**
 * Writes `bytes` to `file`; whoever reads it at the same time sees the old file or the new one, never a part.
 *
 * @throws ERR_TRT_FILE
 */
export async function writeFileAtomically(file: string, bytes: Uint8Array): Promise<void> {
  await writeFilesAtomically(new Map([[file, bytes]]));
}

/** A rename is on the disk when its folder is. Some file systems cannot do that; then a crash of the machine may bring the old file back. */
async function syncFolders(files: Iterable<string>): Promise<void> {
  for (const folder of new Set([...files].map((file) => path.dirname(file)))) {
    try {
      const handle = await open(folder);
      await handle.sync().finally(() => handle.close());
    } catch {
      // the files themselves are complete
    }
  }
}

/**
 * The same for several files: none takes its name before all are on the disk. They take their names in the order of `files`.
 *
 * @param options - `mode`: permissions of the files, less the umask; default 0o666.
 * @throws ERR_TRT_FILE
 */
export async function writeFilesAtomically(
  files: ReadonlyMap<string, Uint8Array | string>,
  options: { mode?: number } = {},
): Promise<void> {
  const staged: { file: string; temporary: string }[] = [];
  let current = '';
  try {
    for (const [file, content] of files) {
      current = file;
      const temporary = temporaryName(file);
      const handle = await open(temporary, 'wx', options.mode);
      staged.push({ file, temporary });
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    for (const { file, temporary } of staged) {
      current = file;
      await rename(temporary, file);
    }
    await syncFolders(files.keys());
  } catch (error) {
    for (const { temporary } of staged) await unlink(temporary).catch(() => undefined);
    throw fileError('write', current, error);
  }
}

/**
 * Whether `file` could be written now, found out by trying, so that nobody works for minutes for a result that cannot be kept. Leaves nothing behind.
 *
 * @throws ERR_TRT_FILE
 */
export async function checkWritable(file: string): Promise<void> {
  try {
    const existing = await stat(file).catch(() => undefined);
    if (existing?.isDirectory() === true) throw new Error('it is a folder');
    const temporary = temporaryName(file);
    const handle = await open(temporary, 'wx');
    await handle.close();
    await unlink(temporary);
  } catch (error) {
    throw fileError('write', file, error);
  }
}
