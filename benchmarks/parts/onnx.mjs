// Writes ONNX models that are described in code, so that none has to be downloaded or kept.
// @ts-check
import protobuf from 'protobufjs';

/** @typedef {'float32' | 'uint8' | 'int32' | 'int64' | 'bool' | 'float16'} ElementType */
/** @typedef {{ type: ElementType, dims: (number | string)[] }} Value A string is a dynamic dimension's name. */
/** @typedef {{ op: string, inputs: string[], outputs: string[], attributes?: Record<string, number | number[]> }} Node */
/** @typedef {{ dims: number[], data: Float32Array | Int32Array | BigInt64Array }} Weight */
/**
 * @typedef {object} Model
 * @property {string} name
 * @property {Record<string, Value>} inputs
 * @property {Record<string, Value>} outputs
 * @property {Record<string, Weight>} [weights]
 * @property {Node[]} nodes
 */

/** TensorProto.DataType of each element type. */
export const elementTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10 };

/** @param {(writer: protobuf.Writer) => unknown} write */
function message(write) {
  const writer = protobuf.Writer.create();
  write(writer);
  return writer.finish();
}

/** @param {number} field */
const bytesTag = (field) => (field << 3) | 2;
/** @param {number} field */
const intTag = (field) => field << 3;

/**
 * @param {string} name
 * @param {Value} value
 */
function valueInfo(name, { type, dims }) {
  const shape = message((writer) => {
    for (const extent of dims) {
      const dim = message((one) =>
        typeof extent === 'string'
          ? one.uint32(bytesTag(2)).string(extent)
          : one.uint32(intTag(1)).int64(extent),
      );
      writer.uint32(bytesTag(1)).bytes(dim);
    }
  });
  const tensor = message((writer) =>
    writer.uint32(intTag(1)).int32(elementTypes[type]).uint32(bytesTag(2)).bytes(shape),
  );
  const typeProto = message((writer) => writer.uint32(bytesTag(1)).bytes(tensor));
  return message((writer) =>
    writer.uint32(bytesTag(1)).string(name).uint32(bytesTag(2)).bytes(typeProto),
  );
}

/**
 * @param {string} name
 * @param {Weight} weight
 */
function tensor(name, { dims, data }) {
  const type = data instanceof Float32Array ? 1 : data instanceof Int32Array ? 6 : 7;
  return message((writer) => {
    for (const extent of dims) writer.uint32(intTag(1)).int64(extent);
    writer.uint32(intTag(2)).int32(type).uint32(bytesTag(8)).string(name);
    writer.uint32(bytesTag(9)).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

/**
 * Attributes are whole numbers, or lists of them: all that these models need.
 * @param {string} name
 * @param {number | number[]} value
 */
function attribute(name, value) {
  return message((writer) => {
    writer.uint32(bytesTag(1)).string(name);
    if (typeof value === 'number') {
      writer.uint32(intTag(3)).int64(value).uint32(intTag(20)).int32(2);
    } else {
      for (const one of value) writer.uint32(intTag(8)).int64(one);
      writer.uint32(intTag(20)).int32(7);
    }
  });
}

/** @param {Node} node */
function nodeProto({ op, inputs, outputs, attributes = {} }) {
  return message((writer) => {
    for (const input of inputs) writer.uint32(bytesTag(1)).string(input);
    for (const output of outputs) writer.uint32(bytesTag(2)).string(output);
    writer.uint32(bytesTag(3)).string(outputs[0] ?? op);
    writer.uint32(bytesTag(4)).string(op);
    for (const [name, value] of Object.entries(attributes)) {
      writer.uint32(bytesTag(5)).bytes(attribute(name, value));
    }
  });
}

/**
 * The model's file (IR 8, opset 17).
 * @param {Model} model
 * @returns {Uint8Array}
 */
export function makeOnnx({ name, inputs, outputs, weights = {}, nodes }) {
  const graph = message((writer) => {
    for (const node of nodes) writer.uint32(bytesTag(1)).bytes(nodeProto(node));
    writer.uint32(bytesTag(2)).string(name);
    for (const [key, weight] of Object.entries(weights)) {
      writer.uint32(bytesTag(5)).bytes(tensor(key, weight));
    }
    for (const [key, value] of Object.entries(inputs)) {
      writer.uint32(bytesTag(11)).bytes(valueInfo(key, value));
    }
    for (const [key, value] of Object.entries(outputs)) {
      writer.uint32(bytesTag(12)).bytes(valueInfo(key, value));
    }
  });
  const opset = message((writer) => writer.uint32(intTag(2)).int64(17));
  return message((writer) =>
    writer
      .uint32(intTag(1))
      .int64(8)
      .uint32(bytesTag(7))
      .bytes(graph)
      .uint32(bytesTag(8))
      .bytes(opset),
  );
}
