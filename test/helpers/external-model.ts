// An ONNX model whose weights lie in a file beside it: y = x + w, four floats.

import { writeFileSync } from 'node:fs';
import path from 'node:path';

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.of(...bytes, rest);
}
function int(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}
function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function value(name: string): Buffer {
  const shape = field(1, int(1, 4));
  const type = Buffer.concat([int(1, 1), field(2, shape)]);
  return Buffer.concat([field(1, name), field(2, field(1, type))]);
}

/** Writes `model.onnx` and `w.bin` to `folder`. @returns The model's path */
export function writeExternalModel(folder: string, weights: readonly number[]): string {
  const entry = Buffer.concat([field(1, 'location'), field(2, 'w.bin')]);
  const weight = [int(1, 4), int(2, 1), field(8, 'w'), field(13, entry), int(14, 1)];
  const node = [field(1, 'x'), field(1, 'w'), field(2, 'y'), field(4, 'Add')];
  const graph = [
    field(1, Buffer.concat(node)),
    field(2, 'external'),
    field(5, Buffer.concat(weight)),
    field(11, value('x')),
    field(12, value('y')),
  ];
  const model = [int(1, 8), field(7, Buffer.concat(graph)), field(8, int(2, 17))];
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, Buffer.concat(model));
  writeFileSync(path.join(folder, 'w.bin'), Buffer.from(Float32Array.from(weights).buffer));
  return file;
}
