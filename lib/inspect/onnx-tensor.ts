// Tensors and types within ONNX messages. Field numbers are those of onnx.proto.

import type { OnnxInitializer, OnnxTensor } from './onnx-types.js';
import type { WireReader } from './protobuf.js';

/** By TensorProto.DataType. */
const types: readonly ([name: string, bits: number] | undefined)[] = [
  undefined,
  ['float32', 32],
  ['uint8', 8],
  ['int8', 8],
  ['uint16', 16],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
  ['string', 0],
  ['bool', 8],
  ['float16', 16],
  ['float64', 64],
  ['uint32', 32],
  ['uint64', 64],
  ['complex64', 64],
  ['complex128', 128],
  ['bfloat16', 16],
  ['fp8', 8],
  ['float8e4m3fnuz', 8],
  ['float8e5m2', 8],
  ['float8e5m2fnuz', 8],
  ['uint4', 4],
  ['int4', 4],
  ['fp4', 4],
  ['e8m0', 8],
];

/** More dimensions than anything has; a file that claims more is damaged or meant to be. */
const mostDimensions = 64;

function tooManyDimensions(): Error {
  return new Error(`a tensor has more than ${mostDimensions} dimensions`);
}

/** A TensorProto; its content is passed over. */
export function parseTensor(reader: WireReader): OnnxInitializer {
  const shape: number[] = [];
  let [name, type] = ['', 0];
  let [location, external] = [undefined as string | undefined, false];
  while (reader.next()) {
    if (reader.field === 1) {
      shape.push(...reader.ints(mostDimensions + 1));
      if (shape.length > mostDimensions) throw tooManyDimensions();
    } else if (reader.field === 2) type = reader.int();
    else if (reader.field === 8) name = reader.string();
    else if (reader.field === 13) {
      const [key, value] = parseEntry(reader.message());
      if (key === 'location') location = value;
      external = true;
    } else reader.skip();
  }
  const [dtype, bits] = types[type] ?? [undefined, 0];
  const elements = shape.reduce((product, extent) => product * Math.max(0, extent), 1);
  const bytes = Math.ceil((elements * bits) / 8);
  return { name, dtype, shape, bytes, externalFile: external ? location : undefined };
}

/** A StringStringEntryProto. */
export function parseEntry(reader: WireReader): [key: string, value: string] {
  let [key, value] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  return [key, value];
}

/** A ValueInfoProto. */
export function parseValueInfo(reader: WireReader): OnnxTensor {
  let name = '';
  let dtype: string | undefined;
  let shape: (number | string)[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) {
      const type = reader.message();
      while (type.next()) {
        if (type.field === 1) [dtype, shape] = parseTensorType(type.message());
        else type.skip();
      }
    } else reader.skip();
  }
  return { name, dtype, shape };
}

function parseTensorType(
  reader: WireReader,
): [dtype: string | undefined, shape: (number | string)[] | undefined] {
  let dtype: string | undefined;
  let shape: (number | string)[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) dtype = types[reader.int()]?.[0];
    else if (reader.field === 2) {
      shape = [];
      const dimensions = reader.message();
      while (dimensions.next()) {
        if (dimensions.field === 1) shape.push(parseDimension(dimensions.message()));
        else dimensions.skip();
        if (shape.length > mostDimensions) throw tooManyDimensions();
      }
    } else reader.skip();
  }
  return [dtype, shape];
}

function parseDimension(reader: WireReader): number | string {
  let extent: number | string = -1;
  while (reader.next()) {
    if (reader.field === 1) extent = reader.int();
    else if (reader.field === 2) {
      const name = reader.string();
      extent = name === '' ? -1 : name;
    } else reader.skip();
  }
  return extent;
}
