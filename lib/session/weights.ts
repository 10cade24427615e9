// SessionWeights: exchanges the weights of a session's engine, and knows whether they are good.

import { RefitError, asError } from '../errors.js';
import type { NativeEngine } from '../native.js';
import { type RefitResult, leavesEngineUndefined, refitEngine } from '../refit/apply.js';
import { type RefitOptions, checkRefitOptions } from '../refit/sources.js';
import type { Dispatcher } from './dispatcher.js';

/** The weights of one session. */
export class SessionWeights {
  readonly #engine: NativeEngine;
  readonly #dispatcher: Dispatcher;
  /** Why the weights may be of both kinds. */
  #damage: Error | undefined;

  constructor(engine: NativeEngine, dispatcher: Dispatcher) {
    this.#engine = engine;
    this.#dispatcher = dispatcher;
  }

  /** @throws ERR_TRT_REFIT after a refit that failed in the middle */
  assertGood(): void {
    if (this.#damage !== undefined) throw damaged(this.#damage);
  }

  /** `assertOpen` throws when the session is closed; asked again when the turn comes. */
  async refit(options: unknown, assertOpen: () => void): Promise<RefitResult> {
    const checked: RefitOptions = checkRefitOptions(options, 'refit');
    return refitEngine(this.#engine, checked, 'refit', async (exchange) => {
      assertOpen();
      await this.#dispatcher.exclusively(async () => {
        assertOpen();
        try {
          await exchange();
          this.#damage = undefined;
        } catch (error) {
          if (leavesEngineUndefined(error)) {
            this.#damage = asError(error);
            this.#dispatcher.rejectWaiting(() => damaged(error));
          }
          throw error;
        }
      });
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
