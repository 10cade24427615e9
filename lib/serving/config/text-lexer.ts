// Lexer of protobuf's text format: words, numbers, strings and punctuation, each with its place.

import { ServingError } from '../../errors.js';

export interface Token {
  readonly kind: 'word' | 'integer' | 'float' | 'string' | 'symbol' | 'end';
  /** As written; of a string, with its quotes. */
  readonly text: string;
  /** Index of its first character. */
  readonly at: number;
}

const space = /[ \t\r\n\v\f]+/y;
const comment = /#[^\n]*/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const float =
  /(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?|[0-9]+[eE][+-]?[0-9]+[fF]?|[0-9]+[fF]/y;
const integer = /0[xX][0-9a-fA-F]+|[0-9]+/y;
const symbols = '{}<>[]:,;-';

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** `text` made short and printable, to be named in a message. @internal */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** @internal */
export class Lexer {
  readonly #text: string;
  readonly #file: string;
  #at: number;
  #next: Token | undefined;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    // A byte order mark.
    this.#at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  peek(): Token {
    this.#next ??= this.#read();
    return this.#next;
  }

  take(): Token {
    const token = this.peek();
    this.#next = undefined;
    return token;
  }

  /** Takes the next token if it is this symbol. */
  tryTake(symbol: string): boolean {
    const token = this.peek();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.take();
    return true;
  }

  /** An error at a place of the text, with the file, line and column before it. */
  error(at: number, reason: string, hint: string): ServingError {
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    const lineStart = before.lastIndexOf('\n') + 1;
    const bom = lineStart === 0 && before.charCodeAt(0) === 0xfeff ? 1 : 0;
    const column = at - lineStart - bom + 1;
    return new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `${this.#file}:${line}:${column}: ${reason}`,
      hint,
    );
  }

  #read(): Token {
    const text = this.#text;
    let skipped: string | undefined;
    do {
      skipped = match(space, text, this.#at) ?? match(comment, text, this.#at);
      this.#at += skipped?.length ?? 0;
    } while (skipped !== undefined);
    const at = this.#at;
    if (at >= text.length) return { kind: 'end', text: '', at };
    const token = this.#tokenAt(at);
    this.#at += token.text.length;
    return token;
  }

  #tokenAt(at: number): Token {
    const text = this.#text;
    const name = match(word, text, at);
    if (name !== undefined) return { kind: 'word', text: name, at };
    const number = match(float, text, at);
    // 0x1f is no float, though it begins with one's digits.
    const whole = match(integer, text, at);
    if (number !== undefined && number.length > (whole?.length ?? 0)) {
      return this.#number('float', number, at);
    }
    if (whole !== undefined) return this.#number('integer', whole, at);
    const symbol = text.charAt(at);
    if (symbol === '"' || symbol === "'") return this.#string(symbol, at);
    if (!symbols.includes(symbol)) {
      throw this.error(
        at,
        `unexpected character ${quoted(String.fromCodePoint(text.codePointAt(at) ?? 0))}`,
        'Write `name: value` or `name { … }`; comments begin with #.',
      );
    }
    return { kind: 'symbol', text: symbol, at };
  }

  #number(kind: 'integer' | 'float', text: string, at: number): Token {
    const after = this.#text.charAt(at + text.length);
    if (/[A-Za-z0-9_.]/.test(after)) {
      throw this.error(
        at,
        `${quoted(text + after)} is no number`,
        'Write a decimal number, or 0x and hexadecimal digits, and a space before what follows.',
      );
    }
    return { kind, text, at };
  }

  /** A string literal; the escapes in it are the reader's business. */
  #string(quote: string, at: number): Token {
    const text = this.#text;
    for (let i = at + 1; i < text.length; i++) {
      const character = text.charAt(i);
      if (character === quote) return { kind: 'string', text: text.slice(at, i + 1), at };
      if (character === '\n') break;
      if (character === '\\') i++;
    }
    throw this.error(
      at,
      `the string ${quoted(text.slice(at).split('\n', 1).join(''))} has no closing quote`,
      'Close it on the same line; strings that follow each other are joined.',
    );
  }
}
