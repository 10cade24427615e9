import { setImmediate } from 'node:timers/promises';

/** Collects garbage until `done()` is true: finalizers run in turns of the event loop after the collection. */
export async function collectUntil(done: () => boolean, attempts = 50): Promise<void> {
  if (!globalThis.gc) throw new Error('run with --expose-gc, as vitest.config.mts does');
  for (let attempt = 0; attempt < attempts && !done(); attempt++) {
    await globalThis.gc({ execution: 'async' });
    await setImmediate();
  }
}
