// ResponseCache: answers of models with response_cache.enable, by their inputs.

import { createHash } from 'node:crypto';
import { copyTensor, tensorBytes } from '../backends/host-tensor.js';
import type { InferTensor } from '../infer-tensor.js';
import type { PendingRequest } from '../request.js';

/** Bytes of an entry besides its tensors: key, shapes, objects. */
const overhead = 512;

/** @internal */
export interface ResponseCache {
  /** The key of a request; undefined: it cannot be cached (sequences, tensors on the device). */
  key(model: string, version: string, request: PendingRequest): string | undefined;
  /** Copies: whoever gets them may change them. */
  get(key: string): readonly (InferTensor | undefined)[] | undefined;
  /** Keeps copies. */
  put(key: string, outputs: readonly (InferTensor | undefined)[]): void;
}

type Outputs = readonly (InferTensor | undefined)[];

interface Entry {
  readonly outputs: Outputs;
  readonly bytes: number;
}

function sequenceIdOf({ options }: PendingRequest): boolean {
  const { sequenceId: id } = options;
  return id !== undefined && id !== '' && (typeof id === 'string' || Number(id) !== 0);
}

/** Everything that an answer depends on, with the length of every part before it, so that no two requests look alike. */
function digest(model: string, version: string, request: PendingRequest): string | undefined {
  const hash = createHash('sha256');
  const text = (value: string): void => {
    const bytes = Buffer.from(value, 'utf8');
    hash.update(`${bytes.length}:`).update(bytes);
  };
  const { parameters } = request.options;
  const given = Object.entries(parameters ?? {}).map(([name, value]) => [
    name,
    typeof value,
    String(value),
  ]);
  text(model);
  text(version);
  text(JSON.stringify([request.wanted ?? null, given]));
  for (const tensor of request.inputs) {
    if (tensor === undefined) {
      text('');
      continue;
    }
    if (tensor.device !== undefined) return undefined;
    text(`${tensor.datatype}[${tensor.shape.join()}]`);
    if (tensor.datatype === 'BYTES') {
      for (const item of tensor.data as readonly Uint8Array[]) {
        hash.update(`${item.byteLength}:`).update(item);
      }
    } else hash.update(tensor.bytes);
  }
  return hash.digest('base64');
}

class LeastRecentlyUsed implements ResponseCache {
  readonly #limit: number;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  key(model: string, version: string, request: PendingRequest): string | undefined {
    if (sequenceIdOf(request) || (request.options.onDevice?.length ?? 0) > 0) return undefined;
    return digest(model, version, request);
  }

  get(key: string): Outputs | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.outputs.map((tensor) => tensor && copyTensor(tensor));
  }

  put(key: string, outputs: Outputs): void {
    if (outputs.some((tensor) => tensor?.device !== undefined)) return;
    const bytes = outputs.reduce(
      (sum, tensor) => sum + (tensor === undefined ? 0 : tensorBytes(tensor)),
      overhead,
    );
    this.#forget(key);
    if (bytes > this.#limit) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.#limit) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, {
      outputs: outputs.map((tensor) => tensor && copyTensor(tensor)),
      bytes,
    });
    this.#bytes += bytes;
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

/**
 * A cache that forgets what was used longest ago.
 *
 * @param sizeBytes - How much its entries may take.
 * @internal
 */
export function createResponseCache(sizeBytes: number): ResponseCache {
  return new LeastRecentlyUsed(sizeBytes);
}
