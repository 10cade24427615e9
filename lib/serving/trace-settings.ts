// TraceSettings: which requests are traced, for all models and for single ones (v2/trace/setting), with Triton's rules.

import { ServingError } from '../errors.js';
import { asIntegerText, asText, unsupportedFile } from './setting-values.js';

/** What a trace holds. */
export type TraceLevel = 'TIMESTAMPS' | 'TENSORS';

/** Trace settings. Clients see them under Triton's names. */
export interface TraceSetting {
  /** Where traces go; '' is nowhere. Fixed at the start: no client can choose a file. */
  file: string;
  /** Empty: OFF. */
  levels: readonly TraceLevel[];
  /** One of so many requests. */
  rate: number;
  /** Requests still to be traced; -1 is no bound. */
  count: number;
  /** Traces a file FILE.0, FILE.1 …; 0: all into FILE. */
  logFrequency: number;
}

/** What a client sends: null, or an empty list, goes back to the setting above (all models', or the start's). */
export type TraceUpdate = Readonly<Record<string, unknown>>;

/** As the protocol shows it. */
export interface TraceSettingText {
  readonly trace_level: readonly string[];
  readonly trace_rate: string;
  readonly trace_count: string;
  readonly log_frequency: string;
  readonly trace_file: string;
}

type Field = 'levels' | 'rate' | 'count' | 'logFrequency';

const fields: Readonly<Record<string, Field>> = {
  trace_level: 'levels',
  trace_rate: 'rate',
  trace_count: 'count',
  log_frequency: 'logFrequency',
};

function parseLevels(value: unknown): readonly TraceLevel[] {
  const names = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) =>
    asText(each, 'trace_level'),
  );
  if (names.includes('OFF')) {
    if (names.length === 1) return [];
    throw new ServingError(
      'ERR_TRT_REQUEST',
      "Expect only one trace level 'OFF' is specified",
      'Send ["OFF"] alone, or the levels that you want.',
    );
  }
  for (const name of names) {
    if (name === 'TIMESTAMPS' || name === 'TENSORS') continue;
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `unknown trace level '${name}'`,
      'The levels are OFF, TIMESTAMPS and TENSORS.',
    );
  }
  return (['TIMESTAMPS', 'TENSORS'] as const).filter((level) => names.includes(level));
}

function parseField(field: Field, value: unknown): Partial<TraceSetting> {
  // gRPC has a list for every setting.
  const single: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  switch (field) {
    case 'levels':
      return { levels: parseLevels(value) };
    case 'rate':
      return { rate: asIntegerText(single, 'trace_rate', 0, 2 ** 32 - 1) };
    case 'count':
      return { count: asIntegerText(single, 'trace_count', -1, 2 ** 31 - 1) };
    case 'logFrequency':
      return { logFrequency: asIntegerText(single, 'log_frequency', 0, 2 ** 32 - 1) };
  }
}

/** Why nothing can be traced with it; Triton's words. */
function whyInvalid({ rate, file }: TraceSetting): string | undefined {
  if (rate === 0) return 'sample rate must be non-zero';
  return file === '' ? 'trace file name is not given' : undefined;
}

/** A setting with what has been sampled by it. */
class Sampled {
  readonly setting: TraceSetting;
  #seen = 0;

  constructor(setting: TraceSetting) {
    this.setting = setting;
  }

  sample(): boolean {
    const { setting } = this;
    if (setting.levels.length === 0 || setting.count === 0) return false;
    if (whyInvalid(setting) !== undefined) return false;
    if (++this.#seen % setting.rate !== 0) return false;
    if (setting.count > 0) setting.count--;
    return true;
  }
}

/** The settings of one server. */
export class TraceSettings {
  readonly #start: TraceSetting;
  /** What clients have set for all models. */
  #global: Partial<TraceSetting> = {};
  readonly #models = new Map<string, Partial<TraceSetting>>();
  /** In force, by model; '' is for all that have none of their own. */
  readonly #sampled = new Map<string, Sampled>();

  /** @param start - The operator's; default: off, one in 1000, no bound, no file. */
  constructor(start: Partial<TraceSetting> = {}) {
    this.#start = { file: '', levels: [], rate: 1000, count: -1, logFrequency: 0, ...start };
    this.#apply();
  }

  /** Puts the settings of one model into force, or of all: what has been sampled of others goes on. */
  #apply(model = ''): void {
    const global = { ...this.#start, ...this.#global };
    if (model === '') this.#sampled.set('', new Sampled(global));
    const names = model === '' ? this.#models.keys() : [model];
    for (const name of names) {
      const own = this.#models.get(name);
      if (own === undefined) this.#sampled.delete(name);
      else this.#sampled.set(name, new Sampled({ ...global, ...own }));
    }
  }

  #of(model: string): Sampled {
    return this.#sampled.get(model) ?? (this.#sampled.get('') as Sampled);
  }

  /** What is in force for a model; '' for all others. */
  get(model = ''): Readonly<TraceSetting> {
    return { ...this.#of(model).setting };
  }

  /** {@link get} as the protocol shows it. */
  text(model = ''): TraceSettingText {
    const { file, levels, rate, count, logFrequency } = this.#of(model).setting;
    return {
      trace_level: levels.length === 0 ? ['OFF'] : levels,
      trace_rate: String(rate),
      trace_count: String(count),
      log_frequency: String(logFrequency),
      trace_file: file,
    };
  }

  /**
   * Changes settings of one model, or of all others ('').
   *
   * @throws {@link ServingError} ERR_TRT_REQUEST for wrong values or ones with which nothing can be traced, ERR_TRT_REQUEST_UNSUPPORTED for a file
   */
  update(model: string, values: TraceUpdate): TraceSettingText {
    const next: Partial<TraceSetting> = {
      ...(model === '' ? this.#global : this.#models.get(model)),
    };
    for (const [name, value] of Object.entries(values)) {
      if (name === 'trace_file') {
        if (!isCleared(value)) throw unsupportedFile('trace');
        continue;
      }
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (field === undefined) {
        throw new ServingError(
          'ERR_TRT_REQUEST',
          `unknown trace setting '${name}'`,
          `The settings are ${Object.keys(fields).join(', ')}.`,
        );
      }
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      if (isCleared(value)) delete next[field];
      else Object.assign(next, parseField(field, value));
    }
    const merged = { ...this.#start, ...(model === '' ? {} : this.#global), ...next };
    const reason = merged.levels.length === 0 ? undefined : whyInvalid(merged);
    if (reason !== undefined) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `Attempting to set invalid trace setting :${reason}`,
        'The file is chosen by who starts the server.',
      );
    }
    if (model === '') this.#global = next;
    else if (Object.keys(next).length === 0) this.#models.delete(model);
    else this.#models.set(model, next);
    this.#apply(model);
    return this.text(model);
  }

  /** Whether the next request of `model` is traced: its setting; undefined when not. */
  sample(model: string): TraceSetting | undefined {
    const sampled = this.#of(model);
    return sampled.sample() ? sampled.setting : undefined;
  }
}

function isCleared(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}
