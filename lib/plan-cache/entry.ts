// One plan in the cache: KEY.plan, and KEY.json that says what it is and what its bytes must be. Verified before anything else sees it.

import { constants } from 'node:fs';
import { readdir, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { writeFilesAtomically } from '../atomic-write.js';
import { asError, isTensorRTError } from '../errors.js';
import { packageVersion } from '../package-version.js';
import { type Digest, digestOf, digestOfHandle, openRegular } from './digest.js';
import { type CacheFolder, cacheError, sidecarOf } from './folder.js';
import { type Ingredients, cacheFormat } from './key.js';

/** What an entry turned out to be. */
export type Verdict =
  | { readonly state: 'good'; readonly sha256: string }
  | { readonly state: 'missing' }
  | { readonly state: 'damaged'; readonly reason: string };

interface Sidecar {
  readonly format: number;
  readonly key: string;
  readonly plan: Digest;
}

const mostSidecarBytes = 1 << 20;

function parseSidecar(text: string): Sidecar | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { format, key, plan } = (value ?? {}) as Partial<Sidecar>;
  if (typeof format !== 'number' || typeof key !== 'string') return undefined;
  if (typeof plan?.sha256 !== 'string' || typeof plan.bytes !== 'number') return undefined;
  return { format, key, plan };
}

/** Where the plan of one key is kept. */
export class Entry {
  readonly #folder: CacheFolder;
  readonly #key: string;
  /** The plan's path. */
  readonly planPath: string;
  /** The file that is locked while the plan is built. */
  readonly lockPath: string;

  constructor(folder: CacheFolder, key: string) {
    this.#folder = folder;
    this.#key = key;
    this.planPath = path.join(folder.path, `${key}.plan`);
    this.lockPath = path.join(folder.path, `${key}.lock`);
  }

  /** Reads all of it. @throws ERR_TRT_ABORTED */
  async verify(signal?: AbortSignal): Promise<Verdict> {
    try {
      const text = await this.#read(sidecarOf(this.planPath), async (handle) => {
        const { size } = await handle.stat();
        return size > mostSidecarBytes ? '' : handle.readFile('utf8');
      });
      const sidecar = parseSidecar(text);
      if (sidecar?.format !== cacheFormat) return damaged('what should describe it does not');
      if (sidecar.key !== this.#key) return damaged('it is described as the plan of another key');
      const digest = await this.#read(this.planPath, (handle) => digestOfHandle(handle, signal));
      if (digest.bytes !== sidecar.plan.bytes) {
        return damaged(`it has ${digest.bytes} bytes, ${sidecar.plan.bytes} were written`);
      }
      if (digest.sha256 !== sidecar.plan.sha256) {
        return damaged('its bytes are not those that were written');
      }
      return { state: 'good', sha256: digest.sha256 };
    } catch (error) {
      if (isTensorRTError(error) && error.code === 'ERR_TRT_ABORTED') throw error;
      const cause = isTensorRTError(error) ? error.cause : error;
      if ((cause as { code?: unknown } | undefined)?.code === 'ENOENT') return { state: 'missing' };
      return damaged(asError(error).message);
    }
  }

  /** Tells eviction that the plan was used. */
  async touch(): Promise<void> {
    const now = new Date();
    await utimes(sidecarOf(this.planPath), now, now).catch(() => undefined);
  }

  /** Writes the plan and what describes it, in place of what was there. @throws ERR_TRT_FILE */
  async write(plan: Uint8Array, ingredients: Ingredients, buildSeconds: number): Promise<void> {
    const description = {
      key: this.#key,
      plan: await digestOf(plan),
      built: new Date().toISOString(),
      buildSeconds: Number(buildSeconds.toFixed(3)),
      trtNode: packageVersion(),
      ...ingredients,
    };
    const files = new Map<string, Uint8Array | string>([
      [this.planPath, plan],
      [sidecarOf(this.planPath), `${JSON.stringify(description, undefined, 2)}\n`],
    ]);
    try {
      await writeFilesAtomically(files, { mode: 0o600 });
    } catch (error) {
      throw cacheError(isTensorRTError(error) ? error.reason : asError(error).message, error);
    }
  }

  /** Removes what a process that died while it wrote has left. Under the lock only. */
  async removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.#folder.path).catch(() => [])) {
      if (!name.startsWith(`.${this.#key}.`) || !name.endsWith('.tmp')) continue;
      await unlink(path.join(this.#folder.path, name)).catch(() => undefined);
    }
  }

  /** Symbolic links, and files of users who have no business here, are not followed and not read. */
  async #read<T>(
    file: string,
    read: (handle: Awaited<ReturnType<typeof openRegular>>) => Promise<T>,
  ): Promise<T> {
    const handle = await openRegular(file, constants.O_NOFOLLOW);
    try {
      const { uid } = await handle.stat();
      if (!this.#folder.trusted.includes(uid)) {
        throw new Error(`'${file}' belongs to another user (${uid})`);
      }
      return await read(handle);
    } finally {
      await handle.close();
    }
  }
}

function damaged(reason: string): Verdict {
  return { state: 'damaged', reason };
}
