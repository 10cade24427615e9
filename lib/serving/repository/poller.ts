// Poller: looks at the folders again and again, and takes over what changed once nobody writes to it any more.

import { asError } from '../../errors.js';
import { type RepositoryFolders, duplicateReason } from './folders.js';
import { type Listing, listModelFolder } from './listing.js';

/** What a poller tells the repository. */
export interface PollerHost {
  /** These are new or changed. */
  changed(listings: ReadonlyMap<string, Listing>): Promise<void>;
  /** This is no longer there, or there twice. */
  removed(name: string, reason: string): Promise<void>;
  /** The folder of a model cannot be listed, or leads out of the repository. What was served goes on. */
  unreadable(name: string, error: unknown): void;
  log(level: 'error' | 'warning' | 'info' | 'verbose', message: string): void;
}

/** What the last looks saw of a model. */
interface Sight {
  state: string;
  /** performance.now() of the first look that saw it so. */
  since: number;
  looks: number;
  /** The state that was handed on. */
  applied: string | undefined;
  listing: Listing | undefined;
  error: unknown;
}

const gone = 'gone';

export class Poller {
  readonly #folders: RepositoryFolders;
  readonly #intervalMs: number;
  readonly #debounceMs: number;
  readonly #host: PollerHost;
  readonly #sights = new Map<string, Sight>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(
    folders: RepositoryFolders,
    intervalMs: number,
    debounceMs: number,
    host: PollerHost,
  ) {
    this.#folders = folders;
    this.#intervalMs = intervalMs;
    this.#debounceMs = debounceMs;
    this.#host = host;
  }

  /** Takes over what is there, waiting once for what was written just now; then looks regularly. */
  async start(): Promise<void> {
    await this.look(true);
    if ([...this.#sights.values()].some(({ state, applied }) => state !== applied)) {
      await new Promise((resolve) => setTimeout(resolve, this.#debounceMs + 1));
      await this.look();
    }
    this.#next();
  }

  /** Looks once; one look at a time. `first`: what has not been written to for long enough needs no second look. */
  look(first = false): Promise<void> {
    this.#looking ??= this.#look(first)
      .catch((error: unknown) => {
        this.#host.log('error', `failed to poll model repository: ${asError(error).message}`);
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #next(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.look().then(() => {
        this.#next();
      });
    }, this.#intervalMs);
    this.#timer.unref();
  }

  async #look(first: boolean): Promise<void> {
    const found = this.#folders.scan();
    for (const [name, roots] of found) await this.#see(name, roots);
    for (const name of this.#sights.keys()) if (!found.has(name)) this.#note(name, gone);
    const changed = new Map<string, Listing>();
    for (const [name, sight] of this.#sights) {
      if (sight.state === sight.applied || !this.#isStable(sight, first)) continue;
      sight.applied = sight.state;
      if (this.#closed) return;
      if (sight.listing !== undefined) changed.set(name, sight.listing);
      else if (sight.error !== undefined) this.#host.unreadable(name, sight.error);
      else await this.#host.removed(name, sight.state === gone ? 'unloaded' : sight.state);
      if (sight.state === gone) this.#sights.delete(name);
    }
    if (changed.size > 0) await this.#host.changed(changed);
  }

  async #see(name: string, roots: readonly string[]): Promise<void> {
    const [root = ''] = roots;
    if (roots.length > 1) {
      this.#note(name, duplicateReason);
      return;
    }
    try {
      const listing = await listModelFolder(root, name);
      const state = JSON.stringify([listing.folder, listing.folders, [...listing.files]]);
      this.#note(name, state, listing);
    } catch (error) {
      this.#note(name, asError(error).message, undefined, error);
    }
  }

  #note(name: string, state: string, listing?: Listing, error?: unknown): void {
    const sight = this.#sights.get(name);
    if (sight?.state === state) {
      sight.looks++;
      sight.listing = listing;
      return;
    }
    const applied = sight?.applied;
    this.#sights.set(name, { state, since: performance.now(), looks: 1, applied, listing, error });
  }

  /** Whether nobody writes there any more: seen the same twice, and not written to for the time that was given. */
  #isStable({ looks, since, listing }: Sight, first: boolean): boolean {
    const age = Date.now() - (listing?.newestMs ?? 0);
    const old = age >= this.#debounceMs || age < 0; // a clock that runs ahead tells nothing
    if (first) return age >= this.#debounceMs;
    return looks >= 2 && performance.now() - since >= this.#debounceMs && old;
  }
}
