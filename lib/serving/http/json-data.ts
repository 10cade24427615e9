// Tensors as JSON arrays: the `data` of an input, nested or flat, to a typed array, and an output's elements to JSON.

import { isUtf8 } from 'node:buffer';
import { type Datatype, type NumericArray, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import { badRequest } from './json-access.js';
import type { JsonValue } from './json-parser.js';

const mismatch = "Unable to parse 'data': Shape does not match true shape of 'data' field";

type Convert = (value: JsonValue) => number | bigint;

function integers(unsigned: boolean, bits: number): Convert {
  const words = unsigned ? 'unsigned-integer' : 'signed-integer';
  const least = unsigned ? 0 : -(2 ** (bits - 1));
  const most = 2 ** (unsigned ? bits : bits - 1) - 1;
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || (unsigned && value < 0)) {
      throw badRequest(
        `Unable to parse 'data': attempt to access JSON non-${words} as ${words}`,
        'Give numbers that the datatype holds.',
      );
    }
    if (value < least || value > most) throw outOfRange(value, least, most);
    return value;
  };
}

function wideIntegers(unsigned: boolean): Convert {
  const words = unsigned ? 'unsigned-integer' : 'signed-integer';
  const least = unsigned ? 0n : -(1n << 63n);
  const most = unsigned ? (1n << 64n) - 1n : (1n << 63n) - 1n;
  return (value) => {
    const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value);
    if (!isInteger || (unsigned && (value as number) < 0)) {
      throw badRequest(
        `Unable to parse 'data': attempt to access JSON non-${words} as ${words}`,
        'Give numbers that the datatype holds.',
      );
    }
    const wide = BigInt(value as number | bigint);
    if (wide < least || wide > most) throw outOfRange(wide, least, most);
    return wide;
  };
}

function outOfRange(value: number | bigint, least: number | bigint, most: number | bigint) {
  return badRequest(
    `Unable to parse 'data': expected values from ${least} to ${most}, got ${value}`,
    'Give numbers that the datatype holds.',
  );
}

const real: Convert = (value) => {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw badRequest("Unable to parse 'data': attempt to access JSON non-number as double");
};

const truth: Convert = (value) => {
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw badRequest("Unable to parse 'data': attempt to access JSON non-boolean as boolean");
};

const conversions: Readonly<Record<Exclude<Datatype, 'BYTES' | 'FP16' | 'BF16'>, Convert>> = {
  BOOL: truth,
  UINT8: integers(true, 8),
  UINT16: integers(true, 16),
  UINT32: integers(true, 32),
  UINT64: wideIntegers(true),
  INT8: integers(false, 8),
  INT16: integers(false, 16),
  INT32: integers(false, 32),
  INT64: wideIntegers(false),
  FP32: real,
  FP64: real,
};

function countElements(data: readonly JsonValue[]): number {
  let count = 0;
  for (const value of data) count += Array.isArray(value) ? countElements(value) : 1;
  return count;
}

/** Calls `each` with the elements of nested arrays, in order. Nesting is bounded by the parser. */
function forEachElement(data: readonly JsonValue[], each: (value: JsonValue) => void): void {
  for (const value of data) {
    if (Array.isArray(value)) forEachElement(value, each);
    else each(value);
  }
}

/**
 * The tensor of an input's `data`.
 *
 * @param count - Elements that the shape says.
 * @throws ERR_TRT_REQUEST in Triton's words: a wrong number or type of elements, FP16 and BF16 @internal
 */
export function tensorFromJson(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  count: number,
  data: readonly JsonValue[],
): InferTensor {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw badRequest(
      `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  }
  if (datatype === 'BYTES') return bytesFromJson(shape, count, data);
  // Counted first: a shape of 2^40 elements must not allocate that much.
  if (countElements(data) !== count) throw badRequest(mismatch);
  const convert = conversions[datatype];
  const { array: ArrayType } = datatypeTable[datatype];
  const values = new (ArrayType as NonNullable<typeof ArrayType>)(count) as Record<
    number,
    number | bigint
  >;
  let index = 0;
  forEachElement(data, (value) => {
    values[index++] = convert(value);
  });
  return new InferTensor(datatype, values as unknown as NumericArray, shape);
}

function bytesFromJson(
  shape: readonly number[],
  count: number,
  data: readonly JsonValue[],
): InferTensor {
  const strings: Uint8Array[] = [];
  forEachElement(data, (value) => {
    if (typeof value !== 'string') {
      throw badRequest(
        'Unable to parse JSON bytes array: attempt to access JSON non-string as string',
      );
    }
    strings.push(Buffer.from(value, 'utf8'));
  });
  if (strings.length !== count) throw badRequest(mismatch);
  return new InferTensor('BYTES', strings, shape);
}

/**
 * The elements of an output as a flat JSON array. What JSON lacks is written as RapidJSON does: NaN, Infinity, -Infinity.
 *
 * @param tensor - On the host.
 * @throws ERR_TRT_REQUEST in Triton's words for FP16 and BF16, and for BYTES that are not UTF-8 @internal
 */
export function tensorToJson(name: string, tensor: InferTensor): string {
  const { datatype, data } = tensor;
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw badRequest(
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`,
      `Ask for '${name}' with the parameter "binary_data": true.`,
    );
  }
  if (datatype === 'BYTES') {
    return `[${(data as readonly Uint8Array[]).map((bytes) => textOf(name, bytes)).join(',')}]`;
  }
  if (datatype === 'BOOL') {
    return `[${Array.from(data as Uint8Array, (value) => (value === 0 ? 'false' : 'true')).join(',')}]`;
  }
  return `[${(data as Float32Array).join(',')}]`;
}

function textOf(name: string, bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    throw badRequest(
      `output '${name}' has bytes that are not UTF-8, which JSON cannot carry`,
      `Ask for '${name}' with the parameter "binary_data": true.`,
    );
  }
  return JSON.stringify(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}
