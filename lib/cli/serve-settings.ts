// What tritonserver's flags of the form NAME=VALUE and A,B=C say: backends, cache, rate limiter, traces, sizes.

import type { MetricsOptions } from '../serving/metrics/options.js';
import type { RateLimitResource } from '../serving/repository/options.js';
import type { TraceLevel, TraceSetting } from '../serving/trace-settings.js';
import { type ParsedFlags, UsageError, flagValue, flagValues, integerFlag } from './flags.js';

function malformed(flag: string, form: string, value: string): UsageError {
  return new UsageError(
    `--${flag} option format is '${form}', got ${JSON.stringify(value)}`,
    `Write --${flag}=${form}.`,
  );
}

function wholeNumber(flag: string, text: string, least = 0): number {
  const number = Number(text);
  if (/^-?\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number;
  throw new UsageError(
    `--${flag} needs an integer of at least ${least}, got ${JSON.stringify(text)}`,
    'Write a whole number.',
  );
}

/** Bytes, with K, M, G or T for KiB and so on. @throws UsageError */
export function bytesFlag(parsed: ParsedFlags, name: string): number | undefined {
  const text = flagValue(parsed, name);
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)([KMGT])?(?:i?B)?$/i.exec(text);
  const power = 'KMGT'.indexOf((match?.[2] ?? '').toUpperCase() || '-') + 1;
  const bytes = Math.round(Number(match?.[1]) * 1024 ** power);
  if (match !== null && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(
    `--${name} needs a number of bytes, got ${JSON.stringify(text)}`,
    `Write for example --${name}=512M.`,
  );
}

/** Settings by backend; those without a backend are '' and hold for all. @throws UsageError */
export function backendConfig(parsed: ParsedFlags): Record<string, Record<string, string>> {
  const all: Record<string, Record<string, string>> = {};
  for (const text of flagValues(parsed, 'backend-config')) {
    const match = /^(?:([^,=]+),)?([^,=]+)=(.+)$/.exec(text);
    const [, backend = '', name, value] = match ?? [];
    if (name === undefined || value === undefined) {
      throw malformed('backend-config', '<backend name>,<setting>=<value>', text);
    }
    (all[backend] ??= {})[name] = value;
  }
  return all;
}

/** Bytes of the response cache; undefined: none. @throws UsageError */
export function cacheSize(parsed: ParsedFlags): number | undefined {
  const old = integerFlag(parsed, 'response-cache-byte-size');
  const texts = flagValues(parsed, 'cache-config');
  if (old !== undefined && texts.length > 0) {
    throw new UsageError(
      'Incompatible flags --response-cache-byte-size and --cache-config both provided',
      'Write --cache-config=local,size=BYTES only.',
    );
  }
  let size = old;
  for (const text of texts) {
    const match = /^([^,]+),([^=]+)=(.+)$/.exec(text);
    const [, cache, name, value] = match ?? [];
    if (cache === undefined || name === undefined || value === undefined) {
      throw malformed('cache-config', '<cache name>,<setting>=<value>', text);
    }
    if (cache !== 'local' || name !== 'size') {
      throw new UsageError(
        `--cache-config: there is no cache or setting ${JSON.stringify(`${cache},${name}`)}`,
        "The cache is 'local', in this process, and its setting 'size': --cache-config=local,size=1048576.",
      );
    }
    size = wholeNumber('cache-config', value);
  }
  return size;
}

/** @throws UsageError */
export function rateLimitResources(parsed: ParsedFlags): RateLimitResource[] {
  return flagValues(parsed, 'rate-limit-resource').map((text) => {
    const [name = '', count, device, ...rest] = text.split(':');
    if (name === '' || count === undefined || rest.length > 0) {
      throw malformed('rate-limit-resource', '<resource_name>:<count>:<device>', text);
    }
    return {
      name,
      count: wholeNumber('rate-limit-resource', count),
      device: device === undefined ? undefined : wholeNumber('rate-limit-resource', device),
    };
  });
}

/** Triton's --metrics-config as options of the metrics. @throws UsageError */
export function metricsConfig(
  parsed: ParsedFlags,
): Pick<MetricsOptions, 'summaries' | 'histograms'> {
  const set: { latencies?: boolean; quantiles?: number[]; histograms?: boolean } = {};
  for (const text of flagValues(parsed, 'metrics-config')) {
    const match = /^([^,=]+)=(.+)$/.exec(text);
    const [, name, value] = match ?? [];
    if (name === undefined || value === undefined) {
      throw malformed('metrics-config', '<setting>=<value>', text);
    }
    if (name === 'summary_latencies') set.latencies = value === 'true';
    else if (name === 'histogram_latencies') set.histograms = value === 'true';
    else if (name === 'summary_quantiles') set.quantiles = quantiles(value);
    else if (name !== 'counter_latencies' || value !== 'true') {
      throw new UsageError(
        `--metrics-config: ${JSON.stringify(text)} is not supported`,
        'The settings are summary_latencies, summary_quantiles and histogram_latencies; counters of latencies are always there.',
      );
    }
  }
  const { latencies, quantiles: chosen, histograms } = set;
  return { summaries: { latencies, quantiles: chosen }, histograms };
}

/** "0.5:0.05,0.9:0.01": quantiles, with errors that our histograms do not need. */
function quantiles(text: string): number[] {
  return text.split(',').map((pair) => {
    const number = Number(pair.split(':')[0]);
    if (number > 0 && number < 1) return number;
    throw new UsageError(
      `--metrics-config: summary_quantiles needs numbers between 0 and 1, got ${JSON.stringify(pair)}`,
      'Write for example --metrics-config=summary_quantiles=0.5:0.05,0.99:0.001.',
    );
  });
}

function traceLevel(text: string): TraceLevel | 'OFF' {
  const word = text.toLowerCase();
  if (['off', 'false'].includes(word)) return 'OFF';
  if (['timestamps', 'true', 'on', 'min', 'max'].includes(word)) return 'TIMESTAMPS';
  if (word === 'tensors') return 'TENSORS';
  throw new UsageError(
    `invalid value for trace level option: ${text}`,
    'The levels are OFF, TIMESTAMPS and TENSORS.',
  );
}

/** Traces from the start on. @throws UsageError */
export function traceSetting(parsed: ParsedFlags): Partial<TraceSetting> {
  const given: (readonly [name: string, value: string])[] = [];
  const old = {
    'trace-file': 'file',
    'trace-rate': 'rate',
    'trace-count': 'count',
    'trace-log-frequency': 'log-frequency',
    'trace-level': 'level',
  };
  for (const [flag, name] of Object.entries(old)) {
    for (const value of flagValues(parsed, flag)) given.push([name, value]);
  }
  for (const text of flagValues(parsed, 'trace-config')) {
    const match = /^(?:([^,=]+),)?([^,=]+)=(.+)$/.exec(text);
    const [, mode = 'triton', name, value] = match ?? [];
    if (name === undefined || value === undefined) {
      throw malformed('trace-config', '<trace mode>,<setting>=<value>', text);
    }
    if (mode !== 'triton' || (name === 'mode' && value !== 'triton')) {
      throw new UsageError(
        `--trace-config: mode ${JSON.stringify(name === 'mode' ? value : mode)} is not supported`,
        "Traces are written to a file in Triton's form: --trace-config triton,file=trace.json.",
      );
    }
    if (name !== 'mode') given.push([name, value]);
  }
  return traceOf(given);
}

function traceOf(given: readonly (readonly [string, string])[]): Partial<TraceSetting> {
  const setting: Partial<TraceSetting> = {};
  const levels = new Set<TraceLevel | 'OFF'>();
  for (const [name, value] of given) {
    switch (name) {
      case 'file':
        setting.file = value;
        break;
      case 'rate':
        setting.rate = wholeNumber('trace-config', value, 1);
        break;
      case 'count':
        setting.count = wholeNumber('trace-config', value, -1);
        break;
      case 'log-frequency':
        setting.logFrequency = wholeNumber('trace-config', value);
        break;
      case 'level':
        levels.add(traceLevel(value));
        break;
      default:
        throw new UsageError(
          `--trace-config: unknown setting ${JSON.stringify(name)}`,
          'The settings are level, rate, count, mode, triton,file and triton,log-frequency.',
        );
    }
  }
  if (levels.size === 0) return setting;
  // OFF wins, as in Triton.
  const on = (['TIMESTAMPS', 'TENSORS'] as const).filter((level) => levels.has(level));
  return { ...setting, levels: levels.has('OFF') ? [] : on };
}
