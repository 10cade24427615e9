// JSON as Triton reads it (RapidJSON): what JSON.parse reads, integers beyond 2^53 exactly, NaN and Infinity; errors in RapidJSON's words.

import { isAscii, isUtf8 } from 'node:buffer';
import { ServingError } from '../../errors.js';

/** Integers that a number cannot hold are bigints. @internal */
export type JsonValue =
  string | number | bigint | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** @internal */
export type JsonObject = Record<string, JsonValue>;

function jsonError(reason: string, offset: number): ServingError {
  return new ServingError(
    'ERR_TRT_REQUEST',
    `failed to parse the request JSON buffer: ${reason} at ${offset}`,
    'Send a JSON text (RFC 8259) in UTF-8.',
  );
}

/** Deeper than any tensor, and far from the end of the stack, which walks through nested values go down. */
const maxDepth = 100;
const literals: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['Inf', Infinity],
  ['-Infinity', -Infinity],
  ['-Inf', -Infinity],
];
const numberPattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** An integer that a number may not hold. */
const longInteger = /(?<![.\d])\d{16,}(?![.\deE])/;

/** Reads one text; slower than JSON.parse. */
class ExactParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    this.#skip();
    if (this.#at === this.#text.length) throw jsonError('The document is empty.', this.#at);
    const value = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) {
      throw jsonError('The document root must not be followed by other values.', this.#at);
    }
    return value;
  }

  #skip(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  #value(depth: number): JsonValue {
    if (depth > maxDepth) throw jsonError('Nested too deeply.', this.#at);
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [text, value] of literals) {
      if (this.#text.startsWith(text, this.#at)) {
        this.#at += text.length;
        return value;
      }
    }
    return this.#number();
  }

  #number(): number | bigint {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) throw jsonError('Invalid value.', this.#at);
    const [text, fraction, exponent] = match;
    const start = this.#at;
    this.#at += text.length;
    const value = Number(text);
    if (!Number.isFinite(value)) throw jsonError('Number too big to be stored in double.', start);
    const isInteger = fraction === undefined && exponent === undefined;
    // An integer of more than 20 digits is a double for RapidJSON as well.
    if (!isInteger || Number.isSafeInteger(value) || text.length > 20) return value;
    return BigInt(text);
  }

  #string(): string {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x5c) at++;
      else if (code === 0x22) {
        this.#at = at + 1;
        try {
          return JSON.parse(this.#text.slice(start, at + 1)) as string;
        } catch {
          throw jsonError('Invalid escape character in string.', start);
        }
      }
    }
    throw jsonError('Missing a closing quotation mark in string.', start);
  }

  #array(depth: number): JsonValue[] {
    const values: JsonValue[] = [];
    this.#at++;
    this.#skip();
    if (this.#take(']')) return values;
    for (;;) {
      values.push(this.#value(depth + 1));
      this.#skip();
      if (this.#take(']')) return values;
      if (!this.#take(',')) {
        throw jsonError('Missing a comma or ] after an array element.', this.#at);
      }
      this.#skip();
    }
  }

  #object(depth: number): JsonObject {
    const object = Object.create(null) as JsonObject;
    this.#at++;
    this.#skip();
    if (this.#take('}')) return object;
    for (;;) {
      if (this.#text[this.#at] !== '"') {
        throw jsonError('Missing a name for object member.', this.#at);
      }
      const name = this.#string();
      this.#skip();
      if (!this.#take(':')) {
        throw jsonError('Missing a colon after a name of object member.', this.#at);
      }
      this.#skip();
      object[name] = this.#value(depth + 1);
      this.#skip();
      if (this.#take('}')) return object;
      if (!this.#take(',')) {
        throw jsonError('Missing a comma or } after an object member.', this.#at);
      }
      this.#skip();
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}

/** Whether so many values are opened that they can nest too deeply. Flat data has a few: native searches are done in no time. */
function opensMany(bytes: Buffer): boolean {
  let count = 0;
  for (const opening of [0x5b, 0x7b]) {
    for (let at = bytes.indexOf(opening); at !== -1; at = bytes.indexOf(opening, at + 1)) {
      if (++count > maxDepth) return true;
    }
  }
  return false;
}

/** Refuses what nests so deeply that JSON.parse would make millions of small arrays of it. */
function checkDepth(bytes: Buffer): void {
  if (!opensMany(bytes)) return;
  let depth = 0;
  for (let at = 0, inString = false; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x22) inString = !inString;
    else if (inString) {
      if (byte === 0x5c) at++;
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth) throw jsonError('Nested too deeply.', at);
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
}

/** Whether a number may be another integer than the text says: beyond 2^53 digits are rounded. */
const isRounded = (value: number): boolean =>
  Math.abs(value) > Number.MAX_SAFE_INTEGER && Number.isInteger(value);

function hasRounded(value: JsonValue): boolean {
  if (typeof value === 'number') return isRounded(value);
  if (typeof value !== 'object' || value === null) return false;
  for (const element of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof element === 'number' ? isRounded(element) : hasRounded(element)) return true;
  }
  return false;
}

/**
 * Parses the JSON text in `bytes`. What is looked for besides is looked for in native code or in the numbers: a pass over the text takes as long as JSON.parse.
 *
 * @throws ERR_TRT_REQUEST in Triton's words @internal
 */
export function parseJson(bytes: Buffer): JsonValue {
  checkDepth(bytes);
  const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
  // A broken sequence is decoded as U+FFFD; texts without one need no further look.
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw jsonError('Invalid encoding in string.', 0);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // NaN and Infinity, or an error with its place.
    return new ExactParser(text).parse();
  }
  // Real numbers are as large, too: 3.4e38 in a mask is no reason to read the text again.
  return hasRounded(value) && longInteger.test(text) ? new ExactParser(text).parse() : value;
}

/** {@link parseJson}, where an object is expected; an empty body is one without members. @internal */
export function parseJsonObject(bytes: Buffer): JsonObject {
  if (bytes.length === 0) return {};
  const value = parseJson(bytes);
  if (isObject(value)) return value;
  throw new ServingError(
    'ERR_TRT_REQUEST',
    'attempt to access JSON non-object as object',
    'Send a JSON object.',
  );
}

/** @internal */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
