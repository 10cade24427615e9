// JSON of configs: reads what a load request hands over, and writes what GET …/config answers.

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
import { readJsonScalar } from './json-values.js';
import type { ModelConfig } from './model-config.js';
import { maxConfigLength } from './text-format.js';
import { nearName } from './text-values.js';
import { quoted } from './text-lexer.js';

/**
 * Reads a config in protobuf's JSON: names in snake_case or camelCase, enums by name or number, integers as numbers or strings, null for
 * what is not said. Unknown names are an error.
 *
 * @param text - The JSON.
 * @param where - How messages name it, for example "the load request of resnet50".
 * @throws {@link ServingError} ERR_TRT_MODEL_CONFIG
 */
export function modelConfigFromJson(text: string, where: string): ModelConfig {
  const fail: Fail = (at, reason, hint) =>
    new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `${where}: ${at === '' ? '' : `${at}: `}${reason}`,
      hint,
    );
  if (text.length > maxConfigLength) {
    throw fail(
      '',
      `${text.length} characters are too many for a model configuration, at most ${maxConfigLength} are read`,
      'Make it smaller.',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fail('', `failed to parse the JSON: ${reason}`, 'Give a JSON object of a ModelConfig.');
  }
  return readMessage(configShape(), value, '', fail) as unknown as ModelConfig;
}

/** Makes the error for the value at a place such as `input[0].dims[1]`. @internal */
export type Fail = (at: string, reason: string, hint: string) => ServingError;

function readMessage(shape: MessageShape, value: unknown, at: string, fail: Fail): MessageObject {
  const message = emptyMessage(shape);
  const given = new Map<string, string>();
  for (const [key, item] of Object.entries(objectOf(shape.name, value, at, fail))) {
    const field = findField(shape, key, at, fail);
    const path = at === '' ? key : `${at}.${key}`;
    if (item === null) continue;
    const choice = field.oneof ?? field.name;
    const before = given.get(choice);
    if (before !== undefined) {
      throw fail(
        path,
        `"${key}" is given along with "${before}"`,
        field.oneof === undefined ? 'Give one spelling of it.' : 'Give one of the two.',
      );
    }
    given.set(choice, key);
    message[field.name] = readField(field, item, path, fail);
  }
  return message;
}

function objectOf(name: string, value: unknown, at: string, fail: Fail): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw fail(
    at,
    `expected an object for ${name}, got ${quoted(JSON.stringify(value))}`,
    'Give a JSON object.',
  );
}

function findField(shape: MessageShape, key: string, at: string, fail: Fail): FieldShape {
  const exact = shape.fields.get(key);
  if (exact !== undefined) return exact;
  for (const field of shape.fields.values()) if (field.jsonName === key) return field;
  const known = [...shape.fields.keys()];
  throw fail(
    at,
    `message type "${shape.name}" has no field named ${quoted(key)}${nearName(key, known)}`,
    `Its fields are ${known.join(', ')}.`,
  );
}

function readField(field: FieldShape, value: unknown, at: string, fail: Fail): unknown {
  if (field.label === 'map') return readMap(field, value, at, fail);
  if (field.label === 'single') return readOne(field, value, at, fail);
  if (!Array.isArray(value)) {
    throw fail(
      at,
      `expected an array, got ${quoted(JSON.stringify(value))}`,
      'Give a JSON array, of one element too.',
    );
  }
  return value.map((item: unknown, index) => readOne(field, item, `${at}[${index}]`, fail));
}

function readMap(field: FieldShape, value: unknown, at: string, fail: Fail): MessageObject {
  const fields = entryFields(field);
  const map = Object.create(null) as MessageObject;
  for (const [key, item] of Object.entries(objectOf(field.name, value, at, fail))) {
    const path = `${at}[${quoted(key)}]`;
    const name = String(readJsonScalar(fields.key, key, path, fail));
    map[name] = readOne(fields.value, item, path, fail);
  }
  return map;
}

function readOne(field: FieldShape, value: unknown, at: string, fail: Fail): unknown {
  return field.message === undefined
    ? readJsonScalar(field, value, at, fail)
    : readMessage(field.message, value, at, fail);
}

/**
 * 64-bit numbers that tritonserver does not turn back from the strings of protobuf's JSON into numbers.
 */
const leftAsStrings = new Set(['Shape.dim', 'InitialState.dims', 'SecondaryDevice.device_id']);

/**
 * What GET v2/models/M/config answers: every field of the schema in its order and in snake_case, zeros, empty lists and empty maps too;
 * messages and members of a oneof only where they are set.
 */
export function modelConfigToJson(config: ModelConfig): Record<string, unknown> {
  return writeMessage(configShape(), config as unknown as MessageObject);
}

function writeMessage(shape: MessageShape, message: MessageObject): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const field of shape.fields.values()) {
    const value = message[field.name];
    if (value === undefined) continue;
    const asString = leftAsStrings.has(`${shape.name}.${field.name}`);
    const write = (item: unknown) => writeValue(field, item, asString);
    json[field.name] =
      field.label === 'map'
        ? writeMap(field, value as MessageObject)
        : field.label === 'repeated'
          ? (value as readonly unknown[]).map(write)
          : write(value);
  }
  return json;
}

function writeMap(field: FieldShape, map: MessageObject): Record<string, unknown> {
  const { value } = entryFields(field);
  const json = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(map)) {
    json[key] = writeValue(value, item ?? zeroOf(value), false);
  }
  return json;
}

function writeValue(field: FieldShape, value: unknown, asString: boolean): unknown {
  if (field.message !== undefined) return writeMessage(field.message, value as MessageObject);
  if (typeof value !== 'number') return value;
  // As protobuf: JSON has no such numbers.
  return asString || !Number.isFinite(value) ? String(value) : value;
}
