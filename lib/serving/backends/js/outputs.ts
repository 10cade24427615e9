// Outputs of js models: whatever a module gives back, made tensors and held against the config.

import { describe } from '../../../errors.js';
import type { DType } from '../../../dtype.js';
import { formatShape, volume } from '../../../validate.js';
import type { DataType, ModelConfig, ModelOutput } from '../../config/model-config.js';
import { type Datatype, datatypeOfConfig, datatypeOfDType, datatypeTable } from '../../datatype.js';
import type { NumericArray } from '../../datatype.js';
import { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';
import { fromModelShape } from '../reshape.js';

/** What can be made a tensor, with nothing known of it. */
interface Given {
  readonly data?: unknown;
  readonly shape?: unknown;
  readonly datatype?: unknown;
  /** Of a Tensor. */
  readonly dtype?: unknown;
}

/** An output that a model may give: of the config, or a state. */
interface Expected {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 where open; batch dimension included. */
  readonly dims: readonly number[];
}

/** Makes tensors of the outputs of one model. @internal */
export class JsOutputs {
  readonly #model: string;
  readonly #outputs: readonly (Expected & { readonly config: ModelOutput })[];
  readonly #states: ReadonlyMap<string, Expected>;
  readonly #batched: boolean;

  constructor(config: ModelConfig) {
    this.#model = config.name;
    this.#batched = config.max_batch_size > 0;
    const expected = (name: string, type: DataType, dims: readonly number[]): Expected => ({
      name,
      datatype: datatypeOfConfig(type) ?? 'FP32',
      dims: this.#batched ? [-1, ...dims] : dims,
    });
    this.#outputs = config.output.map((output) => ({
      ...expected(output.name, output.data_type, output.reshape?.shape ?? output.dims),
      config: output,
    }));
    const states = config.sequence_batching?.state ?? [];
    this.#states = new Map(
      states.map(({ output_name: name, data_type: type, dims }) => [
        name,
        expected(name, type, dims),
      ]),
    );
  }

  /** Names of the outputs that `request` needs. */
  names(request: PendingRequest): string[] {
    const wanted = request.wanted ?? this.#outputs.map((_, index) => index);
    const names = wanted.map((index) => (this.#outputs[index] as Expected).name);
    return [...new Set([...names, ...(request.extraOutputs ?? [])])];
  }

  /** The tensors of a response, in the order of the config, and the states. @throws Error that says what is wrong */
  tensors(
    given: Readonly<Record<string, unknown>>,
    request: PendingRequest,
  ): [(InferTensor | undefined)[], Map<string, InferTensor>] {
    for (const name of Object.keys(given)) {
      if (this.#states.has(name) || this.#outputs.some((output) => output.name === name)) continue;
      const known = this.#outputs.map((output) => `'${output.name}'`).join(', ');
      throw this.#error(`gave an output '${name}', which the config does not have (${known})`);
    }
    const outputs = this.#outputs.map((output, index) =>
      request.wanted === undefined || request.wanted.includes(index)
        ? fromModelShape(this.#tensor(given, output, request), output.config, this.#batched)
        : undefined,
    );
    const extra = new Map<string, InferTensor>();
    for (const name of request.extraOutputs ?? []) {
      const state = this.#states.get(name);
      if (state !== undefined) extra.set(name, this.#tensor(given, state, request));
    }
    return [outputs, extra];
  }

  #tensor(
    all: Readonly<Record<string, unknown>>,
    expected: Expected,
    request: PendingRequest,
  ): InferTensor {
    const value = Object.hasOwn(all, expected.name) ? all[expected.name] : undefined;
    if (value === undefined) throw this.#error(`did not give the output '${expected.name}'`);
    const { data, shape, datatype, dtype } = this.#given(value);
    const named = datatype ?? (dtype === undefined ? undefined : datatypeOfDType(dtype as DType));
    if (named !== undefined && named !== expected.datatype) {
      throw this.#error(
        `gave ${describe(named)} for the output '${expected.name}', expected ${expected.datatype}`,
      );
    }
    const elements = this.#elements(data, expected);
    const dims = this.#shape(shape, elements.length, expected, request.batchSize);
    return new InferTensor(expected.datatype, elements, dims);
  }

  #given(value: unknown): Given {
    if (ArrayBuffer.isView(value) || Array.isArray(value)) return { data: value };
    return typeof value === 'object' && value !== null ? value : { data: value };
  }

  #elements(data: unknown, { name, datatype }: Expected): NumericArray | readonly Uint8Array[] {
    const { array: ArrayType } = datatypeTable[datatype];
    if (ArrayType === undefined) {
      if (!Array.isArray(data)) {
        throw this.#error(
          `gave ${describe(data)} for the output '${name}', expected an array of strings or Uint8Arrays`,
        );
      }
      return data.map((item: unknown, index) => {
        if (typeof item === 'string') return Buffer.from(item, 'utf8');
        if (item instanceof Uint8Array) return item;
        throw this.#error(
          `gave ${describe(item)} at index ${index} of the output '${name}', expected a string or Uint8Array`,
        );
      });
    }
    const tag = ArrayBuffer.isView(data)
      ? (data as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]
      : undefined;
    if (tag !== ArrayType.name) {
      throw this.#error(
        `gave ${describe(data)} for the output '${name}', expected a ${ArrayType.name} for ${datatype}`,
      );
    }
    return data as NumericArray;
  }

  #shape(
    given: unknown,
    elements: number,
    { name, dims }: Expected,
    batchSize: number,
  ): readonly number[] {
    const expected = this.#batched ? [batchSize, ...dims.slice(1)] : dims;
    if (given === undefined) {
      const open = expected.filter((extent) => extent < 0).length;
      const rest = volume(expected.filter((extent) => extent >= 0));
      const free = rest === 0 ? 0 : elements / rest;
      if (
        open > 1 ||
        (open === 1 && !Number.isInteger(free)) ||
        (open === 0 && rest !== elements)
      ) {
        throw this.#error(
          `gave ${elements} elements for the output '${name}', expected shape ${formatShape(expected)}${open > 1 ? ': give the shape too' : ''}`,
        );
      }
      return expected.map((extent) => (extent < 0 ? free : extent));
    }
    const shape = Array.isArray(given) ? (given as unknown[]) : [];
    const fits =
      Array.isArray(given) &&
      shape.length === expected.length &&
      shape.every(
        (extent, axis) =>
          Number.isInteger(extent) &&
          (extent as number) >= 0 &&
          ((expected[axis] as number) < 0 || extent === expected[axis]),
      );
    if (!fits) {
      throw this.#error(
        `gave shape ${Array.isArray(given) ? formatShape(shape) : describe(given)} for the output '${name}', expected ${formatShape(expected)}`,
      );
    }
    const dimensions = shape as number[];
    if (volume(dimensions) !== elements) {
      throw this.#error(
        `gave ${elements} elements for the output '${name}' of shape ${formatShape(dimensions)}, expected ${volume(dimensions)}`,
      );
    }
    return dimensions;
  }

  #error(what: string): Error {
    return new Error(`model '${this.#model}' ${what}`);
  }
}
