// Decoding of ModelInferRequest: by hand, since it is what a server does most; tensors stay views of the received bytes.

import { WireReader } from './wire.js';

/** An InferParameter; undefined: none of its choices is set. @internal */
export type InferParameter =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int64'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'uint64'; readonly value: bigint }
  | undefined;

/** @internal */
export type InferParameterMap = ReadonlyMap<string, InferParameter>;

/**
 * InferTensorContents as it lies in the message: of each field that has elements, where their bytes are, as pairs of start and end; of bytes_contents
 * the elements. @internal
 */
export interface DecodedContents {
  readonly buffer: Buffer;
  /** By field number. */
  readonly ranges: ReadonlyMap<number, readonly number[]>;
  readonly bytes: readonly Buffer[];
}

/** @internal */
export interface DecodedInput {
  name: string;
  datatype: string;
  shape: number[];
  parameters: InferParameterMap;
  contents: DecodedContents | undefined;
}

/** @internal */
export interface DecodedOutput {
  name: string;
  parameters: InferParameterMap;
}

/** @internal */
export interface DecodedInferRequest {
  modelName: string;
  modelVersion: string;
  id: string;
  parameters: InferParameterMap;
  inputs: DecodedInput[];
  outputs: DecodedOutput[];
  raw: Buffer[];
}

const noParameters: InferParameterMap = new Map();

/** Wire types of the elements of InferTensorContents, by field number; 8 is bytes_contents. */
const elementWire: Readonly<Record<number, number>> = {
  1: 0,
  2: 0,
  3: 0,
  4: 0,
  5: 0,
  6: 5,
  7: 1,
};

function readParameter(reader: WireReader): InferParameter {
  let parameter: InferParameter;
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        parameter = { type: 'bool', value: reader.bool() };
        break;
      case 0x10:
        parameter = { type: 'int64', value: BigInt.asIntN(64, reader.bits64()) };
        break;
      case 0x1a:
        parameter = { type: 'string', value: reader.string() };
        break;
      case 0x21:
        parameter = { type: 'double', value: reader.double() };
        break;
      case 0x28:
        parameter = { type: 'uint64', value: reader.bits64() };
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return parameter;
}

/** One entry of a map of parameters; the last one of a name counts. */
function readEntry(reader: WireReader, into: InferParameterMap): InferParameterMap {
  const map = into === noParameters ? new Map<string, InferParameter>() : into;
  let key = '';
  let value: InferParameter;
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) key = reader.string();
    else if (tag === 0x12) value = readParameter(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  (map as Map<string, InferParameter>).set(key, value);
  return map;
}

/** A repeated int64, packed or not. */
function readShape(reader: WireReader, tag: number, into: number[]): void {
  if ((tag & 7) === 0) {
    into.push(reader.int64());
    return;
  }
  reader.expect(tag, 2);
  const outer = reader.enter();
  while (reader.more) into.push(reader.int64());
  reader.leave(outer);
}

function readContents(reader: WireReader, before: DecodedContents | undefined): DecodedContents {
  const ranges = new Map<number, number[]>(
    before === undefined ? [] : (before.ranges as Map<number, number[]>),
  );
  const bytes = before === undefined ? [] : [...before.bytes];
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    const field = tag >>> 3;
    const wire = elementWire[field];
    if (field === 8) {
      reader.expect(tag, 2);
      bytes.push(reader.bytes());
    } else if (wire === undefined) {
      reader.skip(tag);
    } else {
      const list = ranges.get(field) ?? [];
      ranges.set(field, list);
      if ((tag & 7) === 2) {
        const packed = reader.bytes();
        if (packed.length > 0) list.push(reader.position - packed.length, reader.position);
      } else {
        reader.expect(tag, wire);
        const start = reader.position;
        reader.skip(tag);
        list.push(start, reader.position);
      }
    }
  }
  reader.leave(outer);
  return { buffer: reader.buffer, ranges, bytes };
}

function readInput(reader: WireReader): DecodedInput {
  const input: DecodedInput = {
    name: '',
    datatype: '',
    shape: [],
    parameters: noParameters,
    contents: undefined,
  };
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        input.name = reader.string();
        break;
      case 0x12:
        input.datatype = reader.string();
        break;
      case 0x18:
      case 0x1a:
        readShape(reader, tag, input.shape);
        break;
      case 0x22:
        input.parameters = readEntry(reader, input.parameters);
        break;
      case 0x2a:
        input.contents = readContents(reader, input.contents);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return input;
}

function readOutput(reader: WireReader): DecodedOutput {
  const output: DecodedOutput = { name: '', parameters: noParameters };
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) output.name = reader.string();
    else if (tag === 0x12) output.parameters = readEntry(reader, output.parameters);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return output;
}

/**
 * Decodes an inference.ModelInferRequest. Tensors are views of `message`; nothing larger than the message is allocated.
 *
 * @throws GrpcError INTERNAL for what is not protobuf, as gRPC's libraries do @internal
 */
export function decodeInferRequest(message: Buffer): DecodedInferRequest {
  const reader = new WireReader(message);
  const request: DecodedInferRequest = {
    modelName: '',
    modelVersion: '',
    id: '',
    parameters: noParameters,
    inputs: [],
    outputs: [],
    raw: [],
  };
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        request.modelName = reader.string();
        break;
      case 0x12:
        request.modelVersion = reader.string();
        break;
      case 0x1a:
        request.id = reader.string();
        break;
      case 0x22:
        request.parameters = readEntry(reader, request.parameters);
        break;
      case 0x2a:
        request.inputs.push(readInput(reader));
        break;
      case 0x32:
        request.outputs.push(readOutput(reader));
        break;
      case 0x3a:
        request.raw.push(reader.bytes());
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}
