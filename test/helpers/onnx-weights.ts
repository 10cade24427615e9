// The weights of a small ONNX model, for tests that compute with them by hand. Knows just enough of protobuf and of onnx.proto.

import { readFileSync } from 'node:fs';

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
  readonly value: number;
}

function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag & 7;
    const size = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : 0;
    const value = type === 0 ? varint() : 0;
    yield { number: Math.floor(tag / 8), bytes: message.subarray(at, at + size), value };
    at += size;
  }
}

/** float32 initializers by name, from raw_data or float_data. */
export function float32Weights(onnxFile: string): Map<string, Float32Array> {
  const weights = new Map<string, Float32Array>();
  for (const graph of fields(readFileSync(onnxFile))) {
    if (graph.number !== 7) continue;
    for (const tensor of fields(graph.bytes)) {
      if (tensor.number !== 5) continue;
      let [name, type, data] = ['', 0, Buffer.alloc(0)];
      for (const field of fields(tensor.bytes)) {
        if (field.number === 2) type = field.value;
        else if (field.number === 8) name = field.bytes.toString();
        else if (field.number === 9 || field.number === 4) data = Buffer.from(field.bytes);
      }
      if (type !== 1) continue;
      const copy = new Uint8Array(data); // aligned
      weights.set(name, new Float32Array(copy.buffer));
    }
  }
  return weights;
}

/** What mlp.onnx computes: softmax(relu(x·W)) by row, x of [n, 64], W of [64, 32]. */
export function mlp(x: Float32Array, weights: Float32Array): Float32Array {
  const rows = x.length / 64;
  const y = new Float32Array(rows * 32);
  for (let row = 0; row < rows; row++) {
    const sums = Array.from({ length: 32 }, (_, column) => {
      let sum = 0;
      for (let k = 0; k < 64; k++) sum += (x[row * 64 + k] ?? 0) * (weights[k * 32 + column] ?? 0);
      return Math.max(0, sum);
    });
    const most = Math.max(...sums);
    const powers = sums.map((sum) => Math.exp(sum - most));
    const total = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, column) => (y[row * 32 + column] = power / total));
  }
  return y;
}
