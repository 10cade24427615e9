// Plans that come in pieces: from iterables and readers to the thread that deserializes, some of it at a time.

import { FileError, asError, describe, invalidArgument, isTensorRTError } from './errors.js';
import type { NativeEngine, NativeRuntime } from './native.js';
import { checkMemory } from './validate.js';

/** Something to read from, as a FileHandle of node:fs/promises is: fills `into` and tells how many bytes; 0 at the end. */
export interface PlanReader {
  read(
    into: Uint8Array,
  ): number | { bytesRead: number } | PromiseLike<number | { bytesRead: number }>;
}

/**
 * A plan that comes in pieces: a Readable, a web stream, a generator, … of bytes, or a {@link PlanReader}. It is read once, to its end: what it throws, also
 * after the last byte of the plan (a wrong authentication tag, say), fails the loading.
 */
export type PlanSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | PlanReader;

/** What plans are loaded from. */
export type PlanInput = string | URL | Uint8Array | ArrayBuffer | PlanSource;

const readSize = 256 * 1024;
/** After so many bytes the event loop gets its turn, also where the source never waits. */
const turnSize = 4 * 2 ** 20;

/** Whether `value` may be a {@link PlanSource}, and no path and no bytes. @internal */
export function isPlanSource(value: unknown): value is PlanSource {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value || 'read' in value;
}

async function* readAll(reader: PlanReader): AsyncGenerator<Uint8Array> {
  const into = new Uint8Array(readSize);
  for (;;) {
    const result = await reader.read(into);
    const count = typeof result === 'number' ? result : result.bytesRead;
    if (count === 0) return;
    if (!Number.isInteger(count) || count < 0 || count > into.length) {
      throw invalidArgument(
        `read: expected a number of bytes up to ${into.length}, got ${describe(count)}`,
        'Return how many bytes were written to the array, 0 at the end.',
      );
    }
    yield into.subarray(0, count); // copied before the next read
  }
}

function iteratorOf(source: PlanSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  if (Symbol.iterator in source) return source[Symbol.iterator]();
  return readAll(source);
}

function chunkBytes(chunk: unknown, who: string): Uint8Array {
  if (ArrayBuffer.isView(chunk)) {
    checkMemory(chunk, `${who}: a chunk of the plan`);
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  throw invalidArgument(
    `${who}: expected the plan in chunks of bytes, got ${describe(chunk)}`,
    'Give Buffers or Uint8Arrays; open text streams without an encoding.',
  );
}

function sourceError(who: string, cause: unknown): Error {
  if (isTensorRTError(cause)) return cause;
  const why = cause instanceof Error ? cause.message : describe(cause);
  return new FileError(
    'ERR_TRT_FILE',
    `${who}: the plan's source failed: ${why}`,
    'Nothing of it was kept: repair the source (`cause` is its own error) and load again.',
    { cause },
  );
}

/**
 * From a source to the addon's engine. Pulls only as fast as the plan is deserialized, and lets go of the source when that fails or `signal` aborts.
 *
 * @internal
 */
export async function deserializeSource(
  runtime: NativeRuntime,
  source: PlanSource,
  who: string,
  signal: AbortSignal | undefined,
): Promise<NativeEngine> {
  let onWanted: (() => void) | undefined;
  const stream = runtime.deserializeEngineStream(() => onWanted?.());
  let stop!: () => void;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => {
      resolve(undefined);
    };
  });
  const { engine } = stream;
  engine.then(stop, stop);
  const onAbort = (): void => {
    stream.fail('The loading was aborted.');
    stop();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  let failure: { error: Error } | undefined;

  const pump = async (): Promise<void> => {
    let iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | undefined;
    try {
      if (signal?.aborted === true) onAbort();
      iterator = iteratorOf(source);
      let sinceTurn = 0;
      for (;;) {
        const next = await Promise.race([iterator.next(), stopped]);
        if (next === undefined) break;
        if (next.done === true) {
          iterator = undefined;
          stream.end();
          return;
        }
        const bytes = chunkBytes(next.value, who);
        sinceTurn += bytes.length;
        if (stream.write(bytes)) {
          if (sinceTurn < turnSize) continue;
          sinceTurn = 0;
          await new Promise(setImmediate);
          continue;
        }
        sinceTurn = 0;
        const wanted = new Promise<void>((resolve) => {
          onWanted = resolve;
        });
        await Promise.race([wanted, stopped]);
      }
    } catch (error) {
      failure = { error: sourceError(who, error) };
      stream.fail(failure.error.message);
    }
    // Nobody reads any more: files and sockets behind it are let go. It may take its time.
    try {
      Promise.resolve(iterator?.return?.()).catch(() => undefined);
    } catch {
      // What matters has failed before.
    }
  };

  try {
    const [made] = await Promise.all([engine, pump()]);
    return made;
  } catch (error) {
    throw asError(failure?.error ?? error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
