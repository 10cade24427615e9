// Queue: first in, first out, with removal from the middle in constant time.

interface Node<T> {
  value: T;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
}

/** Runs that wait for a slot. */
export class Queue<T extends object> {
  readonly #nodes = new Map<T, Node<T>>();
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  /** The oldest. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  push(value: T): void {
    const node: Node<T> = { value, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#nodes.set(value, node);
  }

  /** Removes and returns the oldest. */
  shift(): T | undefined {
    const value = this.#first?.value;
    if (value !== undefined) this.delete(value);
    return value;
  }

  /** Removes `value`; false when it was not there. */
  delete(value: T): boolean {
    const node = this.#nodes.get(value);
    if (node === undefined) return false;
    this.#nodes.delete(value);
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    return true;
  }
}
