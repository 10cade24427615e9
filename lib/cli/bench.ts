// trt-node bench PLAN: measures a plan on the device, as trtexec does, and as a JavaScript caller sees it.

import path from 'node:path';
import { checkWritable, writeFilesAtomically } from '../atomic-write.js';
import { bench } from '../bench/bench.js';
import { outputLines, outputsJson, profileJson, reportJson, timesJson } from '../bench/export.js';
import { htmlReport, loadAssets } from '../bench/html.js';
import { reportText } from '../bench/table.js';
import { profileLines, trtexecLines } from '../bench/trtexec-text.js';
import type { BenchOptions, BenchPhase, BenchProgress, BenchReport } from '../bench/types.js';
import { chromeTrace } from '../layers/chrome-trace.js';
import type { LogFunction } from '../log.js';
import { benchFlags } from './bench-flags.js';
import { type Command, type Output, platformOptions, severityMarks } from './command.js';
import { allocationStrategyFlag, refitFlag, weightStreamingFlag } from './engine-flags.js';
import {
  type ParsedFlags,
  UsageError,
  flagValue,
  flagValues,
  hasFlag,
  integerFlag,
  numberFlag,
} from './flags.js';
import { planArgument, refuseModel } from './plan-argument.js';
import { planVersion } from './preflight.js';
import { parseFiles, parseShapes } from './shapes.js';

const maxMs = 2 ** 31 - 1;
/** So many lines of averages when nobody asked for them. */
const fewAverages = 10;

/** A switch that has a name for on and one for off. */
function switchFlag(parsed: ParsedFlags, on: string, off: string): boolean | undefined {
  if (hasFlag(parsed, on) && hasFlag(parsed, off)) {
    throw new UsageError(`--${on} and --${off} contradict each other`, 'Give one of them.');
  }
  if (hasFlag(parsed, on)) return true;
  return hasFlag(parsed, off) ? false : undefined;
}

function phasesFlag(parsed: ParsedFlags): BenchPhase[] | undefined {
  const value = flagValue(parsed, 'phases');
  if (value === undefined) return undefined;
  const words = value.split(',').map((word) => word.trim());
  const phases = words.filter((word): word is BenchPhase => word === 'device' || word === 'js');
  if (phases.length === words.length) return phases;
  throw new UsageError(
    `--phases needs device, js or device,js, got ${JSON.stringify(value)}`,
    'Write for example --phases=device.',
  );
}

function percentileFlag(parsed: ParsedFlags): number[] | undefined {
  const value = flagValue(parsed, 'percentile');
  if (value === undefined) return undefined;
  const numbers = value.split(',').map((word) => (word.trim() === '' ? NaN : Number(word)));
  if (numbers.every((number) => number >= 0 && number <= 100)) return numbers;
  throw new UsageError(
    `--percentile needs numbers from 0 to 100, got ${JSON.stringify(value)}`,
    'Write for example --percentile=90,95,99.',
  );
}

function durationFlag(parsed: ParsedFlags): number | undefined {
  const value = flagValue(parsed, 'duration');
  if (value !== undefined && Number(value) === -1) return -1;
  const seconds = numberFlag(parsed, 'duration', 0, maxMs / 1000);
  return seconds === undefined ? undefined : seconds * 1000;
}

function compatFlag(parsed: ParsedFlags): 10 | 11 | undefined {
  const value = flagValue(parsed, 'compat');
  if (value === undefined) return undefined;
  if (value === '10') return 10;
  if (value === '11') return 11;
  throw new UsageError(
    `--compat needs 10 or 11, got ${JSON.stringify(value)}`,
    'It chooses whose defaults are used: those of trtexec 10 or of trtexec 11.',
  );
}

/** Flags that say something of a phase that is left out. */
function checkPhases(parsed: ParsedFlags, phases: readonly BenchPhase[] | undefined): void {
  if (phases === undefined || phases.includes('device')) return;
  const deviceOnly = [
    'threads',
    'exposeDMA',
    'noDataTransfers',
    'includeDataTransfers',
    'sleepTime',
    'persistentCacheRatio',
    'avgRuns',
    'exportTimes',
  ];
  const given = deviceOnly.find((name) => hasFlag(parsed, name));
  if (given === undefined) return;
  throw new UsageError(
    `--${given} is about the device phase, which --phases=${phases.join(',')} leaves out`,
    `Leave out --${given}, or measure with --phases=device,js.`,
  );
}

function optionsOf(parsed: ParsedFlags): BenchOptions {
  const shapes = flagValue(parsed, 'shapes');
  const inputs = Object.fromEntries(
    flagValues(parsed, 'loadInputs').flatMap((value) => [...parseFiles(value, 'loadInputs')]),
  );
  const phases = phasesFlag(parsed);
  checkPhases(parsed, phases);
  return {
    ...platformOptions(parsed),
    profile: integerFlag(parsed, 'useProfile'),
    shapes: shapes === undefined ? undefined : Object.fromEntries(parseShapes(shapes, 'shapes')),
    inputs,
    seed: integerFlag(parsed, 'seed', 0, 2 ** 32 - 1),
    phases,
    iterations: integerFlag(parsed, 'iterations', 1),
    warmUpMs: numberFlag(parsed, 'warmUp', 0, maxMs),
    durationMs: durationFlag(parsed),
    streams: integerFlag(parsed, 'infStreams', 1, 1024),
    threads: hasFlag(parsed, 'threads'),
    sleepMs: numberFlag(parsed, 'sleepTime', 0, maxMs),
    idleMs: numberFlag(parsed, 'idleTime', 0, maxMs),
    compat: compatFlag(parsed),
    cudaGraph: switchFlag(parsed, 'useCudaGraph', 'noCudaGraph'),
    spinWait: switchFlag(parsed, 'useSpinWait', 'noSpinWait'),
    transfers: switchFlag(parsed, 'includeDataTransfers', 'noDataTransfers'),
    exposeDMA: hasFlag(parsed, 'exposeDMA'),
    persistentCacheRatio: numberFlag(parsed, 'persistentCacheRatio', 0, 1),
    percentiles: percentileFlag(parsed),
    layerTimes: ['dumpProfile', 'exportProfile', 'exportChromeTrace'].some((name) =>
      hasFlag(parsed, name),
    ),
    layerInfo: hasFlag(parsed, 'dumpLayerInfo') || hasFlag(parsed, 'exportLayerInfo'),
    outputs: hasFlag(parsed, 'dumpOutput') || hasFlag(parsed, 'exportOutput'),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
    refitFrom: refitFlag(parsed),
    weightStreamingBudget: weightStreamingFlag(parsed),
    executionContextAllocationStrategy: allocationStrategyFlag(parsed),
  };
}

const fileFlags = [
  'exportTimes',
  'exportProfile',
  'exportChromeTrace',
  'exportOutput',
  'exportLayerInfo',
  'html',
];

/** The files to write, by flag. None may be another's, or what is read. @throws UsageError */
function exportFiles(
  parsed: ParsedFlags,
  plan: string,
  options: BenchOptions,
): Map<string, string> {
  const taken = new Map([[path.resolve(plan), 'the plan']]);
  for (const [name, file] of Object.entries(options.inputs ?? {})) {
    if (typeof file === 'string') taken.set(path.resolve(file), `the file of input '${name}'`);
  }
  const files = new Map<string, string>();
  for (const flag of fileFlags) {
    const file = flagValue(parsed, flag);
    if (file === undefined) continue;
    if (file === '') throw new UsageError(`--${flag} needs a file`, `Write --${flag}=FILE.`);
    const other = taken.get(path.resolve(file));
    if (other !== undefined) {
      throw new UsageError(`--${flag}=${file} is ${other}`, 'Give every file a name of its own.');
    }
    taken.set(path.resolve(file), `that of --${flag}`);
    files.set(flag, file);
  }
  return files;
}

function progressLine({ phase, queries, elapsedMs, totalMs }: BenchProgress): void {
  const what = { device: 'Device', layers: 'Layers', js: 'JavaScript' }[phase];
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
  const most = Number.isFinite(totalMs) ? ` of ${seconds(totalMs)}` : '';
  const text = `${what}: ${seconds(elapsedMs)}${most} s, ${queries} queries`;
  process.stderr.write(`\r\x1b[K${text.slice(0, process.stderr.columns - 1)}`);
}

/** Ctrl-C ends a measurement without end, and gives up any other, and the second gives up all. */
function listenForInterrupt(endless: boolean): {
  stop: AbortSignal;
  signal: AbortSignal;
  close(): void;
} {
  const stop = new AbortController();
  const abort = new AbortController();
  const onInterrupt = (): void => {
    if (endless && !stop.signal.aborted) stop.abort();
    else abort.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onInterrupt);
  return {
    stop: stop.signal,
    signal: abort.signal,
    close: () => {
      process.removeListener('SIGINT', onInterrupt);
    },
  };
}

async function measure(
  plan: string,
  options: BenchOptions,
  verbose: boolean,
  output: Output,
): Promise<BenchReport> {
  const onTerminal = process.stderr.isTTY && !output.json;
  const clear = onTerminal ? '\r\x1b[K' : '';
  const log: LogFunction = (severity, message) => {
    // Errors come back with the error that they lead to.
    if (verbose || severity === 'warning') {
      output.note(`${clear}[${severityMarks[severity]}] ${message}`);
    }
  };
  const interrupt = listenForInterrupt(options.durationMs === -1);
  if (options.durationMs === -1) output.note('Measuring until Ctrl-C.');
  try {
    return await bench(plan, {
      ...options,
      log,
      logSeverity: verbose ? 'verbose' : 'warning',
      progress: onTerminal && !verbose ? progressLine : undefined,
      stop: interrupt.stop,
      signal: interrupt.signal,
    });
  } finally {
    interrupt.close();
    if (onTerminal) process.stderr.write('\r\x1b[K');
  }
}

/** What each of the files gets. */
function contents(
  report: BenchReport,
  files: ReadonlyMap<string, string>,
): Map<string, string | Uint8Array> {
  const { device, layers, layerInfo, outputs } = report;
  const made = new Map<string, string | Uint8Array>();
  for (const [flag, file] of files) {
    if (flag === 'exportTimes' && device !== undefined) made.set(file, timesJson(device.trace));
    if (flag === 'exportProfile') made.set(file, profileJson(layers ?? { count: 0, layers: [] }));
    if (flag === 'exportChromeTrace') {
      made.set(file, chromeTrace({ title: report.engineName, layers, queries: device?.trace }));
    }
    if (flag === 'exportOutput') made.set(file, outputsJson(outputs ?? {}));
    if (flag === 'exportLayerInfo') made.set(file, layerInfo ?? '');
    if (flag === 'html') made.set(file, htmlReport(report));
  }
  return made;
}

function print(report: BenchReport, parsed: ParsedFlags, output: Output): void {
  const { device, settings, layers, layerInfo, outputs } = report;
  const parts: string[][] = [];
  if (device !== undefined) {
    const given = integerFlag(parsed, 'avgRuns', 1);
    const averages = given === undefined ? fewAverages : Infinity;
    parts.push(trtexecLines(device, settings, { avgRuns: given ?? 10, averages }));
  }
  if (hasFlag(parsed, 'timeRefit') && report.refit !== undefined) {
    parts.push([`Engine refitted in ${(report.refit.milliseconds / 1000).toFixed(6)} sec.`]);
  }
  if (hasFlag(parsed, 'dumpLayerInfo')) {
    parts.push(['=== Layer information ===', layerInfo?.trimEnd() ?? '']);
  }
  if (hasFlag(parsed, 'dumpProfile') && layers !== undefined) parts.push(profileLines(layers));
  if (hasFlag(parsed, 'dumpOutput')) {
    parts.push(['=== Output tensors ===', ...outputLines(outputs ?? {})]);
  }
  parts.push(['=== Report ===', reportText(report)]);
  output.text(parts.map((lines) => lines.join('\n')).join('\n\n'));
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const plan = planArgument(parsed, 'bench');
  if (hasFlag(parsed, 'getPlanVersionOnly')) {
    const version = await planVersion(plan);
    output.text(`Plan was created with TensorRT version ${version}`);
    output.data({ plan, version });
    return 0;
  }
  integerFlag(parsed, 'avgRuns', 1); // before the measurement, not after it
  const options = optionsOf(parsed);
  await refuseModel(plan, 'bench');
  const files = exportFiles(parsed, plan, options);
  for (const file of files.values()) await checkWritable(file);
  if (files.has('html')) loadAssets();
  const report = await measure(plan, options, hasFlag(parsed, 'verbose'), output);
  await writeFilesAtomically(contents(report, files));
  print(report, parsed, output);
  output.data({ ...reportJson(report), files: Object.fromEntries(files) });
  for (const file of files.values()) output.text(`Wrote ${file}`);
  return 0;
}

export const benchCommand: Command = {
  name: 'bench',
  usage: 'PLAN [flags]',
  summary: 'Measure a plan on the device as trtexec does, and as JavaScript sees it',
  flags: benchFlags,
  notes:
    "First trtexec's measurement (a loop in C++), then the same inputs through Session.run. The mode is printed: trtexec 10 and 11 differ in their defaults,\n" +
    'so compare like with like (--compat=10|11). Without --loadInputs inputs are random: floats in [-1, 1), integers 0 or 1.',
  run,
};
