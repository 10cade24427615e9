// ResponseOrder: answers leave in the order in which their requests were sent to the backend (preserve_ordering).

import type { PendingRequest } from '../request.js';

/** @internal */
export class ResponseOrder {
  readonly #expected: PendingRequest[] = [];
  readonly #ready = new Map<PendingRequest, () => void>();

  /** `request` is the last that was sent. */
  expect(request: PendingRequest): void {
    this.#expected.push(request);
    request.hold = (deliver) => {
      this.#ready.set(request, deliver);
      this.#release();
    };
  }

  #release(): void {
    const expected = this.#expected;
    let gone = 0;
    for (const request of expected) {
      const deliver = this.#ready.get(request);
      if (deliver === undefined && !request.settled) break;
      this.#ready.delete(request);
      gone++;
      deliver?.();
    }
    expected.splice(0, gone);
  }
}
