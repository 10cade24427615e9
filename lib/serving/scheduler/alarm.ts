// Alarm: calls back at a time to some microseconds, where setTimeout is off by a millisecond or two.

/** setTimeout comes up to so many milliseconds late; that much before the time the event loop goes round without sleeping. */
const slop = 1.5;

/** One call at a time. While it waits the event loop lives. @internal */
export class Alarm {
  readonly #ring: () => void;
  #at = Infinity;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `at`, in milliseconds of performance.now(), instead of what was set before; Infinity: not at all. */
  set(at: number): void {
    if (at === this.#at) return;
    this.clear();
    this.#at = at;
    if (at !== Infinity) this.#wait();
  }

  clear(): void {
    this.#at = Infinity;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
  }

  #wait(): void {
    const left = this.#at - performance.now();
    if (left > slop + 1) {
      this.#timer = setTimeout(this.#look, Math.min(Math.floor(left - slop), 2 ** 31 - 1));
    } else this.#immediate = setImmediate(this.#look);
  }

  readonly #look = (): void => {
    this.#timer = this.#immediate = undefined;
    if (performance.now() < this.#at) {
      this.#wait();
      return;
    }
    this.#at = Infinity;
    this.#ring();
  };
}
