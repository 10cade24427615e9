// From the body of an infer request to an InferRequest: the JSON header, and the binary, shared-memory or JSON data of each input.

import { volume } from '../../validate.js';
import { decodeBytesTensor } from '../bytes-tensor.js';
import { type Datatype, datatypeTable, isDatatype } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import type { InferInput, InferRequest, Parameters } from '../request.js';
import type { Limits } from '../security/limits.js';
import type { SharedMemoryRange, SharedMemoryRegistry } from '../shared-memory/registry.js';
import {
  arrayMember,
  asBoolean,
  asObject,
  asUnsigned,
  badRequest,
  member,
  objectMember,
  stringMember,
} from './json-access.js';
import { tensorFromJson } from './json-data.js';
import { type JsonObject, type JsonValue, parseJsonObject } from './json-parser.js';

/** How one output is to be sent. @internal */
export interface OutputWish {
  readonly binary: boolean;
  /** Above 0: so many classes instead of the output. */
  readonly classes: number;
  readonly range: SharedMemoryRange | undefined;
}

/** @internal */
export interface ParsedRequest {
  readonly request: InferRequest;
  /** Outputs that were not named are sent as binary data. */
  readonly binaryByDefault: boolean;
  readonly wishes: ReadonlyMap<string, OutputWish>;
  /** Parts of shared memory that are to be released in the end. */
  readonly ranges: readonly SharedMemoryRange[];
}

/** What parsing needs to know. @internal */
export interface ParseContext {
  readonly model: string;
  readonly version: string | undefined;
  readonly sharedMemory: SharedMemoryRegistry;
  readonly limits: Limits;
}

/** As long as `-Inference-Header-Content-Length` may be: digits of a safe integer. */
const headerLengthPattern = /^\d{1,15}$/;

/** Bytes of the JSON at the beginning of a body; 0 for a raw binary request. @throws ERR_TRT_REQUEST @internal */
export function jsonLength(header: string | undefined, bodyLength: number): number {
  if (header === undefined) return bodyLength;
  const length = headerLengthPattern.test(header) ? Number(header) : -1;
  if (length >= 0 && length <= bodyLength) return length;
  throw badRequest(
    `inference header size should be in range (0, ${bodyLength}), got: ${header.slice(0, 40)}`,
    'Inference-Header-Content-Length is the number of bytes of the JSON; the binary data follow it.',
  );
}

/** The binary data of inputs, one after the other. */
class BinaryParts {
  readonly #bytes: Buffer;
  readonly #model: string;
  #at = 0;

  constructor(bytes: Buffer, model: string) {
    this.#bytes = bytes;
    this.#model = model;
  }

  take(size: number, input: string): Buffer {
    const missing = size - (this.#bytes.length - this.#at);
    if (missing > 0) {
      throw badRequest(
        `unexpected size for input '${input}', expecting ${missing} additional bytes for model '${this.#model}'`,
        'Send as many bytes as the binary_data_size of the inputs together.',
      );
    }
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return part;
  }

  checkEnd(): void {
    if (this.#at === this.#bytes.length) return;
    throw badRequest(
      `unexpected additional input data for model '${this.#model}'`,
      'Send as many bytes as the binary_data_size of the inputs together.',
    );
  }
}

function parseShape(input: JsonObject): number[] {
  const dimensions = arrayMember(input, 'shape');
  if (dimensions.length > 64) throw badRequest("Unable to parse 'shape': too many dimensions");
  const shape = dimensions.map((each) => asUnsigned(each, 'shape'));
  if (!Number.isSafeInteger(volume(shape))) {
    throw badRequest(
      `Unable to parse 'shape': [${shape.join(',')}] has too many elements`,
      'No memory holds such a tensor.',
    );
  }
  return shape;
}

/** Exactly one of data, binary_data_size and shared_memory_region. */
function checkSource(input: JsonObject, parameters: JsonObject | undefined): void {
  const given = [];
  if (member(input, 'data') !== undefined) given.push("'data'");
  for (const name of ['binary_data_size', 'shared_memory_region']) {
    if (parameters !== undefined && member(parameters, name) !== undefined) given.push(`'${name}'`);
  }
  if (given.length === 1) return;
  throw badRequest(
    `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But${
      given.length === 0 ? ' no field is set' : ` set ${given.join(' ')}`
    }`,
    'Give the elements of each input once.',
  );
}

/** Parses one body. */
class InferRequestParser {
  readonly #context: ParseContext;
  readonly #parts: BinaryParts;
  readonly ranges: SharedMemoryRange[] = [];

  constructor(context: ParseContext, binary: Buffer) {
    this.#context = context;
    this.#parts = new BinaryParts(binary, context.model);
  }

  parse(header: JsonObject): Omit<ParsedRequest, 'ranges'> {
    const id = member(header, 'id');
    const { options, binaryByDefault } = parseParameters(objectMember(header, 'parameters'));
    const inputs = this.#inputs(arrayMember(header, 'inputs'));
    this.#parts.checkEnd();
    const outputs = member(header, 'outputs');
    const wishes = this.#outputs(outputs === undefined ? [] : arrayMember(header, 'outputs'));
    const onDevice = [...wishes].filter(([, { range }]) => range?.onDevice).map(([name]) => name);
    const request: InferRequest = {
      modelName: this.#context.model,
      version: this.#context.version,
      id: id === undefined ? undefined : stringMember(header, 'id'),
      inputs,
      outputs: wishes.size === 0 ? undefined : [...wishes.keys()],
      onDevice: onDevice.length === 0 ? undefined : onDevice,
      ...options,
    };
    return { request, binaryByDefault, wishes };
  }

  #checkCount(count: number, what: string): void {
    const { maxTensors } = this.#context.limits;
    if (count <= maxTensors) return;
    throw badRequest(`expected at most ${maxTensors} ${what}, got ${count}`, 'Send fewer.');
  }

  #inputs(list: readonly JsonValue[]): Record<string, InferInput> {
    this.#checkCount(list.length, 'inputs');
    // Names come from outside: `__proto__` must be one as any other.
    const inputs = Object.create(null) as Record<string, InferInput>;
    for (const each of list) {
      const input = asObject(each, 'inputs');
      const parameters = objectMember(input, 'parameters');
      checkSource(input, parameters);
      const name = stringMember(input, 'name');
      if (inputs[name] !== undefined) {
        throw badRequest(`input '${name}' already exists in request`, 'Name each input once.');
      }
      inputs[name] = this.#input(name, input, parameters);
    }
    return inputs;
  }

  #input(name: string, input: JsonObject, parameters: JsonObject | undefined): InferTensor {
    const datatype = stringMember(input, 'datatype');
    const shape = parseShape(input);
    if (!isDatatype(datatype)) {
      throw badRequest(
        `invalid datatype for input ${name}`,
        `The datatypes are ${Object.keys(datatypeTable).join(', ')}.`,
      );
    }
    const count = volume(shape);
    const range = this.#range(parameters);
    if (range !== undefined) {
      this.#checkSize(name, datatype, count, range.byteSize);
      return range.input(datatype, shape, count, name, this.#context.model);
    }
    const size = parameters && member(parameters, 'binary_data_size');
    if (size === undefined) {
      return tensorFromJson(name, datatype, shape, count, arrayMember(input, 'data'));
    }
    const bytes = this.#parts.take(asUnsigned(size, 'binary_data_size'), name);
    if (datatype === 'BYTES') {
      const elements = decodeBytesTensor(bytes, count, name, this.#context.model);
      return new InferTensor(datatype, elements, shape);
    }
    this.#checkSize(name, datatype, count, bytes.length);
    return InferTensor.fromBytes(datatype, bytes, shape);
  }

  #checkSize(name: string, datatype: Datatype, count: number, size: number): void {
    const expected = count * datatypeTable[datatype].bytes;
    if (datatype === 'BYTES' || size === expected) return;
    throw badRequest(
      `input byte size mismatch for input '${name}' for model '${this.#context.model}'. Expected ${expected}, got ${size}`,
      'Send as many bytes as the shape and the datatype say.',
    );
  }

  #range(parameters: JsonObject | undefined): SharedMemoryRange | undefined {
    if (parameters === undefined || member(parameters, 'shared_memory_region') === undefined) {
      return undefined;
    }
    const region = stringMember(parameters, 'shared_memory_region');
    const offset = member(parameters, 'shared_memory_offset') ?? 0;
    const size = member(parameters, 'shared_memory_byte_size') ?? 0;
    const range = this.#context.sharedMemory.reserve(
      region,
      asUnsigned(offset, 'shared_memory_offset'),
      asUnsigned(size, 'shared_memory_byte_size'),
    );
    this.ranges.push(range);
    return range;
  }

  #outputs(list: readonly JsonValue[]): Map<string, OutputWish> {
    this.#checkCount(list.length, 'outputs');
    const wishes = new Map<string, OutputWish>();
    for (const each of list) {
      const output = asObject(each, 'outputs');
      const parameters = objectMember(output, 'parameters') ?? {};
      const range = this.#range(parameters);
      const binary = asBoolean(member(parameters, 'binary_data') ?? false, 'binary_data');
      const classification = member(parameters, 'classification');
      const forbidden =
        classification === undefined ? binary && "'binary_data'" : "'classification'";
      if (range !== undefined && forbidden !== false) {
        throw badRequest(
          `Output can't set both 'shared_memory_region' and ${forbidden}`,
          'Ask for one of them.',
        );
      }
      const classes =
        classification === undefined ? 0 : asUnsigned(classification, 'classification');
      wishes.set(stringMember(output, 'name'), { binary, classes, range });
    }
    return wishes;
  }
}

type ParsedOptions = Pick<
  InferRequest,
  'priority' | 'timeoutMs' | 'sequenceId' | 'sequenceStart' | 'sequenceEnd' | 'parameters'
>;

function parseSequenceId(value: JsonValue): string | number | bigint {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' && value > 0n && value < 1n << 64n) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badRequest(
    "Unable to parse 'sequence_id': attempt to access JSON non-string as string",
    'Send an integer from 0 to 2^64-1, or a string.',
  );
}

function parseParameters(parameters: JsonObject | undefined): {
  options: ParsedOptions;
  binaryByDefault: boolean;
} {
  const options: { -readonly [K in keyof ParsedOptions]: ParsedOptions[K] } = {};
  let binaryByDefault = false;
  if (parameters === undefined) return { options, binaryByDefault };
  let others: Record<string, Parameters[string]> | undefined;
  for (const name of Object.keys(parameters)) {
    const value = parameters[name] as JsonValue;
    switch (name) {
      case 'sequence_id':
        options.sequenceId = parseSequenceId(value);
        break;
      case 'sequence_start':
        options.sequenceStart = asBoolean(value, name);
        break;
      case 'sequence_end':
        options.sequenceEnd = asBoolean(value, name);
        break;
      case 'priority':
        options.priority = asUnsigned(value, name);
        break;
      case 'timeout': {
        const microseconds = asUnsigned(value, name);
        options.timeoutMs = microseconds === 0 ? undefined : microseconds / 1000;
        break;
      }
      case 'binary_data_output':
        binaryByDefault = asBoolean(value, name);
        break;
      case 'triton_enable_empty_final_response':
        break;
      default:
        others ??= Object.create(null) as Record<string, Parameters[string]>;
        others[name] = parseParameter(name, value);
    }
  }
  options.parameters = others;
  return { options, binaryByDefault };
}

function parseParameter(name: string, value: JsonValue): Parameters[string] {
  if (name.startsWith('triton_')) {
    throw badRequest(
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
      `Rename '${name}'.`,
    );
  }
  if (value !== null && typeof value !== 'object') return value;
  throw badRequest(
    `parameter '${name}' has invalid type. It should be either 'int', 'bool', or 'string'.`,
  );
}

/**
 * Parses a body with a JSON header. The inputs are views of it.
 *
 * @param jsonBytes - Of the header; binary data follow it.
 * @throws ERR_TRT_REQUEST in Triton's words; what was reserved of shared memory is released then @internal
 */
export function parseInferRequest(
  body: Buffer,
  jsonBytes: number,
  context: ParseContext,
): ParsedRequest {
  const header = parseJsonObject(body.subarray(0, jsonBytes));
  const parser = new InferRequestParser(context, body.subarray(jsonBytes));
  try {
    return { ...parser.parse(header), ranges: parser.ranges };
  } catch (error) {
    for (const range of parser.ranges) range.release();
    throw error;
  }
}
