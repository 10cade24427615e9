// MemoryBudget: how much device memory models may use together: room is reserved before a model is loaded, and made by unloading others.

import { ServingError, isTensorRTError } from '../../errors.js';
import type { LoadedVersion } from '../model/loading.js';

/** Waits for memory that is being freed, or unloads a model that is not used; false: there is nothing of both. */
export type Evict = () => Promise<boolean>;

function words(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** There is no room now: unlike other failures it says nothing of the model. */
export class NoRoomError extends ServingError {}

/** Whether a load failed for want of room. */
export function isNoRoom(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof NoRoomError) return true;
  }
  return false;
}

export class MemoryBudget {
  readonly #limit: number | undefined;
  readonly #evict: Evict;
  readonly #loaded = new Set<LoadedVersion>();
  readonly #reserved = new Map<symbol, number>();
  /** Room is made for one after the other: nobody gives up while another's models are still going. */
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param limit - Bytes; undefined: no limit but the device's.
   * @param evict - Makes room.
   */
  constructor(limit: number | undefined, evict: Evict) {
    this.#limit = limit;
    this.#evict = evict;
  }

  get limited(): boolean {
    return this.#limit !== undefined;
  }

  /** Bytes in use and reserved. */
  get used(): number {
    let sum = 0;
    for (const version of this.#loaded) sum += version.memory().deviceBytes;
    for (const bytes of this.#reserved.values()) sum += bytes;
    return sum;
  }

  /**
   * Loads within the budget: first makes room for `estimate` bytes, then counts what it really is.
   *
   * @throws what `load` rejects with; ERR_TRT_MODEL_LOAD when it cannot fit
   */
  async load(
    name: string,
    estimate: number,
    load: () => Promise<LoadedVersion>,
  ): Promise<LoadedVersion> {
    const mark = Symbol(name);
    await this.#reserve(name, mark, estimate);
    let version: LoadedVersion;
    try {
      version = await this.#loadOrEvict(load);
    } finally {
      this.#reserved.delete(mark);
    }
    this.#loaded.add(version);
    const bytes = version.memory().deviceBytes;
    if (bytes <= (this.#limit ?? Infinity) && (await this.#makeRoom(0))) return version;
    await this.close(version);
    throw this.#noRoom(name, bytes);
  }

  async close(version: LoadedVersion): Promise<void> {
    try {
      await version.close();
    } finally {
      this.#loaded.delete(version);
    }
  }

  async #reserve(name: string, mark: symbol, bytes: number): Promise<void> {
    const possible = bytes <= (this.#limit ?? Infinity);
    const made = possible && (await this.#makeRoom(bytes, () => this.#reserved.set(mark, bytes)));
    if (!made) throw this.#noRoom(name, bytes);
  }

  /** Makes room for so many bytes more, and calls `take` when it is there. */
  #makeRoom(bytes: number, take?: () => void): Promise<boolean> {
    const limit = this.#limit ?? Infinity;
    const make = async (): Promise<boolean> => {
      while (this.used + bytes > limit) if (!(await this.#evict())) return false;
      take?.();
      return true;
    };
    const made = this.#turn.then(make);
    this.#turn = made.catch(() => undefined);
    return made;
  }

  /** What the budget does not know, the device tells: something else uses its memory. */
  async #loadOrEvict(load: () => Promise<LoadedVersion>): Promise<LoadedVersion> {
    for (;;) {
      try {
        return await load();
      } catch (error) {
        const full = isTensorRTError(error) && error.code === 'ERR_TRT_OUT_OF_MEMORY';
        if (!full || !(await this.#evict())) throw error;
      }
    }
  }

  #noRoom(name: string, bytes: number): ServingError {
    const others = this.used;
    return new NoRoomError(
      'ERR_TRT_MODEL_LOAD',
      `model '${name}' needs ${words(bytes)} of device memory, and ${words(others)} of the budget of ${words(this.#limit ?? 0)} are in use`,
      "Raise memoryBudgetBytes, unload models, or let idle ones be unloaded (unloadWhenFull: 'lru').",
    );
  }
}
