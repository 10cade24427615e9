// Handle: the base of the low-level classes. Owned, closed once, parents close their children, and use after close is an error.

import { ClosedError } from '../errors.js';

interface Closable {
  close(): void;
}

/**
 * Something native that is owned: call {@link Handle.close}, or declare it with `using`. A handle that is forgotten is freed some time after garbage
 * collection, as a safety net only.
 */
export abstract class Handle<N extends Closable> {
  #native: N | undefined;
  readonly #children = new Set<WeakRef<Handle<Closable>>>();
  #sweepAt = 16;

  /** @internal */
  constructor(native: N, parent?: Handle<Closable>) {
    this.#native = native;
    parent?.adopt(this);
  }

  /** The addon's object. @throws ERR_TRT_CLOSED @internal */
  get native(): N {
    if (this.#native === undefined) throw closedError(this.constructor.name);
    return this.#native;
  }

  /** Whether {@link Handle.close} was called, on this or on what it came from. */
  get closed(): boolean {
    return this.#native === undefined;
  }

  /** Weak, so that forgotten children can be collected while the parent lives. */
  private adopt(child: Handle<Closable>): void {
    if (this.#children.size >= this.#sweepAt) {
      for (const reference of this.#children) {
        if (reference.deref()?.closed !== false) this.#children.delete(reference);
      }
      this.#sweepAt = Math.max(16, this.#children.size * 2);
    }
    this.#children.add(new WeakRef(child));
  }

  /**
   * Closes what came from this handle, newest first, then this handle. Idempotent; afterwards every other member throws ERR_TRT_CLOSED.
   * Memory that work on the device still uses is freed when that work is done.
   */
  close(): void {
    const native = this.#native;
    if (native === undefined) return;
    this.#native = undefined;
    for (const reference of [...this.#children].reverse()) reference.deref()?.close();
    this.#children.clear();
    this.release(native);
  }

  /** Frees what is native; a view of another handle's memory leaves it alone. @internal */
  protected release(native: N): void {
    native.close();
  }

  /** The same as {@link Handle.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** ERR_TRT_CLOSED for something called `what`. @internal */
export function closedError(what: string): ClosedError {
  return new ClosedError(
    'ERR_TRT_CLOSED',
    `expected an open ${what}, but it, or what it came from, was closed`,
    'Close handles only after their last use, and create a new one to go on.',
  );
}
