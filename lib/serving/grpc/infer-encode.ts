// Encoding of ModelInferResponse: by hand, with the gRPC prefix; large tensors are handed on as they are, without a copy.

import { bytesTensorSize, encodeBytesTensor } from '../bytes-tensor.js';
import type { InferTensor } from '../infer-tensor.js';
import type { Parameters } from '../request.js';
import { WireWriter, bits64Size, varintSize } from './wire.js';

/** An output as it goes into the message. @internal */
export interface EncodedOutput {
  readonly name: string;
  /** On the host. */
  readonly tensor: InferTensor;
  /** Its bytes went elsewhere (shared memory): the message has none. */
  readonly elsewhere: boolean;
}

/** @internal */
export interface EncodedResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters | undefined;
  readonly outputs: readonly EncodedOutput[];
}

/** Bytes of gRPC's prefix of a message: a flag and the length. @internal */
export const prefixBytes = 5;

/** Tensors of at least this size are not copied into the message's buffer but written after it. */
const largeTensor = 16 * 1024;

function textSize(text: string): number {
  const length = Buffer.byteLength(text, 'utf8');
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

function writeText(writer: WireWriter, tag: number, text: string): void {
  if (text.length === 0) return;
  writer.byte(tag);
  writer.string(text, Buffer.byteLength(text, 'utf8'));
}

function messageSize(length: number): number {
  return 1 + varintSize(length) + length;
}

type ParameterValue = Parameters[string];

function valueSize(value: ParameterValue): number {
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'string') return messageSize(Buffer.byteLength(value, 'utf8'));
  if (typeof value === 'bigint') return 1 + bits64Size(value);
  return Number.isSafeInteger(value) ? 1 + bits64Size(BigInt(value)) : 9;
}

function writeValue(writer: WireWriter, value: ParameterValue): void {
  if (typeof value === 'boolean') {
    writer.byte(0x08);
    writer.byte(value ? 1 : 0);
  } else if (typeof value === 'string') {
    writer.byte(0x1a);
    writer.string(value, Buffer.byteLength(value, 'utf8'));
  } else if (typeof value === 'bigint') {
    // What only uint64 can hold goes there.
    writer.byte(value > 0x7fffffffffffffffn ? 0x28 : 0x10);
    writer.bits64(value);
  } else if (Number.isSafeInteger(value)) {
    writer.byte(0x10);
    writer.bits64(BigInt(value));
  } else {
    writer.byte(0x21);
    writer.double(value);
  }
}

function entrySize(key: string, value: ParameterValue): number {
  return textSize(key) + messageSize(valueSize(value));
}

function writeParameters(writer: WireWriter, parameters: Parameters): void {
  for (const [key, value] of Object.entries(parameters)) {
    writer.byte(0x22);
    writer.varint(entrySize(key, value));
    writeText(writer, 0x0a, key);
    writer.byte(0x12);
    writer.varint(valueSize(value));
    writeValue(writer, value);
  }
}

function shapeSize(shape: readonly number[]): number {
  let size = 0;
  for (const extent of shape) size += varintSize(extent);
  return size;
}

function outputSize({ name, tensor }: EncodedOutput): number {
  const shape = shapeSize(tensor.shape);
  return textSize(name) + textSize(tensor.datatype) + (shape === 0 ? 0 : messageSize(shape));
}

function writeOutput(writer: WireWriter, output: EncodedOutput): void {
  const { name, tensor } = output;
  writer.byte(0x2a);
  writer.varint(outputSize(output));
  writeText(writer, 0x0a, name);
  writeText(writer, 0x12, tensor.datatype);
  if (tensor.shape.length === 0) return;
  writer.byte(0x1a);
  writer.varint(shapeSize(tensor.shape));
  for (const extent of tensor.shape) writer.varint(extent);
}

const nothing = new Uint8Array(0);

/** A tensor's bytes on the wire. */
function rawBytes({ tensor, elsewhere }: EncodedOutput): Uint8Array {
  if (elsewhere) return nothing;
  if (tensor.datatype !== 'BYTES') return tensor.bytes;
  const elements = tensor.data as readonly Uint8Array[];
  return bytesTensorSize(elements) === 0 ? nothing : encodeBytesTensor(elements);
}

/** The message in pieces: what comes before a large tensor, the tensor, and so on. */
function write(
  response: EncodedResponse,
  raw: readonly Uint8Array[],
  head: number,
  begin: (writer: WireWriter) => void,
): Uint8Array[] {
  const small = raw.reduce(
    (sum, bytes) =>
      sum + 1 + varintSize(bytes.length) + (bytes.length < largeTensor ? bytes.length : 0),
    head,
  );
  const writer = new WireWriter(small);
  begin(writer);
  writeText(writer, 0x0a, response.modelName);
  writeText(writer, 0x12, response.modelVersion);
  writeText(writer, 0x1a, response.id);
  if (response.parameters !== undefined) writeParameters(writer, response.parameters);
  for (const output of response.outputs) writeOutput(writer, output);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const bytes of raw) {
    writer.byte(0x32);
    writer.varint(bytes.length);
    if (bytes.length < largeTensor) writer.raw(bytes);
    else {
      pieces.push(writer.buffer.subarray(from, writer.position), bytes);
      from = writer.position;
    }
  }
  if (from < writer.position) pieces.push(writer.buffer.subarray(from, writer.position));
  return pieces;
}

function headSize(response: EncodedResponse): number {
  let size = textSize(response.modelName) + textSize(response.modelVersion) + textSize(response.id);
  for (const [key, value] of Object.entries(response.parameters ?? {})) {
    size += messageSize(entrySize(key, value));
  }
  for (const output of response.outputs) size += messageSize(outputSize(output));
  return size;
}

/** A gRPC message without compression, prefix included, of a ModelInferResponse. @internal */
export function encodeInferResponse(response: EncodedResponse): Uint8Array[] {
  const raw = response.outputs.map(rawBytes);
  const head = headSize(response);
  let length = head;
  for (const bytes of raw) length += messageSize(bytes.length);
  return write(response, raw, prefixBytes + head, (writer) => {
    writePrefix(writer, length);
  });
}

/** The same, as the infer_response of a ModelStreamInferResponse. @internal */
export function encodeStreamResponse(response: EncodedResponse): Uint8Array[] {
  const raw = response.outputs.map(rawBytes);
  const head = headSize(response);
  let inner = head;
  for (const bytes of raw) inner += messageSize(bytes.length);
  const outer = messageSize(inner);
  return write(response, raw, prefixBytes + outer - inner + head, (writer) => {
    writePrefix(writer, outer);
    writer.byte(0x12);
    writer.varint(inner);
  });
}

/** A ModelStreamInferResponse that tells of an error; `id` is the request's. @internal */
export function encodeStreamError(message: string, id: string): Uint8Array[] {
  const inner = textSize(id);
  const length = textSize(message) + messageSize(inner);
  const writer = new WireWriter(prefixBytes + length);
  writePrefix(writer, length);
  writeText(writer, 0x0a, message);
  writer.byte(0x12);
  writer.varint(inner);
  writeText(writer, 0x1a, id);
  return [writer.buffer];
}

function writePrefix(writer: WireWriter, length: number): void {
  writer.byte(0);
  writer.position = writer.buffer.writeUInt32BE(length, writer.position);
}
