// Fields: the messages of the config's schema as the readers and writers of text and JSON need them.

import protobuf from 'protobufjs';
import { messageType } from '../proto/schema.js';

export type IntegerKind = 'int32' | 'uint32' | 'int64' | 'uint64';
export type FieldKind = 'message' | 'enum' | 'string' | 'bool' | 'float' | 'double' | IntegerKind;

/** One field of a message. @internal */
export interface FieldShape {
  readonly name: string;
  /** lowerCamelCase, as protobuf's JSON also takes it. */
  readonly jsonName: string;
  /** Of one value; of a map: 'message', its entry. */
  readonly kind: FieldKind;
  readonly label: 'single' | 'repeated' | 'map';
  /** The oneof that it is a member of. */
  readonly oneof: string | undefined;
  /** Of kind 'message'; a map's has the fields `key` and `value`. */
  readonly message: MessageShape | undefined;
  /** Of kind 'enum': numbers by name, 0 first. */
  readonly values: ReadonlyMap<string, number> | undefined;
}

/** A message: its fields by name, in the order of the schema. */
export interface MessageShape {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldShape>;
}

/** A message's fields as they are in memory. Maps have no prototype, so that no key means anything else. @internal */
export type MessageObject = Record<string, unknown>;

/** What integers of each kind can be; 64-bit ones as far as numbers are exact. @internal */
export const integerRanges: Readonly<Record<IntegerKind, readonly [min: bigint, max: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 53n - 1n), 2n ** 53n - 1n],
  uint64: [0n, 2n ** 53n - 1n],
};

/** @internal */
export function isInteger(kind: FieldKind): kind is IntegerKind {
  return Object.hasOwn(integerRanges, kind);
}

function valueField(name: string, type: string, resolved: protobuf.ReflectionObject | null) {
  return {
    name,
    jsonName: name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    kind: (resolved instanceof protobuf.Enum
      ? 'enum'
      : resolved instanceof protobuf.Type
        ? 'message'
        : type) as FieldKind,
    label: 'single' as const,
    oneof: undefined,
    message: resolved instanceof protobuf.Type ? shapeOf(resolved) : undefined,
    values:
      resolved instanceof protobuf.Enum
        ? new Map(Object.entries(resolved.values).sort(([, a], [, b]) => a - b))
        : undefined,
  };
}

function fieldShape(field: protobuf.Field): FieldShape {
  const value = valueField(field.name, field.type, field.resolvedType);
  if (field instanceof protobuf.MapField) {
    const entry: MessageShape = {
      name: field.name,
      fields: new Map<string, FieldShape>([
        ['key', valueField('key', field.keyType, null)],
        ['value', { ...value, name: 'value', jsonName: 'value' }],
      ]),
    };
    return { ...value, kind: 'message', label: 'map', message: entry, values: undefined };
  }
  return {
    ...value,
    label: field.repeated ? 'repeated' : 'single',
    oneof: field.partOf?.name,
  };
}

const shapes = new Map<protobuf.Type, MessageShape>();

/** The schema has no message that holds itself, so this ends, and so does every reader: nothing nests deeper than the schema. */
function shapeOf(type: protobuf.Type): MessageShape {
  let shape = shapes.get(type);
  if (shape === undefined) {
    const fields = type.fieldsArray.map((field): [string, FieldShape] => [
      field.name,
      fieldShape(field),
    ]);
    shape = { name: type.name, fields: new Map(fields) };
    shapes.set(type, shape);
  }
  return shape;
}

/** ModelConfig's. @internal */
export function configShape(): MessageShape {
  return shapeOf(messageType('inference.ModelConfig'));
}

/** Key and value of a map's entries. @internal */
export function entryFields(field: FieldShape): { key: FieldShape; value: FieldShape } {
  const key = field.message?.fields.get('key');
  const value = field.message?.fields.get('value');
  if (key === undefined || value === undefined) throw new TypeError(`${field.name} is no map`);
  return { key, value };
}

/** What a field is when nothing was said; undefined: it is left out (messages, members of a oneof). @internal */
export function defaultOf(field: FieldShape): unknown {
  if (field.label === 'repeated') return [];
  if (field.label === 'map') return Object.create(null) as MessageObject;
  return field.oneof === undefined ? zeroOf(field) : undefined;
}

/** The value of a single field that is at its zero; undefined for messages. @internal */
export function zeroOf(field: FieldShape): unknown {
  switch (field.kind) {
    case 'message':
      return undefined;
    case 'enum':
      return field.values?.keys().next().value;
    case 'string':
      return '';
    case 'bool':
      return false;
    default:
      return 0;
  }
}

/** A message with nothing said. @internal */
export function emptyMessage(shape: MessageShape): MessageObject {
  const message: MessageObject = {};
  for (const field of shape.fields.values()) {
    const value = defaultOf(field);
    if (value !== undefined) message[field.name] = value;
  }
  return message;
}
