// Listing: what lies in a model's folder: every file with its size and times, so that a change is seen; and nothing that leads out of the repository.

import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { ServingError, asError } from '../../errors.js';

/** More than this is no model's folder, but a mistake (or an attack on whoever polls it). */
const maxFiles = 10_000;
const maxDepth = 8;
const maxConfigBytes = 16 * 2 ** 20;

/** A model's folder at one moment. */
export interface Listing {
  /** Its real path. */
  readonly folder: string;
  /** By path in the folder: what changes when the file does. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of the folders in it. */
  readonly folders: readonly string[];
  /** When anything in it was last written or replaced: milliseconds since the epoch. */
  readonly newestMs: number;
}

function refuse(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_MODEL_LOAD', reason, hint);
}

/** Whether `target` is `root` or in it; both real paths. */
export function isInside(root: string, target: string): boolean {
  return target === root || target.startsWith(root.endsWith('/') ? root : `${root}/`);
}

/** The listing of the model's folder `entry`; links may lead to where `roots` are, and nowhere else. */
async function walk(folder: string, roots: readonly string[]): Promise<Listing> {
  const files = new Map<string, string>();
  const folders: string[] = [];
  let newestMs = 0;
  const visit = async (relative: string, depth: number): Promise<void> => {
    if (depth > maxDepth) {
      throw refuse(
        `'${folder}' has folders more than ${maxDepth} deep`,
        'Keep versions and data of a model in flat folders.',
      );
    }
    for (const name of await readdir(path.join(folder, relative))) {
      const inside = relative === '' ? name : `${relative}/${name}`;
      const file = path.join(folder, inside);
      let found: BigIntStats;
      try {
        found = await lstat(file, { bigint: true });
        if (found.isSymbolicLink()) {
          const target = await realpath(file);
          if (!roots.some((root) => isInside(root, target))) {
            throw refuse(
              `'${file}' is a link to '${target}', which is outside the repository`,
              'Move what it leads to into the repository, or make the model folder itself the link.',
            );
          }
          found = await stat(target, { bigint: true });
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        files.set(inside, 'gone'); // a link into nothing, or removed meanwhile: another state than any other
        continue;
      }
      if (files.size >= maxFiles) {
        throw refuse(
          `'${folder}' has more than ${maxFiles} files`,
          'Keep only what the model needs in its folder.',
        );
      }
      newestMs = Math.max(newestMs, Number(found.ctimeNs / 1_000_000n)); // unlike mtime, nobody can set it
      if (found.isDirectory()) {
        if (relative === '') folders.push(name);
        await visit(inside, depth + 1);
      } else if (found.isFile()) {
        files.set(inside, `${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`);
      } else {
        throw refuse(
          `'${file}' is neither a file nor a folder`,
          'Remove it: a model consists of plain files.',
        );
      }
    }
  };
  await visit('', 0);
  return { folder, files, folders, newestMs };
}

/**
 * Lists the model folder `entry` of the repository `root` (a real path). The entry itself may be a link to anywhere, as who owns the repository made it;
 * links in it must stay in the repository or in what the entry leads to.
 *
 * @throws ERR_TRT_MODEL_LOAD
 */
export async function listModelFolder(root: string, entry: string): Promise<Listing> {
  try {
    const folder = await realpath(path.join(root, entry));
    return await walk(folder, [root, folder]);
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `cannot list the folder of model '${entry}': ${asError(error).message}`,
      'Check that it is a folder that this user may read.',
      { cause: error },
    );
  }
}

/** Reads a config. Only plain files of at most 16 MiB of UTF-8. @throws ERR_TRT_MODEL_CONFIG */
export async function readConfigText(file: string): Promise<string> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new Error('it is no regular file');
      if (found.size > maxConfigBytes) throw new Error(`it has more than ${maxConfigBytes} bytes`);
      return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `cannot read '${file}': ${asError(error).message}`,
      'A config is a text file in UTF-8, in protobuf text format.',
      { cause: error },
    );
  }
}
