// Values of protobuf's text format: what a token means for a field of a given kind.

import { nearest } from '../../validate.js';
import { type FieldShape, type IntegerKind, integerRanges } from './fields.js';
import { type Lexer, type Token, quoted } from './text-lexer.js';

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
};

const floatWords: Readonly<Record<string, number>> = {
  inf: Infinity,
  infinity: Infinity,
  nan: NaN,
};

/** Reads one scalar or enum value. @internal */
export function readScalar(lexer: Lexer, field: FieldShape): unknown {
  switch (field.kind) {
    case 'string':
      return readString(lexer, field);
    case 'bool':
      return readBool(lexer, field);
    case 'enum':
      return readEnum(lexer, field);
    case 'float':
    case 'double':
      return readFloat(lexer, field);
    case 'message':
      throw new TypeError(`${field.name} is a message`);
    default:
      return readInteger(lexer, field, field.kind);
  }
}

function unexpected(lexer: Lexer, token: Token, field: FieldShape, expected: string) {
  const got = token.kind === 'end' ? 'the end of the file' : quoted(token.text);
  return lexer.error(
    token.at,
    `expected ${expected} for "${field.name}", got ${got}`,
    `Give "${field.name}" ${expected}.`,
  );
}

/** The digits of an integer, with its sign; undefined where there are too many to be in any range. */
function integerValue(text: string): bigint | undefined {
  if (text.length > 40) return undefined;
  if (/^0[0-9]/.test(text)) return /^[0-7]+$/.test(text) ? BigInt(`0o${text}`) : undefined;
  return BigInt(text);
}

function readInteger(lexer: Lexer, field: FieldShape, kind: IntegerKind): number {
  const sign = lexer.peek();
  const negative = lexer.tryTake('-');
  const token = lexer.take();
  if (token.kind !== 'integer') throw unexpected(lexer, token, field, 'an integer');
  const digits = integerValue(token.text);
  const [min, max] = integerRanges[kind];
  const value = digits === undefined ? undefined : negative ? -digits : digits;
  if (value === undefined || value < min || value > max) {
    throw lexer.error(
      negative ? sign.at : token.at,
      `${negative ? '-' : ''}${token.text.slice(0, 40)} is out of range for "${field.name}": ${rangeText(kind)}`,
      `Give a value between ${min} and ${max}.`,
    );
  }
  return Number(value);
}

/** @internal */
export function rangeText(kind: IntegerKind): string {
  const [min, max] = integerRanges[kind];
  const exact = kind.endsWith('64') ? ', as far as JavaScript numbers are exact' : '';
  return `an integer (${kind}) between ${min} and ${max}${exact}`;
}

function readFloat(lexer: Lexer, field: FieldShape): number {
  const negative = lexer.tryTake('-');
  const token = lexer.take();
  const value = floatValue(token);
  if (value === undefined) throw unexpected(lexer, token, field, 'a decimal number, inf or nan');
  return negative ? -value : value;
}

function floatValue(token: Token): number | undefined {
  if (token.kind === 'float') return Number(token.text.replace(/[fF]$/, ''));
  // As protobuf: an octal or hexadecimal number is no float.
  if (token.kind === 'integer') {
    return /^(?:0|[1-9][0-9]*)$/.test(token.text) ? Number(token.text) : undefined;
  }
  return token.kind === 'word' ? floatWords[token.text.toLowerCase()] : undefined;
}

function readBool(lexer: Lexer, field: FieldShape): boolean {
  const token = lexer.take();
  const { kind, text } = token;
  if (kind === 'word' && /^(?:true|True|t)$/.test(text)) return true;
  if (kind === 'word' && /^(?:false|False|f)$/.test(text)) return false;
  if (kind === 'integer') {
    const value = integerValue(text);
    if (value === 0n || value === 1n) return value === 1n;
  }
  throw unexpected(lexer, token, field, 'true or false');
}

function readEnum(lexer: Lexer, field: FieldShape): string {
  const values = field.values ?? new Map<string, number>();
  const sign = lexer.peek();
  const negative = lexer.tryTake('-');
  const token = lexer.take();
  if (token.kind === 'word' && !negative) {
    if (values.has(token.text)) return token.text;
  } else if (token.kind === 'integer') {
    const number = integerValue(token.text);
    for (const [name, value] of values) {
      if (!negative && number === BigInt(value)) return name;
    }
  } else {
    throw unexpected(lexer, token, field, `one of ${[...values.keys()].join(', ')}`);
  }
  const near = nearName(token.text, [...values.keys()]);
  throw lexer.error(
    sign.at,
    `unknown enumeration value ${quoted(`${negative ? '-' : ''}${token.text}`)} for "${field.name}"${near}`,
    `Use one of ${[...values.keys()].join(', ')}.`,
  );
}

/** `, did you mean …?` where a name is near enough. @internal */
export function nearName(name: string, known: readonly string[]): string {
  // What is this long was not mistyped, and comparing takes time.
  const near = name.length > 100 ? undefined : nearest(name, known);
  return near === undefined ? '' : `; did you mean ${quoted(near)}?`;
}

function readString(lexer: Lexer, field: FieldShape): string {
  const first = lexer.peek();
  if (first.kind !== 'string') throw unexpected(lexer, lexer.take(), field, 'a quoted string');
  const parts: string[] = [];
  while (lexer.peek().kind === 'string') parts.push(unescape(lexer, lexer.take()));
  // Escapes write bytes: what they make together, over all parts, must be UTF-8.
  const bytes = Buffer.from(parts.join(''), 'latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw lexer.error(
      first.at,
      `the string for "${field.name}" is not UTF-8`,
      `Correct the escapes in it (${error instanceof Error ? error.message : ''}).`,
    );
  }
}

/** The bytes that a literal stands for, a character each. */
function unescape(lexer: Lexer, token: Token): string {
  const text = token.text.slice(1, -1);
  const out: string[] = [];
  const escape =
    /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|([^\\]+)/gsu;
  let high = '';
  for (const part of text.matchAll(escape)) {
    const [whole, octal, hex, short, long, simple, plain] = part;
    const at = token.at + 1 + part.index;
    const unicode = short ?? long;
    if (high !== '' && !/^[dD][c-fC-F]/.test(short ?? '')) throw badEscape(lexer, at, high);
    if (plain !== undefined) {
      if (/\p{Surrogate}/u.test(plain)) throw badEscape(lexer, at, plain);
      out.push(Buffer.from(plain, 'utf8').toString('latin1'));
    } else if (unicode !== undefined) {
      const code = Number.parseInt(unicode, 16);
      if (high === '' && /^[dD][89abAB]/.test(short ?? '')) {
        high = whole;
        continue;
      }
      const point =
        high === ''
          ? code
          : 0x10000 + ((Number.parseInt(high.slice(2), 16) - 0xd800) << 10) + (code - 0xdc00);
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        throw badEscape(lexer, at, whole);
      }
      out.push(Buffer.from(String.fromCodePoint(point), 'utf8').toString('latin1'));
      high = '';
    } else {
      const byte =
        octal !== undefined
          ? Number.parseInt(octal, 8)
          : hex !== undefined
            ? Number.parseInt(hex, 16)
            : simpleEscapes[simple ?? '']?.charCodeAt(0);
      if (byte === undefined || byte > 0xff) throw badEscape(lexer, at, whole);
      out.push(String.fromCharCode(byte));
    }
  }
  if (high !== '') throw badEscape(lexer, token.at, high);
  return out.join('');
}

function badEscape(lexer: Lexer, at: number, escape: string) {
  return lexer.error(
    at,
    `invalid escape or half a character in a string: ${quoted(escape)}`,
    'Use \\n, \\t, \\", \\\\, \\ooo, \\xhh, \\uhhhh or \\Uhhhhhhhh, each of a whole character.',
  );
}
