// RequestFifo: requests in the order of their arrival, some of which may have been withdrawn meanwhile.

import type { PendingRequest } from '../request.js';

/** Taken elements are kept in the array until there are so many. */
const slack = 1024;

/** A queue over an array: what is taken or settled is skipped, and the array is shortened now and then. @internal */
export class RequestFifo {
  #entries: (PendingRequest | undefined)[] = [];
  #head = 0;
  /** Requests that settled while they waited, since places were last dropped for it. */
  #withdrawn = 0;

  /** Index of the first place; see {@link at}. */
  get head(): number {
    return this.#head;
  }

  /** Index after the last place. */
  get end(): number {
    return this.#entries.length;
  }

  push(request: PendingRequest): void {
    this.#entries.push(request);
  }

  /** The request at a place from head to end; undefined: it was taken, or settled while it waited. */
  at(index: number): PendingRequest | undefined {
    const request = this.#entries[index];
    return request === undefined || request.settled ? undefined : request;
  }

  /** Takes the request at a place. */
  clear(index: number): void {
    this.#entries[index] = undefined;
  }

  /** A request may have settled while it waited: once that was so for most places they are dropped. Indices are others afterwards. */
  withdrawn(): void {
    if (++this.#withdrawn < slack || this.#withdrawn * 2 < this.#entries.length) return;
    this.#withdrawn = 0;
    this.#entries = this.#entries.filter((request) => request !== undefined && !request.settled);
    this.#head = 0;
  }

  /** Forgets the places at the beginning that hold nothing any more. Indices are others afterwards. */
  trim(): void {
    const entries = this.#entries;
    let head = this.#head;
    while (head < entries.length && this.at(head) === undefined) {
      entries[head] = undefined;
      head++;
    }
    if (head === entries.length) {
      entries.length = 0;
      head = 0;
    } else if (head >= slack && head * 2 >= entries.length) {
      entries.splice(0, head);
      head = 0;
    }
    this.#head = head;
  }
}
