// startBuild(): a build whose progress can be followed with `for await`.

import { checkSignal } from '../session/run.js';
import { type BuildOptions, build } from './build.js';
import { type BuildProgress, ProgressQueue } from './progress.js';

/**
 * A build that was started with {@link startBuild}.
 *
 * Iterating it gives its progress, from its beginning; of steps that were not read in time the last of each phase is left. The loop ends
 * with the build, and throws its error if it failed. Leaving the loop early does not cancel the build: that is what
 * {@link BuildJob.cancel} and the `signal` of the options are for. One loop at a time; a later one goes on where the last one was left.
 */
export class BuildJob implements AsyncIterable<BuildProgress> {
  /** The plan's bytes. Rejects as {@link build} does. */
  readonly plan: Promise<Uint8Array>;
  readonly #queue = new ProgressQueue();
  readonly #controller = new AbortController();

  /** @internal */
  constructor(options: BuildOptions) {
    this.plan = this.#run(options);
  }

  async #run(options: BuildOptions): Promise<Uint8Array> {
    const cancel = (): void => {
      this.cancel(signal?.reason);
    };
    let signal: AbortSignal | undefined;
    try {
      signal = checkSignal(options.signal, 'build');
      signal?.addEventListener('abort', cancel, { once: true });
      return await build({
        ...options,
        signal: this.#controller.signal,
        progress: (event) => {
          this.#queue.push(event);
          options.progress?.(event);
        },
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#queue.close();
    }
  }

  /** Cancels the build: `plan` rejects with ERR_TRT_ABORTED, whose `cause` is `reason`. Nothing happens once it is done. */
  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** The build's progress. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BuildProgress, void, undefined> {
    // Who iterates hears of a failure here: `plan` need not be awaited as well.
    this.plan.catch(() => undefined);
    for (;;) {
      const event = await this.#queue.next();
      if (event === undefined) break;
      yield event;
    }
    await this.plan;
  }
}

/**
 * Starts a build and returns at once.
 *
 * @param options - As for {@link build}; what is wrong with them rejects `plan`.
 * @example
 * ```ts
 * const job = startBuild({ onnx: 'bert.onnx', profiles });
 * for await (const { phase, step, steps } of job) console.log(phase, step, steps);
 * const plan = await job.plan;
 * ```
 */
export function startBuild(options: BuildOptions): BuildJob {
  return new BuildJob(options);
}
