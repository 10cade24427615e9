// TurnClock: one look at the clock for all requests that a batch answers, as each look costs a part of what answering costs.

let turn = 0;

/** performance.now(), or what it was when the batch that is being answered had ended. @internal */
export function turnNow(): number {
  return turn === 0 ? performance.now() : turn;
}

/** From here on {@link turnNow} is `now`, until it is 0 again. Nothing is awaited meanwhile. @internal */
export function setTurn(now: number): void {
  turn = now;
}
