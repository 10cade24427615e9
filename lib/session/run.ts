// Run: one call of Session.run from its arguments to its settled promise.

import type { DeviceTensor } from '../device-tensor.js';
import { AbortedError, DeadlineError, describe, invalidArgument } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { OutputPlan } from './outputs.js';
import type { ResolvedRun } from './resolved-run.js';

/** What a run resolves with. */
export type RunResult = Record<string, Tensor | DeviceTensor>;

let resolveNext!: (result: RunResult) => void;
let rejectNext!: (error: Error) => void;

/** One for all promises: a closure for each would be garbage with each run. */
function keepSettlers(resolve: (result: RunResult) => void, reject: (error: Error) => void): void {
  resolveNext = resolve;
  rejectNext = reject;
}

/** One inference, from the call to the end of its promise. */
export class Run {
  /** With copies of the inputs, while it waits for a slot. */
  waiting: ResolvedRun | undefined;
  /** Among those that wait: the lower, the earlier. */
  order = 0;
  /** performance.now() at the call; 0 where nobody asks. */
  readonly called: number;
  readonly outputs: OutputPlan;
  readonly promise: Promise<RunResult>;
  readonly #resolve: (result: RunResult) => void;
  readonly #reject: (error: Error) => void;
  /** Stops watching signal and deadline. */
  #unwatch: (() => void) | undefined;
  /** Whether the promise is settled; a slot may still work on it. */
  settled = false;

  constructor(outputs: OutputPlan, called: number) {
    this.outputs = outputs;
    this.called = called;
    this.promise = new Promise<RunResult>(keepSettlers);
    this.#resolve = resolveNext;
    this.#reject = rejectNext;
  }

  /** Calls `abandoned` when the signal aborts or the deadline passes, after the promise was rejected. */
  watch(
    signal: AbortSignal | undefined,
    deadlineMs: number | undefined,
    abandoned: (run: Run) => void,
  ): void {
    const onAbort = (): void => {
      this.reject(abortedError('run', signal as AbortSignal));
      abandoned(this);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => {
            this.reject(deadlineError(deadlineMs));
            abandoned(this);
          }, deadlineMs);
    this.#unwatch = () => {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
  }

  resolve(result: RunResult): void {
    this.#settle();
    this.#resolve(result);
  }

  reject(error: Error): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.settled = true;
    this.waiting = undefined;
    if (this.#unwatch === undefined) return;
    this.#unwatch();
    this.#unwatch = undefined;
  }
}

/** ERR_TRT_ABORTED with the signal's reason as its cause. */
export function abortedError(what: string, signal: AbortSignal): AbortedError {
  return new AbortedError(
    'ERR_TRT_ABORTED',
    `${what}: expected to finish, but its signal was aborted`,
    'Nothing to do if you aborted it; `cause` is the reason of the signal.',
    { cause: signal.reason },
  );
}

/** ERR_TRT_DEADLINE_EXCEEDED. */
export function deadlineError(deadlineMs: number): DeadlineError {
  return new DeadlineError(
    'ERR_TRT_DEADLINE_EXCEEDED',
    `run: expected the outputs within ${deadlineMs} ms, which have passed`,
    'Allow more time, or raise `instances` if runs wait for a slot.',
  );
}

/** @throws ERR_TRT_INVALID_ARGUMENT for a wrong type, ERR_TRT_ABORTED when it is aborted already */
export function checkSignal(signal: unknown, what: string): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (
    typeof signal !== 'object' ||
    signal === null ||
    typeof (signal as AbortSignal).addEventListener !== 'function'
  ) {
    throw invalidArgument(
      `signal: expected an AbortSignal, got ${describe(signal)}`,
      'Give controller.signal or AbortSignal.timeout(ms).',
    );
  }
  if ((signal as AbortSignal).aborted) throw abortedError(what, signal as AbortSignal);
  return signal as AbortSignal;
}

/** @throws ERR_TRT_INVALID_ARGUMENT unless it is a number of milliseconds that a timer can take */
export function checkDeadline(deadlineMs: unknown): number | undefined {
  if (deadlineMs === undefined) return undefined;
  if (typeof deadlineMs === 'number' && deadlineMs > 0 && deadlineMs < 2 ** 31) return deadlineMs;
  throw invalidArgument(
    `deadlineMs: expected milliseconds above 0 and below 2^31, got ${describe(deadlineMs)}`,
    'Leave it out for no deadline.',
  );
}
