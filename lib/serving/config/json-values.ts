// Values of protobuf's JSON: what a JSON value means for a field of a given kind.

import { type FieldShape, type IntegerKind, integerRanges } from './fields.js';
import type { Fail } from './json.js';
import { quoted } from './text-lexer.js';
import { nearName, rangeText } from './text-values.js';

const floatWords: Readonly<Record<string, number>> = {
  NaN,
  Infinity,
  '-Infinity': -Infinity,
};

/** Reads one scalar or enum value. @internal */
export function readJsonScalar(field: FieldShape, value: unknown, at: string, fail: Fail): unknown {
  const expected = (what: string) =>
    fail(at, `expected ${what}, got ${quoted(JSON.stringify(value))}`, `Give ${what}.`);
  switch (field.kind) {
    case 'string':
      if (typeof value !== 'string') throw expected('a string');
      if (/\p{Surrogate}/u.test(value)) throw expected('a string of whole characters');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw expected('true or false');
      return value;
    case 'enum':
      return readEnum(field, value, at, fail);
    case 'float':
    case 'double': {
      const number = floatOf(value);
      if (number === undefined) throw expected('a number, "NaN", "Infinity" or "-Infinity"');
      return number;
    }
    case 'message':
      throw new TypeError(`${field.name} is a message`);
    default:
      return readInteger(field.kind, value, at, fail);
  }
}

function floatOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  if (/^-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,3})?$/.test(value)) {
    return Number(value);
  }
  return Object.hasOwn(floatWords, value) ? floatWords[value] : undefined;
}

function readInteger(kind: IntegerKind, value: unknown, at: string, fail: Fail): number {
  const [min, max] = integerRanges[kind];
  const isText = typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value);
  const integer = isText ? BigInt(value) : undefined;
  if (integer !== undefined && integer >= min && integer <= max) return Number(integer);
  // Above 2^53 JSON.parse has rounded already; the range ends there.
  if (typeof value === 'number' && value >= Number(min) && value <= Number(max)) {
    // Adding 0 makes -0 a 0.
    if (Number.isInteger(value)) return value + 0;
  }
  throw fail(
    at,
    `expected ${rangeText(kind)}, got ${quoted(JSON.stringify(value))}`,
    `Give an integer between ${min} and ${max}.`,
  );
}

/** By number, or by name in any case, as tritonserver reads them. */
function readEnum(field: FieldShape, value: unknown, at: string, fail: Fail): string {
  const values = field.values ?? new Map<string, number>();
  const upper = typeof value === 'string' && value.length < 100 ? value.toUpperCase() : undefined;
  for (const [name, number] of values) {
    if (value === number || upper === name) return name;
  }
  const known = [...values.keys()];
  const near = typeof value === 'string' ? nearName(value, known) : '';
  throw fail(
    at,
    `unknown enumeration value ${quoted(JSON.stringify(value))} for "${field.name}"${near}`,
    `Use one of ${known.join(', ')}.`,
  );
}
