// Waiting for a lock between processes, without a thread and without holding up the event loop.

import { setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../load.js';
import type { NativeFileLock } from '../native.js';
import { abortedError, checkSignal } from '../session/run.js';

const shortestMs = 10;
const longestMs = 200;

/**
 * Takes the lock on `file`, which ends with this process at the latest. A build takes seconds to minutes: asking a few times a second costs nothing
 * beside it, and whoever waits can be aborted at any moment.
 *
 * @param onWait - Called once if somebody else has the lock.
 * @throws ERR_TRT_FILE, ERR_TRT_ABORTED
 */
export async function takeLock(
  file: string,
  signal: AbortSignal | undefined,
  onWait: () => void,
): Promise<NativeFileLock> {
  const { addon } = loadAddon();
  for (let delayMs = shortestMs; ; delayMs = Math.min(delayMs * 1.5, longestMs)) {
    const lock = await addon.lockFile(file);
    if (lock !== undefined) {
      if (signal?.aborted !== true) return lock;
      lock.close();
    }
    checkSignal(signal, 'Session.load');
    if (delayMs === shortestMs) onWait();
    try {
      await sleep(delayMs, undefined, { signal });
    } catch (error) {
      if (signal?.aborted === true) throw abortedError('Session.load', signal);
      throw error;
    }
  }
}
