// Arranger: in which shapes and which profile a batch is executed, padding included; remembered, as slots remember what they know of each.

import { ServingError } from '../../../errors.js';
import type { Arrangement } from '../../../session/gathered.js';
import type { IoTable } from '../../../session/io-table.js';
import { bestProfile } from '../../../session/profiles.js';
import { volume } from '../../../validate.js';
import type { ModelOptimizationPolicyCudaGraphSpec } from '../../config/model-config.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';
import { type Bindings, type InputBinding, reshaped, tensorOf } from './bindings.js';

/** Combinations that are remembered by group, where shapes vary. */
const mostRemembered = 512;

/** @internal */
export interface BatchArrangement extends Arrangement {
  /** Items with padding; 1 where there is no batch dimension. */
  readonly size: number;
}

/** A batch of up to `upTo` items, from `from` on, is padded to `upTo`. */
export interface PaddedSize {
  readonly from: number;
  readonly upTo: number;
}

/** Sizes that graph_lower_bound asks to pad to. */
export function paddedSizes(specs: readonly ModelOptimizationPolicyCudaGraphSpec[]): PaddedSize[] {
  return specs
    .filter(({ graph_lower_bound: lower }) => lower !== undefined)
    .map((spec) => ({ from: spec.graph_lower_bound?.batch_size ?? 0, upTo: spec.batch_size }))
    .filter(({ from, upTo }) => from > 0 && upTo > from)
    .sort((a, b) => a.upTo - b.upTo);
}

/** For the instances of one group. @internal */
export class Arranger {
  readonly #model: string;
  readonly #instance: string;
  readonly #table: IoTable;
  readonly #bindings: Bindings;
  readonly #profiles: readonly number[];
  readonly #padded: readonly PaddedSize[];
  readonly #bySize: (BatchArrangement | undefined)[] = [];
  readonly #byKey = new Map<string, BatchArrangement>();

  constructor(
    model: string,
    instance: string,
    table: IoTable,
    bindings: Bindings,
    profiles: readonly number[],
    padded: readonly PaddedSize[],
  ) {
    this.#model = model;
    this.#instance = instance;
    this.#table = table;
    this.#bindings = bindings;
    this.#profiles = profiles;
    this.#padded = padded;
  }

  /** @returns undefined: the group's profiles do not take it */
  arrange(requests: readonly PendingRequest[], size: number): BatchArrangement | undefined {
    if (!this.#bindings.fixed) return this.#arrangeShapes(requests, size);
    const known = this.#bySize[size];
    if (known !== undefined) return known;
    const made = this.#make(requests, size);
    if (made === undefined) return undefined;
    // Other sizes may be padded to the same.
    return (this.#bySize[size] = this.#remember(made));
  }

  /** For warming up: all dimensions that requests decide as `profile` likes them best. undefined: not in this profile. */
  arrangeOptimum(profile: number, size: number): BatchArrangement | undefined {
    const { inputs, batching } = this.#bindings;
    if (this.#bindings.ragged) return undefined;
    const shapes = inputs.map(({ row }) => {
      const optimum = row.tensor.profiles[profile]?.opt ?? row.shape;
      return row.shape.map((extent, axis) => {
        if (axis === 0 && batching && !row.onHost) return extent < 0 ? size : extent;
        return extent < 0 ? (optimum[axis] ?? 1) : extent;
      });
    });
    const values = inputs.map(({ row, leadsWithBatch }) => {
      if (!row.onHost) return null;
      const optimum = row.tensor.profiles[profile]?.optValues ?? [];
      return optimum.map((value, index) => (leadsWithBatch && index === 0 ? size : value));
    });
    if (shapes.some((shape) => shape.some((extent) => extent < 0))) return undefined;
    if (bestProfile(this.#table, [profile], shapes, values) < 0) return undefined;
    const chosen = bestProfile(this.#table, this.#profiles, shapes, values);
    if (chosen !== profile) return undefined; // requests of these shapes run elsewhere
    return this.#remember({ profile, shapes, values, size });
  }

  /** Refuses what no profile takes whatever the batch. @throws ERR_TRT_REQUEST */
  check(request: PendingRequest): void {
    const { fixed, ragged, inputs, batching } = this.#bindings;
    if (fixed || ragged) return;
    let first: string | undefined;
    for (const profile of this.#profiles) {
      let reason: string | undefined;
      for (const binding of inputs) {
        reason ??= this.#refusal(binding, request, profile, batching);
      }
      if (reason === undefined) return;
      first ??= reason;
    }
    throw new ServingError(
      'ERR_TRT_REQUEST',
      `request specifies invalid shape for input ${first ?? ''}`,
      'Give a shape within an optimization profile of the plan, or build it with one for this shape.',
    );
  }

  #refusal(
    binding: InputBinding,
    request: PendingRequest,
    profile: number,
    batching: boolean,
  ): string | undefined {
    const { row } = binding;
    const range = row.tensor.profiles[profile];
    const tensor = tensorOf(binding, request);
    if (tensor === undefined || range === undefined || row.onHost) return undefined;
    const shape = shapeOf(binding, tensor, batching ? request.batchSize : undefined);
    const who = `'${row.name}' for ${this.#instance}. Error details: model expected`;
    if (shape.length !== row.rank) {
      return `${who} ${row.rank} dimensions but received ${shape.length} dimensions`;
    }
    for (let axis = 0; axis < shape.length; axis++) {
      const given = shape[axis] ?? 0;
      const min = batching && axis === 0 ? 0 : (range.min[axis] ?? 0);
      const max = range.max[axis] ?? Infinity;
      if (given >= min && given <= max) continue;
      return `${who} the shape of dimension ${axis} to be between ${range.min[axis] ?? 0} and ${max} but received ${given}`;
    }
    return undefined;
  }

  #arrangeShapes(requests: readonly PendingRequest[], size: number): BatchArrangement | undefined {
    const shapes = this.#shapesOf(requests, size);
    const values = this.#valuesOf(requests, size);
    const key = `${size}:${shapes.join(';')}:${values.join(';')}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made = this.#make(requests, size);
    if (made === undefined) return undefined;
    if (this.#byKey.size >= mostRemembered) {
      this.#byKey.delete(this.#byKey.keys().next().value as string);
    }
    // Other sizes may be padded to the same shapes.
    const same = this.#remember(made);
    this.#byKey.set(key, same);
    return same;
  }

  #remember(made: BatchArrangement): BatchArrangement {
    const { size, shapes, values } = made;
    if (this.#bindings.fixed) return (this.#bySize[size] ??= made);
    const key = `${size}:${shapes.join(';')}:${values.join(';')}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#byKey.set(key, made);
    return made;
  }

  #make(requests: readonly PendingRequest[], size: number): BatchArrangement | undefined {
    for (const padded of this.#sizes(size)) {
      const shapes = this.#shapesOf(requests, padded);
      const values = this.#valuesOf(requests, padded);
      const profile = bestProfile(this.#table, this.#profiles, shapes, values);
      if (profile >= 0) return { profile, shapes, values, size: padded };
    }
    return undefined;
  }

  /** The sizes in which a batch of `size` items may be executed, best first. */
  #sizes(size: number): number[] {
    if (!this.#bindings.batching || this.#bindings.ragged) return [size];
    const graph = this.#padded.find(({ from, upTo }) => size >= from && size <= upTo)?.upTo;
    const least = this.#profiles
      .map((profile) => this.#leastSize(profile))
      .filter((min) => min > size)
      .sort((a, b) => a - b);
    return [...(graph === undefined ? [] : [graph]), size, ...least];
  }

  /** The smallest batch that a profile takes. */
  #leastSize(profile: number): number {
    let least = 1;
    for (const { row } of this.#bindings.inputs) {
      if (row.onHost) continue;
      const first = row.shape[0] ?? 1;
      least = Math.max(least, first >= 0 ? first : (row.tensor.profiles[profile]?.min[0] ?? 1));
    }
    return least;
  }

  #shapesOf(requests: readonly PendingRequest[], size: number): (readonly number[])[] {
    const { inputs, batching } = this.#bindings;
    return inputs.map((binding) => {
      const { row, batchInput, ragged } = binding;
      if (batchInput !== undefined) return batchInputShape(binding, requests, size);
      const tensor = tensorOf(binding, requests[0] as PendingRequest);
      if (ragged) {
        let elements = 0;
        for (const request of requests) elements += volume(tensorOf(binding, request)?.shape ?? []);
        return [elements];
      }
      if (row.onHost) return row.shape;
      if (tensor === undefined) {
        // An optional input that was not given is zeros: of the smallest shape that there may be.
        const least = row.tensor.profiles[0]?.min ?? row.shape;
        const shape = row.shape.map((extent, axis) => (extent < 0 ? (least[axis] ?? 1) : extent));
        return batching ? [size, ...shape.slice(1)] : shape;
      }
      return shapeOf(binding, tensor, batching ? size : undefined);
    });
  }

  #valuesOf(requests: readonly PendingRequest[], size: number): (readonly number[] | null)[] {
    return this.#bindings.inputs.map((binding) => {
      const { row, leadsWithBatch } = binding;
      if (!row.onHost) return null;
      const tensor = tensorOf(binding, requests[0] as PendingRequest);
      if (tensor === undefined) return new Array<number>(volume(row.shape)).fill(1);
      const given = Array.from(tensor.data as ArrayLike<number | bigint>, Number);
      return leadsWithBatch ? [size, ...given] : given;
    });
  }

  /** What to say of a batch that {@link arrange} does not take. */
  refusal(requests: readonly PendingRequest[], size: number): ServingError {
    const shapes = this.#shapesOf(requests, size);
    const text = this.#table.inputs.map(
      ({ name }, index) => `'${name}' [${(shapes[index] ?? []).join(',')}]`,
    );
    return new ServingError(
      'ERR_TRT_REQUEST',
      `request specifies invalid shape for ${this.#instance} of model '${this.#model}': no optimization profile takes ${text.join(', ')}`,
      'Build the plan with a profile for it, or lower max_batch_size.',
    );
  }
}

/** The shape in which the plan gets the items of `tensor`; `size` undefined: no batch dimension. */
function shapeOf(
  binding: InputBinding,
  tensor: InferTensor,
  size: number | undefined,
): readonly number[] {
  const { dims, reshape } = binding;
  const item = size === undefined || binding.row.onHost ? tensor.shape : tensor.shape.slice(1);
  const wanted = reshape === undefined ? item : reshaped(dims, reshape, item);
  return size === undefined ? wanted : [size, ...wanted];
}

/** Elements of an item of a request's input, all of its items together. @internal */
export function elementsOf(binding: InputBinding, request: PendingRequest): number {
  const source = binding.batchInput?.source ?? -1;
  return volume(request.inputs[source]?.shape ?? []);
}

function batchInputShape(
  binding: InputBinding,
  requests: readonly PendingRequest[],
  size: number,
): number[] {
  const { kind = 'BATCH_ELEMENT_COUNT', source = -1 } = binding.batchInput ?? {};
  const rank = (requests[0]?.inputs[source]?.shape.length ?? 1) - 1;
  switch (kind) {
    case 'BATCH_ELEMENT_COUNT':
    case 'BATCH_ACCUMULATED_ELEMENT_COUNT':
      return [requests.length];
    case 'BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO':
      return [requests.length + 1];
    case 'BATCH_MAX_ELEMENT_COUNT_AS_SHAPE':
      return [Math.max(...requests.map((request) => elementsOf(binding, request)))];
    case 'BATCH_ITEM_SHAPE':
      return [size, rank];
    case 'BATCH_ITEM_SHAPE_FLATTEN':
      return [size * rank];
  }
}
