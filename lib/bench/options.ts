// Checks bench's options and fills in their defaults.

import { describe, invalidArgument } from '../errors.js';
import { logOptionNames } from '../log.js';
import { platformOptionNames } from '../platform.js';
import { checkRefitOptions } from '../refit/sources.js';
import { checkWeightStreamingBudget } from '../runtime/weight-streaming.js';
import { allocationStrategyNumber } from '../session/engine-options.js';
import { checkChoice, checkInteger, checkOptions } from '../validate.js';
import type { BenchOptions, BenchPhase, BenchSettings } from './types.js';

const optionNames = [
  ...platformOptionNames,
  ...logOptionNames,
  'device',
  'profile',
  'shapes',
  'inputs',
  'seed',
  'phases',
  'iterations',
  'warmUpMs',
  'durationMs',
  'streams',
  'threads',
  'sleepMs',
  'idleMs',
  'compat',
  'cudaGraph',
  'spinWait',
  'transfers',
  'exposeDMA',
  'persistentCacheRatio',
  'percentiles',
  'layerTimes',
  'layerInfo',
  'outputs',
  'engineHostCodeAllowed',
  'refitFrom',
  'weightStreamingBudget',
  'executionContextAllocationStrategy',
  'progress',
  'stop',
  'signal',
];

const phaseNames = ['device', 'js'] as const;
const maxStreams = 1024;
/** Timers and the driver's own figures end near here. */
const maxMs = 2 ** 31 - 1;

function flag(value: unknown, name: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw invalidArgument(
    `bench: ${name}: expected true or false, got ${describe(value)}`,
    'Give a boolean, or leave it out.',
  );
}

function numberFrom(value: unknown, name: string, low: number, high: number): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw invalidArgument(
    `bench: ${name}: expected a number from ${low} to ${high}, got ${describe(value)}`,
    'Change it, or leave it out for the default.',
  );
}

function checkDuration(value: unknown): number {
  if (value === -1) return -1;
  return numberFrom(value, 'durationMs (or -1 for no end)', 0, maxMs);
}

function checkPhases(value: unknown): BenchPhase[] {
  if (value === undefined) return [...phaseNames];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgument(
      `bench: phases: expected 'device', 'js' or both in an array, got ${describe(value)}`,
      'Leave it out for both.',
    );
  }
  const given = value.map((phase) => checkChoice(phase, 'bench: phases', phaseNames));
  return phaseNames.filter((phase) => given.includes(phase));
}

function checkPercentiles(value: unknown): number[] {
  if (value === undefined) return [90, 95, 99];
  if (!Array.isArray(value)) {
    throw invalidArgument(
      `bench: percentiles: expected an array of numbers, got ${describe(value)}`,
      'Give for example [90, 99].',
    );
  }
  const numbers = value.map((percentile) => numberFrom(percentile, 'percentiles', 0, 100));
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** @throws ERR_TRT_INVALID_ARGUMENT */
export function benchSettings(options: BenchOptions): BenchSettings {
  checkOptions(options, optionNames, 'bench');
  const compat = options.compat ?? 10;
  if (![10, 11].includes(compat)) {
    throw invalidArgument(
      `bench: compat: expected 10 or 11, got ${describe(compat)}`,
      'It chooses the defaults of trtexec 10 or of trtexec 11.',
    );
  }
  const eleven = compat === 11;
  const { weightStreamingBudget: budget, executionContextAllocationStrategy: strategy } = options;
  if (strategy !== undefined) {
    allocationStrategyNumber(strategy, 'bench: executionContextAllocationStrategy');
  }
  if (options.refitFrom !== undefined) {
    checkRefitOptions(options.refitFrom, 'bench: refitFrom');
  }
  const { cudaGraph, spinWait, persistentCacheRatio: ratio } = options;
  const streams = checkInteger(options.streams ?? 1, 'bench: streams', 1, maxStreams);
  return {
    phases: checkPhases(options.phases),
    iterations: checkInteger(options.iterations ?? 10, 'bench: iterations', 1),
    warmUpMs: numberFrom(options.warmUpMs ?? 200, 'warmUpMs', 0, maxMs),
    durationMs: checkDuration(options.durationMs ?? 3000),
    streams,
    threads: flag(options.threads, 'threads', false),
    sleepMs: numberFrom(options.sleepMs ?? 0, 'sleepMs', 0, maxMs),
    idleMs: numberFrom(options.idleMs ?? 0, 'idleMs', 0, maxMs),
    compat,
    cudaGraph: flag(cudaGraph, 'cudaGraph', eleven),
    spinWait: flag(spinWait, 'spinWait', eleven),
    transfers: flag(options.transfers, 'transfers', !eleven),
    exposeDMA: flag(options.exposeDMA, 'exposeDMA', false),
    allocationStrategy: strategy,
    weightStreamingBudget:
      budget === undefined
        ? undefined
        : checkWeightStreamingBudget(budget, 'bench: weightStreamingBudget'),
    persistentCacheRatio:
      ratio === undefined ? undefined : numberFrom(ratio, 'persistentCacheRatio', 0, 1),
    percentiles: checkPercentiles(options.percentiles),
    seed: checkInteger(options.seed ?? 0, 'bench: seed', 0, 2 ** 32 - 1),
    session: {
      cudaGraph: cudaGraph === undefined ? 'auto' : cudaGraph ? 'on' : 'off',
      completion: spinWait === undefined ? 'adaptive' : spinWait ? 'spin' : 'block',
    },
  };
}
