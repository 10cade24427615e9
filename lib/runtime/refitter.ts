// Refitter: gives an engine other weights.

import { type DType, byteSize } from '../dtype.js';
import { BusyError, InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeRefitter } from '../native.js';
import { planBytes } from '../plan.js';
import { Tensor } from '../tensor.js';
import { checkInteger, checkString } from '../validate.js';
import { DeviceBuffer } from './device-buffer.js';
import type { Engine } from './engine.js';
import { Handle } from './handle.js';
import { PinnedBuffer } from './pinned-buffer.js';
import type { Stream } from './stream.js';

/** Type and size of weights. */
export interface WeightsShape {
  readonly dtype: DType;
  /** Number of elements. */
  readonly count: number;
}

/** Weights in memory that stays where it is. */
export interface WeightsBuffer extends WeightsShape {
  /** Page-locked host memory, or (from TensorRT 10 on) memory of the engine's device. */
  readonly buffer: PinnedBuffer | DeviceBuffer;
  /** Where in the buffer they begin; default 0. */
  readonly byteOffset?: number | undefined;
}

/**
 * IRefitter, one to one: first the weights are set, then the engine is refitted with all of them at once. Made by {@link Engine.createRefitter}; keeps the
 * engine's memory alive. Nothing may run in the engine while it is refitted: that is the caller's to see to ({@link Session.refit} does it by itself).
 * Execution contexts stay good; CUDA graphs that were captured before must be captured again. One call at a time: while a promise is
 * pending every other member throws {@link BusyError} ERR_TRT_BUSY. After `close()` everything throws {@link ClosedError} ERR_TRT_CLOSED.
 */
export class Refitter extends Handle<NativeRefitter> {
  /** The engine that it refits. */
  readonly engine: Engine;
  #busy = false;

  /** @internal */
  constructor(engine: Engine) {
    super(engine.native.createRefitter(), engine);
    this.engine = engine;
  }

  /** Names of all weights that can be exchanged. */
  getAllWeights(): string[] {
    return this.#idle().allWeights();
  }

  /** Names of the weights that TensorRT needs besides those that are set, before it can refit. */
  getMissingWeights(): string[] {
    return this.#idle().missingWeights();
  }

  /**
   * Which type and how many elements weights must have; undefined for a name that the engine has not got.
   *
   * @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED before TensorRT 10
   */
  getWeightsPrototype(name: string): WeightsShape | undefined {
    return this.#idle().weightsPrototype(checkString(name, 'name')) as WeightsShape | undefined;
  }

  /**
   * Sets weights by name. A tensor's elements are copied, so that it may be reused at once; a buffer is kept and read when the engine is
   * refitted: leave its content until then.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT with TensorRT's own words for a name that it does not know, another type or another
   *   number of elements; ERR_TRT_LENGTH_MISMATCH for a buffer that is too small; ERR_TRT_INVALID_BUFFER; {@link UnsupportedError} ERR_TRT_UNSUPPORTED for
   *   device memory before TensorRT 10
   */
  setNamedWeights(name: string, weights: Tensor | WeightsBuffer): void {
    const native = this.#idle();
    checkString(name, 'name');
    if (weights.dtype === 'float64') {
      throw new InvalidArgumentError(
        'ERR_TRT_DTYPE_MISMATCH',
        `setNamedWeights: expected a type that engines have for '${name}', got float64`,
        'Convert it with new Float32Array(array).',
      );
    }
    if (weights instanceof Tensor) {
      native.setNamedWeights(name, weights.dtype, weights.data, 0, weights.size);
      return;
    }
    const { buffer, dtype, count, byteOffset = 0 } = weights;
    if (!(buffer instanceof PinnedBuffer) && !(buffer instanceof DeviceBuffer)) {
      throw invalidArgument(
        `setNamedWeights: expected a Tensor, or an object with a PinnedBuffer or DeviceBuffer, got ${describe(buffer)}`,
        'Give new Tensor(dtype, data), or { buffer, dtype, count }.',
      );
    }
    checkInteger(byteOffset, 'setNamedWeights: byteOffset', 0, buffer.bytes);
    checkInteger(count, 'setNamedWeights: count', 0);
    byteSize(dtype, count); // an unknown dtype throws
    native.setNamedWeights(name, dtype, buffer.native, byteOffset, count);
  }

  /** What is set for a name; undefined: nothing. @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED before TensorRT 10 */
  getNamedWeights(name: string): WeightsShape | undefined {
    return this.#idle().namedWeights(checkString(name, 'name')) as WeightsShape | undefined;
  }

  /** Takes back what was set, and frees its copy. @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED before TensorRT 10 */
  unsetNamedWeights(name: string): void {
    this.#idle().unsetNamedWeights(checkString(name, 'name'));
  }

  /** Whether TensorRT checks the values that it is given (NaN and the like); default true. From TensorRT 10 on. */
  get weightsValidation(): boolean {
    return this.#idle().weightsValidation;
  }

  set weightsValidation(on: boolean) {
    this.#idle().weightsValidation = on;
  }

  /** Most threads that TensorRT may use. */
  get maxThreads(): number {
    return this.#idle().maxThreads;
  }

  set maxThreads(threads: number) {
    this.#idle().maxThreads = checkInteger(threads, 'maxThreads', 1, 2 ** 31 - 1);
  }

  /**
   * Sets the weights that an ONNX model has (IParserRefitter), on another thread. {@link Refitter.refitCudaEngine} must follow.
   *
   * @param path - The model; external weights are looked for beside it.
   * @returns Rejects with {@link RefitError} ERR_TRT_REFIT when the model cannot be read or does not fit; {@link UnsupportedError} ERR_TRT_UNSUPPORTED
   *   before TensorRT 10; {@link LoadError} when there is no libnvonnxparser.
   */
  refitFromFile(path: string): Promise<void> {
    return this.#alone((native) => native.refitFromFile(checkString(path, 'path')));
  }

  /** The same with the model's bytes, which are copied. @param path - Where external weights are looked for. */
  refitFromBytes(model: Uint8Array | ArrayBuffer, path = ''): Promise<void> {
    return this.#alone((native) =>
      native.refitFromBytes(planBytes(model, 'refitFromBytes'), checkString(path, 'path')),
    );
  }

  /**
   * Exchanges the weights, on another thread.
   *
   * @returns Rejects with {@link RefitError} ERR_TRT_REFIT: with `missingWeights` nothing was changed; without, the engine may have new and old weights.
   */
  refitCudaEngine(): Promise<void> {
    return this.#alone((native) => native.refitCudaEngine());
  }

  /** The same, blocking this thread. @throws as {@link Refitter.refitCudaEngine} */
  refitCudaEngineSync(): void {
    this.#idle().refitCudaEngineSync();
  }

  /**
   * Enqueues the exchange in `stream` without waiting: work after it in the stream sees the new weights; work in other streams must be kept apart with events. The
   * weights that are set must stay as they are until the stream has passed it. From TensorRT 10 on.
   *
   * @throws as {@link Refitter.refitCudaEngine}
   */
  refitCudaEngineAsync(stream: Stream): void {
    this.#idle().refitCudaEngineAsync(stream.native);
  }

  #idle(): NativeRefitter {
    const { native } = this;
    if (!this.#busy) return native;
    throw new BusyError(
      'ERR_TRT_BUSY',
      'expected an idle Refitter, but its last call has not ended',
      'Await its promise first.',
    );
  }

  async #alone(work: (native: NativeRefitter) => Promise<void>): Promise<void> {
    const native = this.#idle();
    this.#busy = true;
    try {
      await work(native);
    } finally {
      this.#busy = false;
    }
  }
}
