// Members of a request's JSON, with Triton's words for what is missing or of the wrong type.

import { ServingError } from '../../errors.js';
import { type JsonObject, type JsonValue, isObject } from './json-parser.js';

/** An ERR_TRT_REQUEST. @internal */
export function badRequest(reason: string, hint = 'Change the request as the message says.') {
  return new ServingError('ERR_TRT_REQUEST', reason, hint);
}

const wrong = {
  string: 'attempt to access JSON non-string as string',
  boolean: 'attempt to access JSON non-boolean as boolean',
  unsigned: 'attempt to access JSON non-unsigned-integer as unsigned-integer',
  array: 'attempt to access JSON non-array as array',
  object: 'attempt to access JSON non-object as object',
} as const;

function refuse(name: string, type: keyof typeof wrong): ServingError {
  return badRequest(`Unable to parse '${name}': ${wrong[type]}`);
}

/** Own members only: `__proto__` and the like are names as any other. @internal */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function required(object: JsonObject, name: string): JsonValue {
  const value = member(object, name);
  if (value !== undefined) return value;
  throw badRequest(
    `Unable to parse '${name}': attempt to access non-existing object member '${name}'`,
  );
}

/** @internal */
export function stringMember(object: JsonObject, name: string): string {
  const value = required(object, name);
  if (typeof value !== 'string') throw refuse(name, 'string');
  return value;
}

/** @internal */
export function arrayMember(object: JsonObject, name: string): JsonValue[] {
  const value = required(object, name);
  if (!Array.isArray(value)) throw refuse(name, 'array');
  return value;
}

/** undefined where it is not there. @internal */
export function objectMember(object: JsonObject, name: string): JsonObject | undefined {
  const value = member(object, name);
  if (value === undefined) return undefined;
  if (!isObject(value)) throw refuse(name, 'object');
  return value;
}

/** @internal */
export function asBoolean(value: JsonValue, name: string): boolean {
  if (typeof value !== 'boolean') throw refuse(name, 'boolean');
  return value;
}

/** A size, an offset, a dimension: an integer from 0 to 2^53-1. @internal */
export function asUnsigned(value: JsonValue | undefined, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw refuse(name, 'unsigned');
  }
  return value;
}

/** @internal */
export function asObject(value: JsonValue | undefined, name: string): JsonObject {
  if (!isObject(value)) throw refuse(name, 'object');
  return value;
}
