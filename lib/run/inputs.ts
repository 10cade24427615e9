// The inputs of `trt-node run`: from files, or random in the shapes that are asked for.

import { type TensorData, dtypeInfo } from '../dtype.js';
import { InvalidArgumentError } from '../errors.js';
import { parseNpy } from '../npy.js';
import { readBytes } from '../read-bytes.js';
import { unknownTensor } from '../runtime/engine.js';
import type { Session } from '../session.js';
import type { TensorDescription } from '../session/types.js';
import { Tensor, type TensorSource } from '../tensor.js';
import { formatShape } from '../validate.js';
import { randomNumbers, randomTensor } from './random.js';

/** What the inputs of a run are made from. */
export interface InputSources {
  /** Files by input name: .npy, or raw bytes. */
  readonly files: ReadonlyMap<string, string>;
  /** Shapes by input name; for shape tensors their values. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Of the random inputs. */
  readonly seed: number;
  /** The profile whose optimum random inputs have. */
  readonly profile: number;
}

/** An input and where it is from. */
export interface MadeInput {
  readonly tensor: Tensor;
  /** "random", "values", or the file. */
  readonly source: string;
}

/**
 * The inputs of a run, by name.
 *
 * @throws ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_FILE, ERR_TRT_LENGTH_MISMATCH, ERR_TRT_INVALID_SHAPE
 */
export async function makeInputs(
  session: Pick<Session, 'inputs'>,
  sources: InputSources,
): Promise<Map<string, MadeInput>> {
  const names = session.inputs.map((input) => input.name);
  for (const name of [...sources.files.keys(), ...sources.shapes.keys()]) {
    if (!names.includes(name)) throw unknownTensor(name, names, 'an input');
  }
  const random = randomNumbers(sources.seed);
  const inputs = new Map<string, MadeInput>();
  for (const input of session.inputs) {
    const file = sources.files.get(input.name);
    if (file !== undefined) {
      inputs.set(input.name, { tensor: await readInput(input, file, sources), source: file });
    } else if (input.location === 'host') {
      inputs.set(input.name, { tensor: valuesOf(input, sources), source: 'values' });
    } else {
      const tensor = randomTensor(input.dtype, shapeOf(input, sources), random);
      inputs.set(input.name, { tensor, source: 'random' });
    }
  }
  return inputs;
}

function shapeOf(input: TensorDescription, sources: InputSources): readonly number[] {
  const given = sources.shapes.get(input.name);
  if (given !== undefined) return given;
  const opt = input.profiles[sources.profile]?.opt;
  return opt?.length === input.shape.length ? opt : input.shape.map((extent) => Math.abs(extent));
}

/** A shape tensor's values: those of --shapes, else the profile's optimum. */
function valuesOf(input: TensorDescription, sources: InputSources): Tensor {
  const values = sources.shapes.get(input.name) ?? input.profiles[sources.profile]?.optValues ?? [];
  const shape = input.shape.length === 0 ? [] : [values.length];
  return new Tensor(input.dtype, [...values], shape);
}

async function readInput(
  input: TensorDescription,
  file: string,
  sources: InputSources,
): Promise<Tensor> {
  const bytes = await readBytes(file);
  if (bytes.subarray(0, 6).equals(Buffer.from('\x93NUMPY', 'latin1'))) {
    return asDeclared(parseNpy(bytes, file), input);
  }
  const info = dtypeInfo(input.dtype);
  const size = Math.max(1, info.bits >> 3);
  if (bytes.length % size !== 0) {
    throw new InvalidArgumentError(
      'ERR_TRT_LENGTH_MISMATCH',
      `${file}: expected whole ${input.dtype} elements of ${size} bytes, got ${bytes.length} bytes`,
      "Give a .npy file, or raw bytes of the input's type.",
    );
  }
  const copy = new Uint8Array(bytes);
  const data = new info.array(copy.buffer, 0, copy.length / size);
  return new Tensor(input.dtype, data as TensorSource, rawShape(input, data, sources));
}

/** The raw types have no name in .npy files: the bytes are taken as what the engine says. */
function asDeclared(tensor: Tensor, input: TensorDescription): Tensor {
  const packed = ['fp8', 'int4', 'fp4', 'e8m0'].includes(input.dtype);
  if (!packed || (tensor.dtype !== 'uint8' && tensor.dtype !== 'fp8')) return tensor;
  const shape = dtypeInfo(input.dtype).bits === 4 ? input.shape : tensor.shape;
  return new Tensor(input.dtype, tensor.data as Uint8Array, shape);
}

/** Raw bytes have no shape: that of --shapes, or the engine's where the length determines it. */
function rawShape(
  input: TensorDescription,
  data: TensorData,
  sources: InputSources,
): readonly number[] {
  const given = sources.shapes.get(input.name);
  if (given !== undefined) return given;
  const dynamic = input.shape.filter((extent) => extent < 0).length;
  if (dynamic === 0) return input.shape;
  const fixed = input.shape.reduce((product, extent) => product * (extent < 0 ? 1 : extent), 1);
  if (dynamic === 1 && data.length % fixed === 0) {
    return input.shape.map((extent) => (extent < 0 ? data.length / fixed : extent));
  }
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_SHAPE',
    `input '${input.name}': expected a shape for the raw bytes, as ${formatShape(input.shape)} is dynamic`,
    `Add --shapes=${input.name}:… or give a .npy file.`,
  );
}
