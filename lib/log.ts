// Log options: TensorRT's severities by name, and the function that receives its lines.

import { describe, invalidArgument } from './errors.js';
import type { NativeLog } from './native.js';
import { checkChoice } from './validate.js';

/** TensorRT's severities, most severe first. */
export const logSeverities = ['internalError', 'error', 'warning', 'info', 'verbose'] as const;

/** One of TensorRT's severities. */
export type LogSeverity = (typeof logSeverities)[number];

/**
 * Receives TensorRT's log lines, on the JavaScript thread, a little after they were written and in order.
 *
 * @param severity - How severe.
 * @param message - One line.
 */
export type LogFunction = (severity: LogSeverity, message: string) => void;

/** Options of everything that logs. */
export interface LogOptions {
  /** Receives TensorRT's log. Default: nobody; what concerns a failing call is on the error's `log` in any case. */
  log?: LogFunction | undefined;
  /** Lines less severe than this are dropped. Default 'warning'. */
  logSeverity?: LogSeverity | undefined;
}

/** Names of {@link LogOptions}. */
export const logOptionNames = ['log', 'logSeverity'] as const;

/** The addon's two log options. @throws ERR_TRT_INVALID_ARGUMENT */
export function nativeLogOptions(options: LogOptions): {
  logSeverity: number;
  log: NativeLog | undefined;
} {
  const { log } = options;
  const severity = checkChoice(options.logSeverity ?? 'warning', 'logSeverity', logSeverities);
  if (log !== undefined && typeof log !== 'function') {
    throw invalidArgument(
      `log: expected a function, got ${describe(log)}`,
      'Give (severity, message) => …, or leave it out.',
    );
  }
  return {
    logSeverity: logSeverities.indexOf(severity),
    log:
      log === undefined
        ? undefined
        : (level, message) => {
            log(logSeverities[level] ?? 'internalError', message);
          },
  };
}
