// How `trt-node serve` is stopped: a signal, a second one, a lost device; and which exit status that is.

import type { ServerLog } from '../serving/log-settings.js';
import type { InferenceServer } from '../serving/server.js';

/** What the command waits for. */
interface StopOptions {
  readonly server: InferenceServer;
  readonly log: ServerLog;
  readonly exitTimeoutMs: number;
  readonly exitOnDeviceLost: boolean;
  /** Ends the process at once. */
  readonly exit: (status: number) => void;
}

/** Answers of cancelled requests get so long to reach the clients. */
const lingerMs = 2000;
const deviceCheckMs = 500;

/** Resolves with the exit status when the server is to stop and has stopped. */
export async function untilStopped(options: StopOptions): Promise<number> {
  const { server, log, exitTimeoutMs, exit } = options;
  const cause = await new Promise<'signal' | 'device'>((resolve) => {
    let first = true;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (first) {
          first = false;
          log.write('info', `${signal}: waiting for in-flight requests to complete.`);
          resolve('signal');
          return;
        }
        log.write('error', `${signal} again: ending with ${server.inFlight} requests in flight.`);
        exit(1);
      });
    }
    watchDevice(options, () => {
      resolve('device');
    });
  });
  const late = setTimeout(() => {
    log.write(
      'error',
      `Exit timeout expired: ending with requests in flight. --exit-timeout-secs allows more time.`,
    );
    exit(1);
  }, exitTimeoutMs + lingerMs);
  const start = performance.now();
  const waiting = server.inFlight;
  // A lost device answers nothing any more.
  await server.close({ graceMs: cause === 'device' ? 0 : exitTimeoutMs });
  // It stays: closing the models waits for requests, too.
  late.unref();
  const lost = performance.now() - start >= exitTimeoutMs && waiting > 0;
  if (lost) log.write('error', 'Exit timeout expired: what was in flight then was cancelled.');
  return cause === 'device' || lost ? 1 : 0;
}

/** Looks at the readiness, whose changes would otherwise be seen only by who asks. */
function watchDevice(options: StopOptions, lost: () => void): void {
  const { server, log, exitOnDeviceLost } = options;
  const timer = setInterval(() => {
    const { reasons, deviceLost } = server.repository.ready();
    if (deviceLost !== true) return;
    clearInterval(timer);
    log.write('error', `Not ready: ${reasons.join('; ')}`);
    if (exitOnDeviceLost) lost();
    else log.write('error', 'A device is lost; restart this process (--exit-on-device-lost does).');
  }, deviceCheckMs);
  timer.unref();
}
