// SessionWeights: exchanges the weights of a session's engine, and knows whether they are good.

import { RefitError, asError } from '../errors.js';
import type { NativeEngine } from '../native.js';
import { type RefitResult, leavesEngineUndefined, refitEngine } from '../refit/apply.js';
import { type RefitOptions, checkRefitOptions } from '../refit/sources.js';
import type { Dispatcher } from './dispatcher.js';
import type { Lane } from './lane.js';

/** The weights of one session, on all of its devices. */
export class SessionWeights {
  readonly #lanes: readonly Lane[];
  readonly #dispatcher: Dispatcher;
  /** Why the weights may be of both kinds. */
  #damage: Error | undefined;

  constructor(lanes: readonly Lane[], dispatcher: Dispatcher) {
    this.#lanes = lanes;
    this.#dispatcher = dispatcher;
  }

  /** @throws ERR_TRT_REFIT after a refit that failed in the middle */
  assertGood(): void {
    if (this.#damage !== undefined) throw damaged(this.#damage);
  }

  /** `assertOpen` throws when the session is closed; asked again when the turn comes. */
  async refit(options: unknown, assertOpen: () => void): Promise<RefitResult> {
    const checked: RefitOptions = checkRefitOptions(options, 'refit');
    const engines = this.#lanes.filter(({ out }) => !out).map(({ engine }) => engine);
    return this.#refit(engines, [], checked, assertOpen);
  }

  /** Prepares the first of `engines`, then the others; when all are ready their weights are exchanged in one go. */
  #refit(
    engines: readonly NativeEngine[],
    ready: readonly (() => Promise<void>)[],
    options: RefitOptions,
    assertOpen: () => void,
  ): Promise<RefitResult> {
    const [engine, ...others] = engines;
    return refitEngine(engine as NativeEngine, options, 'refit', async (exchange) => {
      assertOpen();
      const exchanges = [...ready, exchange];
      if (others.length > 0) await this.#refit(others, exchanges, options, assertOpen);
      else await this.#exchange(exchanges, assertOpen);
    });
  }

  async #exchange(
    exchanges: readonly (() => Promise<void>)[],
    assertOpen: () => void,
  ): Promise<void> {
    await this.#dispatcher.exclusively(async () => {
      assertOpen();
      let done = 0;
      try {
        for (const exchange of exchanges) {
          await exchange();
          done++;
        }
        this.#damage = undefined;
      } catch (error) {
        // With several devices those before the failing one have the new weights already.
        if (done > 0 || leavesEngineUndefined(error)) {
          this.#damage = asError(error);
          this.#dispatcher.rejectWaiting(() => damaged(error));
        }
        throw error;
      }
    });
  }
}

function damaged(cause: unknown): RefitError {
  return new RefitError(
    'ERR_TRT_REFIT',
    'run: expected an engine whose weights are known, but its last refit failed in the middle',
    'Refit it with good weights, or load the plan again.',
    { cause },
  );
}
