// The js phase: what a JavaScript caller of Session.run waits, where that time goes, and what it does to the event loop.

import { isTensorRTError } from '../errors.js';
import { Session } from '../session.js';
import { abortedError } from '../session/run.js';
import type { RunTiming, SessionStats } from '../session/types.js';
import type { Tensor } from '../tensor.js';
import { totalMs } from './device-phase.js';
import { LoopDelay } from './loop-delay.js';
import { type BenchSummary, TimeList, summarizeTimes } from './statistics.js';
import type {
  BenchOptions,
  BenchRequest,
  BenchSettings,
  JsReport,
  RequestDetail,
  RequestSplit,
} from './types.js';

/** How long the idle event loop is watched, for comparison. */
const idleMs = 200;
/** At most so long are requests timed in their parts. */
const timedMs = 1000;
const progressMs = 200;

/** The parts of a request's latency; they add up to it. */
export function splitOf(timing: RunTiming, latencyMs: number): RequestSplit {
  return {
    js: timing.submit,
    submit: timing.h2dStart - timing.submit,
    h2d: timing.computeStart - timing.h2dStart,
    compute: timing.computeEnd - timing.computeStart,
    d2h: timing.d2hEnd - timing.computeEnd,
    wakeUp: latencyMs - timing.d2hEnd,
  };
}

/** What the parts hide. */
export function detailOf(timing: RunTiming, latencyMs: number): RequestDetail {
  return {
    launch: timing.launched - timing.submit,
    notice: timing.completed - timing.d2hEnd,
    deliver: timing.settled - timing.completed,
    resume: latencyMs - timing.settled,
  };
}

function summaries<K extends string>(
  rows: readonly Readonly<Record<K, number>>[],
  percentiles: readonly number[],
): Record<K, BenchSummary> | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const names = Object.keys(first) as K[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      summarizeTimes(
        Float64Array.from(rows, (row) => row[name]),
        percentiles,
      ),
    ]),
  ) as Record<K, BenchSummary>;
}

/** Where the time of requests with timings goes; undefined when there are none. */
export function timedFigures(
  trace: readonly BenchRequest[],
  percentiles: readonly number[],
): JsReport['timed'] {
  const split = summaries(
    trace.map(({ timing, latencyMs }) => splitOf(timing, latencyMs)),
    percentiles,
  );
  const detail = summaries(
    trace.map(({ timing, latencyMs }) => detailOf(timing, latencyMs)),
    percentiles,
  );
  if (split === undefined || detail === undefined) return undefined;
  const latencies = Float64Array.from(trace, (request) => request.latencyMs);
  const latency = summarizeTimes(latencies, percentiles);
  return { queries: trace.length, latency, split, detail, trace };
}

/** Timings come in the order in which promises resolve, which is that in which the callers go on. */
class Timings {
  readonly #waiting: RunTiming[] = [];

  readonly add = (timing: RunTiming): void => {
    this.#waiting.push(timing);
  };

  take(): RunTiming | undefined {
    return this.#waiting.shift();
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The requests of all callers, and what is counted meanwhile. */
class Load {
  readonly starts = new TimeList();
  readonly latencies = new TimeList();
  /** Those with timings. */
  readonly timed: BenchRequest[] = [];
  warmUpQueries = 0;
  cpu: NodeJS.CpuUsage = { user: 0, system: 0 };
  wallMs = 0;
  outputs: Readonly<Record<string, Tensor>> = {};
  readonly #session: Session;
  readonly #feeds: Readonly<Record<string, Tensor>>;
  readonly #timings: Timings | undefined;
  readonly #settings: BenchSettings;
  readonly #delay: LoopDelay | undefined;
  #begin = 0;
  #warmAt = 0;
  #warmCpu: NodeJS.CpuUsage | undefined;
  #over = false;

  constructor(
    session: Session,
    feeds: Readonly<Record<string, Tensor>>,
    timings: Timings | undefined,
    settings: BenchSettings,
    delay: LoopDelay | undefined,
  ) {
    this.#session = session;
    this.#feeds = feeds;
    this.#timings = timings;
    this.#settings = settings;
    this.#delay = delay;
  }

  /** Ends it after the runs in flight. */
  readonly end = (): void => {
    this.#over = true;
  };

  get elapsedMs(): number {
    return performance.now() - this.#begin;
  }

  async run(): Promise<void> {
    this.#begin = performance.now();
    const callers = Array.from({ length: this.#settings.streams }, () => this.#caller());
    const settled = await Promise.allSettled(callers);
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.wallMs = performance.now() - this.#warmAt;
    this.cpu = process.cpuUsage(this.#warmCpu);
  }

  async #caller(): Promise<void> {
    const { warmUpMs, durationMs, iterations, idleMs: pause } = this.#settings;
    const begin = this.#begin;
    const endless = durationMs < 0;
    try {
      for (let own = 0; !this.#over;) {
        const start = performance.now();
        if (this.#warmCpu === undefined && start - begin >= warmUpMs) this.#endWarmUp(start);
        const counted = this.#warmCpu !== undefined;
        if (counted && !endless && own >= iterations && start - this.#warmAt >= durationMs) return;
        this.outputs = await this.#session.run(this.#feeds);
        const end = performance.now();
        const timing = this.#timings?.take();
        if (!counted) {
          this.warmUpQueries++;
        } else {
          own++;
          this.#record(start - begin, end - start, timing);
          if (pause > 0) await sleep(pause);
        }
      }
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  #record(startMs: number, latencyMs: number, timing: RunTiming | undefined): void {
    this.starts.push(startMs);
    this.latencies.push(latencyMs);
    if (timing !== undefined) this.timed.push({ startMs, latencyMs, timing });
  }

  #endWarmUp(now: number): void {
    this.#warmAt = now;
    this.#warmCpu = process.cpuUsage();
    this.#delay?.take();
  }
}

function load(
  { plan, profile, options, settings }: JsSubject,
  onTiming: ((timing: RunTiming) => void) | undefined,
): Promise<Session> {
  const { runtime, library, pluginLibraries, device, log, logSeverity, signal } = options;
  return Session.load(plan, {
    runtime,
    library,
    pluginLibraries,
    device,
    log,
    logSeverity,
    signal,
    engineHostCodeAllowed: options.engineHostCodeAllowed,
    refitFrom: options.refitFrom,
    weightStreamingBudget: settings.weightStreamingBudget,
    executionContextAllocationStrategy: settings.allocationStrategy,
    instances: settings.streams,
    profile,
    ...settings.session,
    onTiming,
  });
}

/** What the callers run. */
export interface JsSubject {
  readonly plan: string | URL | Uint8Array | ArrayBuffer;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly profile: number;
  readonly options: BenchOptions;
  readonly settings: BenchSettings;
}

/** Runs the load to its end, tells its progress, and passes stop and abort on. */
async function runLoad(running: Load, { options, settings }: JsSubject): Promise<void> {
  const { signal, stop } = options;
  const timer =
    options.progress &&
    setInterval(() => {
      const queries = running.warmUpQueries + running.latencies.length;
      const progress = { queries, elapsedMs: running.elapsedMs, totalMs: totalMs(settings) };
      options.progress?.({ phase: 'js', ...progress });
    }, progressMs);
  signal?.addEventListener('abort', running.end, { once: true });
  stop?.addEventListener('abort', running.end, { once: true });
  try {
    if (signal?.aborted !== true && stop?.aborted !== true) await running.run();
  } catch (error) {
    if (signal?.aborted !== true || !isTensorRTError(error)) throw error;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', running.end);
    stop?.removeEventListener('abort', running.end);
  }
  if (signal?.aborted === true) throw abortedError('bench', signal);
}

/** What callers wait, what the event loop does meanwhile, what it costs. */
async function measureCallers(
  subject: JsSubject,
): Promise<{ report: Omit<JsReport, 'timed'> | undefined; outputs: Load['outputs'] }> {
  await using session = await load(subject, undefined);
  const delay = await LoopDelay.open().catch(() => undefined);
  try {
    await sleep(idleMs);
    const idle = delay?.take() ?? new Float64Array(0);
    const running = new Load(session, subject.feeds, undefined, subject.settings, delay);
    await runLoad(running, subject);
    const { outputs } = running;
    if (running.latencies.length === 0) return { report: undefined, outputs };
    await sleep(0); // what was posted last
    const busy = delay?.take() ?? new Float64Array(0);
    return { report: reportOf(running, session.stats(), subject.settings, idle, busy), outputs };
  } finally {
    await delay?.close();
  }
}

/** The same for a while with timings, which cost some microseconds, and which some drivers cannot take of CUDA graphs. */
async function timeCallers(subject: JsSubject, wallMs: number): Promise<JsReport['timed']> {
  const { durationMs, iterations } = subject.settings;
  const most = durationMs < 0 ? wallMs : durationMs;
  const settings = { ...subject.settings, iterations, durationMs: Math.min(most, timedMs) };
  const timings = new Timings();
  await using session = await load(subject, timings.add);
  const running = new Load(session, subject.feeds, timings, settings, undefined);
  await runLoad(running, { ...subject, settings });
  return timedFigures(running.timed, settings.percentiles);
}

/** Measures what callers see: as many at once as there are streams, each awaiting its runs one after the other. */
export async function jsPhase(
  subject: JsSubject,
): Promise<{ report: JsReport | undefined; outputs: Readonly<Record<string, Tensor>> }> {
  const { report, outputs } = await measureCallers(subject);
  if (report === undefined) return { report, outputs };
  // Who stopped an endless measurement still wants to know where the time goes.
  const { durationMs } = subject.settings;
  const options = durationMs < 0 ? { ...subject.options, stop: undefined } : subject.options;
  const timed = await timeCallers({ ...subject, options }, report.wallMs);
  return { report: { ...report, timed }, outputs };
}

function reportOf(
  { starts, latencies, warmUpQueries, wallMs, cpu }: Load,
  { cudaGraph, launches }: SessionStats,
  settings: BenchSettings,
  idle: Float64Array,
  busy: Float64Array,
): Omit<JsReport, 'timed'> {
  const queries = latencies.length;
  const percentiles = [...new Set([50, 99, ...settings.percentiles])];
  return {
    warmUpQueries,
    queries,
    wallMs,
    throughput: (queries / wallMs) * 1000,
    latency: summarizeTimes(latencies.values(), settings.percentiles),
    eventLoopDelay:
      idle.length === 0 || busy.length === 0
        ? undefined
        : { load: summarizeTimes(busy, percentiles), idle: summarizeTimes(idle, percentiles) },
    cpuMs: {
      user: cpu.user / 1000 / queries,
      system: cpu.system / 1000 / queries,
    },
    session: { cudaGraph, launches },
    trace: { startMs: starts.values(), latencyMs: latencies.values() },
  };
}
