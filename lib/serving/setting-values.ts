// Values of log and trace settings as clients send them, checked with Triton's words.

import { ServingError, describe } from '../errors.js';

function wrongType(name: string, expected: string, value: unknown): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST',
    `Unable to parse '${name}': expected ${expected}, got ${describe(value)}`,
    'Send the value as the protocol has it.',
  );
}

/** @internal */
export function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  return value;
}

/** @internal */
export function asFlag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', value);
  return value;
}

/** @internal */
export function asUnsignedSetting(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 2 ** 31 - 1) {
    throw wrongType(name, 'an integer from 0 to 2147483647', value);
  }
  return value;
}

/** An integer that the trace extension sends as a string. @internal */
export function asIntegerText(value: unknown, name: string, least: number, most: number): number {
  const text = typeof value === 'number' ? String(value) : asText(value, name);
  if (!/^[+-]?\d+$/.test(text)) {
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `Unable to parse '${name}', got: ${text}`,
      'Send an integer as a string, for example "100".',
    );
  }
  const number = Number(text);
  if (number < least || number > most) {
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `Unable to parse '${name}', value is out of range [ ${least}, ${most} ], got: ${text}`,
      'Send a number in that range.',
    );
  }
  return number;
}

/** A client that wants to choose a file. @internal */
export function unsupportedFile(kind: 'log' | 'trace'): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST_UNSUPPORTED',
    `${kind} file location can not be updated through network protocol`,
    'Who starts the server chooses the file.',
  );
}
