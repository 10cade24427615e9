// FrameStream: frames that come at the camera's rate, worked on as fast as can be. Where that is too slow the oldest that waits is dropped.

export interface StreamCounters {
  readonly arrived: number;
  readonly dropped: number;
  readonly done: number;
  /** Frames that wait, and frames that are being worked on. */
  readonly waiting: number;
  readonly running: number;
}

export interface StreamOptions {
  /** Most frames that wait; a newer one takes the place of the oldest. Default 1: what is worked on next is always the newest. */
  readonly queue?: number;
  /** Frames worked on at the same time. Default 1. */
  readonly inFlight?: number;
}

interface Waiting<Frame> {
  readonly frame: Frame;
  readonly capturedAt: number;
}

/** Of the last frames, so that memory does not grow. */
const remembered = 4096;

/** Results come in the order of the frames. The first error ends the stream: `close` rejects with it. */
export class FrameStream<Frame, Result> implements AsyncDisposable {
  readonly #detect: (frame: Frame) => Promise<Result>;
  readonly #onResult: (result: Result, frame: Frame, latency: number) => void;
  readonly #queue: number;
  readonly #inFlight: number;
  readonly #waiting: Waiting<Frame>[] = [];
  readonly #latencies: number[] = [];
  /** Settles when all frames that were begun are done with: one that fails may be so before those that came before it. */
  #last: Promise<void> = Promise.resolve();
  #arrived = 0;
  #dropped = 0;
  #done = 0;
  #running = 0;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param onResult - With the milliseconds from the frame's capture to its result. */
  constructor(
    detect: (frame: Frame) => Promise<Result>,
    onResult: (result: Result, frame: Frame, latency: number) => void,
    { queue = 1, inFlight = 1 }: StreamOptions = {},
  ) {
    this.#detect = detect;
    this.#onResult = onResult;
    this.#queue = queue;
    this.#inFlight = inFlight;
  }

  /**
   * Takes a frame; never waits.
   * @param capturedAt - When light fell on it, on performance.now()'s clock.
   * @returns The frame that was dropped for it, if one was.
   */
  push(frame: Frame, capturedAt = performance.now()): Frame | undefined {
    this.#arrived++;
    if (this.#closed || this.#failure) {
      this.#dropped++;
      return frame;
    }
    this.#waiting.push({ frame, capturedAt });
    this.#startNext();
    if (this.#waiting.length <= this.#queue) return undefined;
    this.#dropped++;
    return this.#waiting.shift()?.frame;
  }

  #startNext(): void {
    while (this.#running < this.#inFlight && !this.#failure) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      const before = this.#last;
      this.#last = this.#work(next, before).then(() => before);
    }
  }

  async #work({ frame, capturedAt }: Waiting<Frame>, before: Promise<void>): Promise<void> {
    try {
      const result = await this.#detect(frame);
      await before;
      if (this.#failure) return;
      const latency = performance.now() - capturedAt;
      this.#latencies[this.#done % remembered] = latency;
      this.#done++;
      this.#onResult(result, frame, latency);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#running--;
      this.#startNext();
    }
  }

  get counters(): StreamCounters {
    return {
      arrived: this.#arrived,
      dropped: this.#dropped,
      done: this.#done,
      waiting: this.#waiting.length,
      running: this.#running,
    };
  }

  /** Milliseconds from capture to result that `percent` of the last frames did not exceed; NaN before the first. */
  latency(percent: number): number {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? NaN;
  }

  /** Takes no more frames, and waits for those that are there. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running > 0) await this.#last;
    if (this.#failure) throw this.#failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
