// Split: the outputs of a batch, cut into those of its requests.

import { DeviceTensor } from '../../../device-tensor.js';
import type { TensorData } from '../../../dtype.js';
import type { NativePlatform } from '../../../native.js';
import type { GatheredSlot, Staged } from '../../../session/gathered.js';
import { volume } from '../../../validate.js';
import { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';
import type { BatchArrangement } from './arrange.js';
import { type Bindings, type OutputBinding, reshaped } from './bindings.js';

/** What a batch that has ended left behind. @internal */
export interface Finished {
  readonly slot: GatheredSlot;
  readonly staged: Staged;
  readonly arrangement: BatchArrangement;
  readonly requests: readonly PendingRequest[];
  /** By the plan's output: it stays on the device. */
  readonly onDevice: readonly boolean[] | undefined;
}

/**
 * Outputs of a batch that are not larger together are copied at once, and each request gets its part of that memory, as Node's small Buffers share theirs: an
 * ArrayBuffer each would cost more than all else that is done for a request.
 */
const sharedBytes = 64 * 1024;

type Results = (InferTensor | undefined)[];

/** The dimensions of an item as the config tells them, from the plan's. */
function itemShape(
  binding: OutputBinding,
  shape: readonly number[],
  batching: boolean,
): readonly number[] {
  const item = batching ? shape.slice(1) : shape;
  return binding.reshape === undefined ? item : reshaped(binding.reshape, binding.dims, item);
}

/** Shapes by output and batch size, of the arrangements whose outputs' shapes are known before. */
const knownShapes = new WeakMap<Staged, (readonly number[])[][]>();

function shapeOf(
  staged: Staged,
  binding: OutputBinding,
  batchSize: number,
  batching: boolean,
): readonly number[] {
  let known = knownShapes.get(staged);
  if (known === undefined) {
    known = [];
    knownShapes.set(staged, known);
  }
  const shapes = (known[binding.row.index] ??= []);
  let shape = shapes[batchSize];
  if (shape === undefined) {
    const item = itemShape(binding, staged.outputShapes[binding.row.index] ?? [], batching);
    shape = Object.freeze(batching ? [batchSize, ...item] : item.slice());
    shapes[batchSize] = shape;
  }
  return shape;
}

/** @internal */
export class Splitter {
  readonly #platform: NativePlatform;
  readonly #bindings: Bindings;
  /** The only output, where nothing is special about it. */
  readonly #simple: OutputBinding | undefined;

  constructor(platform: NativePlatform, bindings: Bindings) {
    this.#platform = platform;
    this.#bindings = bindings;
    const [only, ...others] = bindings.outputs;
    const plain = only?.given === 0 && !only.shapeTensor && only.scatter < 0;
    this.#simple =
      plain && others.length === 0 && bindings.outputCount === 1 && bindings.batching
        ? only
        : undefined;
  }

  /** Answers all requests. @throws what reading outputs throws, and when an output cannot be cut */
  answer(finished: Finished): void {
    const { requests, staged, arrangement } = finished;
    const simple = this.#simple;
    const view = simple && staged.outputs[simple.row.index];
    if (simple !== undefined && view !== undefined && finished.onDevice === undefined) {
      answerSimply(requests, staged, simple, view, view.length / arrangement.size);
      return;
    }
    const results: Results[] = requests.map(() =>
      new Array<InferTensor | undefined>(this.#bindings.outputCount).fill(undefined),
    );
    const extras = requests.map(({ extraOutputs }) =>
      extraOutputs === undefined ? undefined : new Map<string, InferTensor>(),
    );
    const shares = requests.every(({ options }) => options.views === true);
    for (const binding of this.#bindings.outputs) {
      this.#split(finished, binding, shares, (at, tensor) => {
        const request = requests[at] as PendingRequest;
        const { name } = binding.row;
        if (request.extraOutputs?.includes(name) === true) extras[at]?.set(name, tensor);
        const { given } = binding;
        if (given < 0 || (request.wanted !== undefined && !request.wanted.includes(given))) return;
        (results[at] as Results)[given] = tensor;
      });
    }
    for (let at = 0; at < requests.length; at++) {
      (requests[at] as PendingRequest).complete(results[at] as Results, undefined, extras[at]);
    }
  }

  #split(
    finished: Finished,
    binding: OutputBinding,
    shares: boolean,
    give: (at: number, tensor: InferTensor) => void,
  ): void {
    const { slot, staged, arrangement, requests, onDevice } = finished;
    const { batching } = this.#bindings;
    const { index, info } = binding.row;
    if (onDevice?.[index] === true) {
      const request = requests[0] as PendingRequest;
      const ends = staged.outputs[index] === undefined ? slot.outputShapes()[index] : undefined;
      const shape = ends ?? shapeOf(staged, binding, request.batchSize, batching);
      const native = slot.takeDeviceOutput(index);
      const tensor = new DeviceTensor(this.#platform, native, info.dtype, shape);
      // Nobody will get it to close: its memory would wait for the garbage collector.
      if (request.settled) tensor.close();
      else give(0, new InferTensor(binding.datatype, tensor, shape));
      return;
    }
    const wanted = requests.some(
      ({ wanted: only, extraOutputs }) =>
        only === undefined ||
        only.includes(binding.given) ||
        extraOutputs?.includes(binding.row.name),
    );
    if (!wanted) return;
    const known = staged.outputs[index];
    const shape =
      known === undefined ? (slot.outputShapes()[index] ?? []) : (staged.outputShapes[index] ?? []);
    // Read through the addon it is a copy already.
    const data = known ?? slot.read(index, shape);
    if (binding.shapeTensor) {
      const values = binding.leadsWithBatch ? data.slice(1) : data.slice();
      for (let at = 0; at < requests.length; at++) {
        give(at, new InferTensor(binding.datatype, values.slice(), [values.length]));
      }
      return;
    }
    if (!batching) {
      const own = known === undefined ? data : data.slice();
      give(0, new InferTensor(binding.datatype, own, itemShape(binding, shape, false)));
      return;
    }
    const parts = binding.scatter >= 0 ? scatterShapes(binding, requests) : undefined;
    if (parts === undefined && shape[0] !== arrangement.size) {
      if (requests.length > 1 || shape.length === 0) {
        throw new Error(
          `output '${binding.row.name}' has shape [${shape.join(',')}], whose first dimension is not the batch size ${arrangement.size}: set max_batch_size to 0`,
        );
      }
      give(0, new InferTensor(binding.datatype, known === undefined ? data : data.slice(), shape));
      return;
    }
    const perItem = data.length / Math.max(1, arrangement.size);
    const together = shares || data.byteLength <= sharedBytes;
    const shared = together && requests.length > 1 ? data.slice() : undefined;
    let from = 0;
    for (let at = 0; at < requests.length; at++) {
      const { batchSize } = requests[at] as PendingRequest;
      const item = parts?.[at];
      const length = item === undefined ? batchSize * perItem : volume(item);
      const part =
        shared === undefined
          ? data.slice(from, from + length)
          : shared.subarray(from, from + length);
      from += length;
      const own =
        item ??
        (known === undefined
          ? [batchSize, ...itemShape(binding, shape, true)]
          : shapeOf(staged, binding, batchSize, true));
      give(at, new InferTensor(binding.datatype, part, own));
    }
  }
}

/** BATCH_SCATTER_WITH_INPUT_SHAPE: each request gets as much as it gave. */
function scatterShapes(
  binding: OutputBinding,
  requests: readonly PendingRequest[],
): (readonly number[])[] {
  return requests.map((request) => request.inputs[binding.scatter]?.shape ?? []);
}

/** One output, cut along the batch: the way of most models, without anything in between. */
function answerSimply(
  requests: readonly PendingRequest[],
  staged: Staged,
  binding: OutputBinding,
  view: TensorData,
  perItem: number,
): void {
  const { datatype } = binding;
  const shares =
    requests.length > 1 &&
    (view.byteLength <= sharedBytes || requests.every(({ options }) => options.views === true));
  const shared = shares ? view.slice() : undefined;
  let from = 0;
  for (const request of requests) {
    const to = from + request.batchSize * perItem;
    const part = shared === undefined ? view.slice(from, to) : shared.subarray(from, to);
    const shape = shapeOf(staged, binding, request.batchSize, true);
    from = to;
    const tensor = new InferTensor(datatype, part, shape);
    const { extraOutputs } = request;
    if (extraOutputs === undefined) request.complete([tensor]);
    else request.complete([tensor], undefined, new Map([[binding.row.name, tensor]]));
  }
}
