// The folder of a plan cache: where it is, who may put plans into it, and keeping it below a size.

import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { FileError, fileError } from '../errors.js';

/** `trt-node` in XDG_CACHE_HOME, which counts only as an absolute path, else in `~/.cache`. */
export function defaultCacheDir(): string {
  const { XDG_CACHE_HOME: xdg } = process.env;
  const cache =
    xdg !== undefined && path.isAbsolute(xdg) ? xdg : path.join(path.resolve(homedir()), '.cache');
  return path.join(cache, 'trt-node');
}

/** A folder with plans. */
export interface CacheFolder {
  /** Absolute. */
  readonly path: string;
  /** Users whose files are as good as ours: root, and the folder's owner, who could replace any file in it. */
  readonly trusted: readonly number[];
}

/** Makes the folder if it is missing, for this user alone. @throws ERR_TRT_FILE */
export async function openCacheFolder(folder: string): Promise<CacheFolder> {
  const absolute = path.resolve(folder);
  try {
    await mkdir(absolute, { recursive: true, mode: 0o700 });
    const { uid } = await stat(absolute);
    return { path: absolute, trusted: [process.getuid?.() ?? 0, 0, uid] };
  } catch (error) {
    const { reason, cause } = fileError('write', absolute, error);
    throw cacheError(reason, cause);
  }
}

/** An error of the cache's own files, with what can be done about it. */
export function cacheError(reason: string, cause: unknown): FileError {
  return new FileError(
    'ERR_TRT_FILE',
    `the plan cache cannot be used: ${reason}`,
    'Name a folder that this user may write to with `cacheDir`, or give `cacheDir: false` to build the model at each load.',
    { cause },
  );
}

interface Kept {
  key: string;
  bytes: number;
  usedMs: number;
}

/** Removes the plans used longest ago until at most `mostBytes` are left. The plan of `keep` stays. Never throws: a cache that is too large still works. */
export async function evict(folder: CacheFolder, mostBytes: number, keep: string): Promise<void> {
  const kept: Kept[] = [];
  for (const name of await readdir(folder.path).catch(() => [])) {
    const key = /^([0-9a-f]{64})\.plan$/.exec(name)?.[1];
    if (key === undefined) continue;
    const file = path.join(folder.path, name);
    const plan = await stat(file).catch(() => undefined);
    const used = await stat(sidecarOf(file)).catch(() => plan);
    if (plan !== undefined) {
      kept.push({ key, bytes: plan.size, usedMs: used?.mtimeMs ?? plan.mtimeMs });
    }
  }
  kept.sort((a, b) => a.usedMs - b.usedMs);
  let bytes = kept.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const entry of kept) {
    if (bytes <= mostBytes) return;
    if (entry.key === keep) continue;
    const file = path.join(folder.path, `${entry.key}.plan`);
    await unlink(sidecarOf(file)).catch(() => undefined);
    await unlink(file).catch(() => undefined);
    bytes -= entry.bytes;
  }
}

/** `KEY.json` beside `KEY.plan`. */
export function sidecarOf(plan: string): string {
  return `${plan.slice(0, -'.plan'.length)}.json`;
}
