// NameLocks: whoever loads or unloads models holds their names: operations on the same model come one after the other, others at the same time.

/** Ends the holding. */
export type Release = () => void;

export class NameLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves when all names are held. In the order of calls; nothing can deadlock, as a call queues for all its names at once. */
  async acquire(names: Iterable<string>): Promise<Release> {
    const list = [...new Set(names)];
    const before = list.map((name) => this.#tails.get(name) ?? Promise.resolve());
    const release = this.#enqueue(list);
    await Promise.all(before);
    return release;
  }

  /** The same, now or not at all. */
  tryAcquire(names: Iterable<string>): Release | undefined {
    const list = [...new Set(names)];
    return list.some((name) => this.#tails.has(name)) ? undefined : this.#enqueue(list);
  }

  #enqueue(names: readonly string[]): Release {
    let end = (): void => undefined;
    const promise = new Promise<void>((resolve) => (end = resolve));
    for (const name of names) this.#tails.set(name, promise);
    return () => {
      for (const name of names) if (this.#tails.get(name) === promise) this.#tails.delete(name);
      end();
    };
  }
}
