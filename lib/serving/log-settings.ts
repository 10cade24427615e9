// ServerLog: the server's own log lines in Triton's formats, and the settings that clients may read and change (v2/logging).

import { closeSync, openSync, writeSync } from 'node:fs';
import { ServingError, fileError } from '../errors.js';
import { asFlag, asText, asUnsignedSetting, unsupportedFile } from './setting-values.js';

/** Log settings, by Triton's names. */
export interface LogSettings {
  /** '' is standard error. Fixed at the start: no client can choose a file. */
  log_file: string;
  log_info: boolean;
  log_warning: boolean;
  log_error: boolean;
  /** 0 is off. */
  log_verbose_level: number;
  log_format: 'default' | 'ISO8601';
}

/** Levels of the server's log. */
export type ServerLogLevel = 'error' | 'warning' | 'info' | 'verbose';

const letters = { error: 'E', warning: 'W', info: 'I', verbose: 'I' } as const;

const two = (value: number) => String(value).padStart(2, '0');

function stamp(format: LogSettings['log_format'], letter: string): string {
  const now = new Date();
  if (format === 'ISO8601') return `${now.toISOString().slice(0, 19)}Z ${letter} ${process.pid}]`;
  const day = `${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':');
  const micros = String(now.getMilliseconds() * 1000).padStart(6, '0');
  return `${letter}${day} ${time}.${micros} ${process.pid}]`;
}

/** The log of one server. */
export class ServerLog {
  readonly #settings: LogSettings;
  readonly #descriptor: number | undefined;
  #closed = false;

  /** @throws {@link FileError} ERR_TRT_FILE when `log_file` cannot be opened */
  constructor(settings: Partial<LogSettings> = {}) {
    this.#settings = {
      log_file: '',
      log_info: true,
      log_warning: true,
      log_error: true,
      log_verbose_level: 0,
      log_format: 'default',
      ...settings,
    };
    const { log_file: file } = this.#settings;
    if (file === '') return;
    try {
      this.#descriptor = openSync(file, 'a');
    } catch (error) {
      throw fileError('write', file, error);
    }
  }

  get settings(): Readonly<LogSettings> {
    return { ...this.#settings };
  }

  /**
   * Changes what is given; null leaves a setting as it is. All or nothing.
   *
   * @returns The settings then.
   * @throws {@link ServingError} ERR_TRT_REQUEST for a wrong value, ERR_TRT_REQUEST_UNSUPPORTED for a file
   */
  update(values: Readonly<Record<string, unknown>>): Readonly<LogSettings> {
    const next = { ...this.#settings };
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined) continue;
      switch (name) {
        case 'log_file':
          if (asText(value, name) !== next.log_file) throw unsupportedFile('log');
          break;
        case 'log_info':
        case 'log_warning':
        case 'log_error':
          next[name] = asFlag(value, name);
          break;
        case 'log_verbose_level':
          next.log_verbose_level = asUnsignedSetting(value, name);
          break;
        case 'log_format':
          next.log_format = asFormat(value);
          break;
        default:
          throw new ServingError(
            'ERR_TRT_REQUEST',
            `unknown log setting '${name}'`,
            `The settings are ${Object.keys(next).join(', ')}.`,
          );
      }
    }
    Object.assign(this.#settings, next);
    return this.settings;
  }

  /** Whether lines of that level are written; look before making an expensive one. */
  isEnabled(level: ServerLogLevel, verbosity = 1): boolean {
    if (level === 'verbose') return this.#settings.log_verbose_level >= verbosity;
    return this.#settings[`log_${level}`];
  }

  /**
   * Writes a line. Never throws: a full disk must not stop the server.
   *
   * @param verbosity - Of level 'verbose': from which log_verbose_level on.
   */
  write(level: ServerLogLevel, message: string, verbosity = 1): void {
    if (this.#closed || !this.isEnabled(level, verbosity)) return;
    // One line, whatever a client has put into a name.
    // eslint-disable-next-line no-control-regex
    const clean = message.replace(/[\x00-\x1f\x7f]/g, (each) => (each === '\t' ? ' ' : '\\n'));
    const line = `${stamp(this.#settings.log_format, letters[level])} ${clean}\n`;
    try {
      writeSync(this.#descriptor ?? 2, line);
    } catch {
      // Nobody is left to tell.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

function asFormat(value: unknown): LogSettings['log_format'] {
  const text = asText(value, 'log_format');
  if (text === 'default' || text === 'ISO8601') return text;
  throw new ServingError(
    'ERR_TRT_REQUEST',
    `invalid argument for --log_format, got: ${text}`,
    "Give 'default' or 'ISO8601'.",
  );
}
