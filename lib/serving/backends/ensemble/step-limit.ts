// StepLimit: max_inflight_requests: how many requests of an ensemble may be in one step at the same time.

/** @internal */
export class StepLimit {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param most - 0: any number */
  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves when the step may run; every call is followed by one of {@link release}. undefined: at once. */
  acquire(): Promise<void> | undefined {
    if (this.#most === 0 || this.#running < this.#most) {
      this.#running++;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}
