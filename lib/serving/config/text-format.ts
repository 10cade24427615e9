// Text format: reads config.pbtxt, which is protobuf's text format of ModelConfig.

import { ServingError } from '../../errors.js';
import {
  type FieldShape,
  type MessageObject,
  type MessageShape,
  configShape,
  emptyMessage,
  entryFields,
  zeroOf,
} from './fields.js';
import type { ModelConfig } from './model-config.js';
import { Lexer, quoted } from './text-lexer.js';
import { nearName, readScalar } from './text-values.js';

export { formatModelConfig } from './text-writer.js';

/** Longest config that is read, in characters: far beyond any real one. @internal */
export const maxConfigLength = 4 * 2 ** 20;

/**
 * Reads the text of a config.pbtxt as Triton does: unknown fields and enum values are an error, and so is a field that is given twice.
 * 64-bit numbers beyond 2^53 - 1 are refused.
 *
 * @param text - Without what encodes it; a byte order mark is skipped.
 * @param file - How messages name it; line and column, both from 1, follow.
 * @throws {@link ServingError} ERR_TRT_MODEL_CONFIG
 */
export function parseModelConfig(text: string, file: string): ModelConfig {
  if (text.length > maxConfigLength) {
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `${file}: ${text.length} characters are too many for a model configuration, at most ${maxConfigLength} are read`,
      'Make it smaller; large data belongs into files of its own.',
    );
  }
  const reader = new Reader(new Lexer(text, file));
  return reader.message(configShape(), undefined) as unknown as ModelConfig;
}

class Reader {
  readonly #lexer: Lexer;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
  }

  /** Fields up to `close`, which is taken; undefined: up to the end. Its depth is the schema's, as unknown fields end it. */
  message(shape: MessageShape, close: string | undefined): MessageObject {
    const lexer = this.#lexer;
    const message = emptyMessage(shape);
    // Where each was given, to tell what was given twice.
    const given = new Map<string, string>();
    for (;;) {
      const token = lexer.peek();
      if (token.kind === 'end' && close === undefined) return message;
      if (close !== undefined && lexer.tryTake(close)) return message;
      this.#field(shape, message, given, close);
      // One separator is allowed after each field, as in protobuf.
      if (!lexer.tryTake(',')) lexer.tryTake(';');
    }
  }

  #field(
    shape: MessageShape,
    message: MessageObject,
    given: Map<string, string>,
    close: string | undefined,
  ): void {
    const lexer = this.#lexer;
    const { at } = lexer.peek();
    const field = this.#fieldName(shape, close);
    if (field.label === 'single') this.#checkOnce(shape, field, given, at);
    const value = lexer.peek();
    if (!lexer.tryTake(':') && field.kind !== 'message') {
      throw lexer.error(
        value.at,
        `expected ":" after "${field.name}"`,
        `Write \`${field.name}: value\`.`,
      );
    }
    if (field.label !== 'single' && lexer.tryTake('[')) {
      this.#list(field, message);
      return;
    }
    this.#store(field, message, this.#value(field));
  }

  #fieldName(shape: MessageShape, close: string | undefined): FieldShape {
    const lexer = this.#lexer;
    const token = lexer.take();
    if (token.kind === 'symbol' && token.text === '[') {
      throw lexer.error(
        token.at,
        'extensions and google.protobuf.Any ("[…]") are not part of a model configuration',
        'Remove it.',
      );
    }
    if (token.kind !== 'word') {
      const got = token.kind === 'end' ? 'the end of the file' : quoted(token.text);
      const closing = close === undefined ? '' : ` or "${close}"`;
      throw lexer.error(
        token.at,
        `expected the name of a field of ${shape.name}${closing}, got ${got}`,
        `Write \`name: value\` or \`name { … }\`${close === undefined ? '' : `, or close the message with "${close}"`}.`,
      );
    }
    const field = shape.fields.get(token.text);
    if (field !== undefined) return field;
    const known = [...shape.fields.keys()];
    throw lexer.error(
      token.at,
      `message type "${shape.name}" has no field named ${quoted(token.text)}${nearName(token.text, known)}`,
      `Its fields are ${known.join(', ')}.`,
    );
  }

  #checkOnce(shape: MessageShape, field: FieldShape, given: Map<string, string>, at: number) {
    const key = field.oneof ?? field.name;
    const before = given.get(key);
    given.set(key, field.name);
    if (before === undefined) return;
    throw this.#lexer.error(
      at,
      before === field.name
        ? `non-repeated field "${field.name}" of ${shape.name} is specified multiple times`
        : `field "${field.name}" is specified along with field "${before}", another member of oneof "${key}"`,
      before === field.name ? 'Give it once.' : 'Give one of the two.',
    );
  }

  #list(field: FieldShape, message: MessageObject): void {
    const lexer = this.#lexer;
    if (lexer.tryTake(']')) return;
    for (;;) {
      this.#store(field, message, this.#value(field));
      if (lexer.tryTake(']')) return;
      const token = lexer.peek();
      if (!lexer.tryTake(',')) {
        const got = token.kind === 'end' ? 'the end of the file' : quoted(token.text);
        throw lexer.error(
          token.at,
          `expected "," or "]" in the list "${field.name}", got ${got}`,
          'Put a comma between the elements, and "]" after the last.',
        );
      }
    }
  }

  #value(field: FieldShape): unknown {
    if (field.message === undefined || field.kind !== 'message') {
      return readScalar(this.#lexer, field);
    }
    const lexer = this.#lexer;
    if (lexer.tryTake('{')) return this.message(field.message, '}');
    if (lexer.tryTake('<')) return this.message(field.message, '>');
    const token = lexer.peek();
    const got = token.kind === 'end' ? 'the end of the file' : quoted(token.text);
    throw lexer.error(
      token.at,
      `expected "{" for "${field.name}", got ${got}`,
      `Write \`${field.name} { … }\`${field.label === 'single' ? '' : ` or \`${field.name} [ { … }, … ]\``}.`,
    );
  }

  #store(field: FieldShape, message: MessageObject, value: unknown): void {
    if (field.label === 'single') message[field.name] = value;
    else if (field.label === 'repeated') (message[field.name] as unknown[]).push(value);
    else putEntry(field, message, value as MessageObject);
  }
}

/** Puts a map's entry; of two with one key the later counts, as in protobuf. */
function putEntry(field: FieldShape, message: MessageObject, entry: MessageObject): void {
  const { value } = entryFields(field);
  const map = message[field.name] as MessageObject;
  const missing = value.message === undefined ? zeroOf(value) : emptyMessage(value.message);
  map[String(entry.key)] = entry.value ?? missing;
}
