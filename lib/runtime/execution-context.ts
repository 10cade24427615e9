// ExecutionContext: the state of one inference of an engine.

import { describe, invalidArgument, isTensorRTError } from '../errors.js';
import type { NativeAddress, NativeExecutionContext } from '../native.js';
import { type DebugTensor, debugTensor } from '../session/debug.js';
import { checkInteger, checkShape, checkString } from '../validate.js';
import { DeviceBuffer } from './device-buffer.js';
import type { Engine } from './engine.js';
import type { CudaEvent } from './event.js';
import { GpuAllocator } from './gpu-allocator.js';
import { Handle } from './handle.js';
import type { OutputAllocator } from './output-allocator.js';
import { PinnedBuffer } from './pinned-buffer.js';
import { checkSameDevice } from './same-device.js';
import type { Stream } from './stream.js';

/** What one layer took, as TensorRT's profiler tells. */
export interface LayerTime {
  readonly name: string;
  readonly milliseconds: number;
}

/**
 * The state of one inference: profile, shapes, addresses. One inference at a time; make several contexts to run several. Made by
 * {@link Engine.createExecutionContext}. Tensors are named; an unknown name is ERR_TRT_UNKNOWN_TENSOR and lists those that exist.
 * Every member throws {@link ClosedError} ERR_TRT_CLOSED after `close()`, and {@link ExecutionError} ERR_TRT_EXECUTION with TensorRT's own words when
 * it refuses.
 */
export class ExecutionContext extends Handle<NativeExecutionContext> {
  /** The engine that it came from. */
  readonly engine: Engine;
  readonly #allocators = new Map<string, OutputAllocator>();

  /** @internal */
  constructor(engine: Engine, native: NativeExecutionContext) {
    super(native, engine);
    this.engine = engine;
  }

  /** Index of the device. */
  get device(): number {
    return this.engine.device;
  }

  /**
   * Selects an optimization profile; shapes and addresses must be set again afterwards. Work on `stream` after it sees it.
   *
   * @param profile - From 0 to the engine's numOptimizationProfiles - 1. A new context has profile 0 selected.
   * @param stream - Where what must be copied is copied.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for a profile that does not exist
   */
  setOptimizationProfile(profile: number, stream: Stream): void {
    const last = this.engine.numOptimizationProfiles - 1;
    checkInteger(profile, 'setOptimizationProfile: profile', 0, last);
    checkSameDevice('setOptimizationProfile', 'a stream', stream, this.device);
    this.native.setOptimizationProfile(profile, stream.native);
  }

  /** The selected profile, -1 for none. */
  get optimizationProfile(): number {
    return this.native.optimizationProfile;
  }

  /**
   * Sets the dimensions of an input.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE, ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_RANK_MISMATCH or
   *   ERR_TRT_SHAPE_OUT_OF_RANGE for what the selected profile does not take
   */
  setInputShape(name: string, shape: readonly number[]): void {
    const index = this.engine.tensorIndex(name);
    checkShape(shape, `setInputShape('${name}')`);
    this.native.setInputShape(index, shape);
  }

  /** The dimensions of an input as set, or of an output as they follow from the inputs; -1 where not known. */
  tensorShape(name: string): number[] {
    return this.native.tensorShape(this.engine.tensorIndex(name));
  }

  /** The strides in elements; -1 where not known. */
  tensorStrides(name: string): number[] {
    return this.native.tensorStrides(this.engine.tensorIndex(name));
  }

  /**
   * Computes what follows from the input shapes and from the values of shape tensors.
   *
   * @returns Names of the inputs whose shape or values are missing; empty when all is known.
   */
  inferShapes(): string[] {
    return this.native.inferShapes();
  }

  /** Whether all dynamic dimensions of the inputs are set. */
  get allInputDimensionsSpecified(): boolean {
    return this.native.allInputDimensionsSpecified;
  }

  /**
   * Where an input is read from or an output written to. The context keeps the buffer's memory alive while it is set.
   *
   * @param name - The tensor.
   * @param address - A device buffer, a (mapped) pinned buffer, a raw device address that you keep alive, or null for none. Tensors whose location is
   *   'host' (shape tensors) need a pinned buffer.
   * @param byteOffset - Into the buffer; must be aligned to 256 on most devices. Default 0.
   */
  setTensorAddress(
    name: string,
    address: DeviceBuffer | PinnedBuffer | bigint | null,
    byteOffset = 0,
  ): void {
    const index = this.engine.tensorIndex(name);
    const who = `setTensorAddress('${name}')`;
    let native: NativeAddress | null;
    if (address instanceof DeviceBuffer || address instanceof PinnedBuffer) {
      checkInteger(byteOffset, `${who}: byteOffset`, 0, address.bytes);
      if (address instanceof DeviceBuffer) {
        checkSameDevice(who, 'a device buffer', address, this.device);
      }
      native = address.native;
    } else if (address === null || typeof address === 'bigint') {
      native = address;
    } else {
      throw invalidArgument(
        `${who}: expected a DeviceBuffer, PinnedBuffer, bigint or null, got ${describe(address)}`,
        'Copy host arrays into a buffer first, or use Session, which does it all.',
      );
    }
    this.native.setTensorAddress(index, native, byteOffset);
  }

  /** The address that is set, 0n for none. */
  tensorAddress(name: string): bigint {
    return this.native.tensorAddress(this.engine.tensorIndex(name));
  }

  /** The allocator of an output whose size depends on the data; null for none. */
  setOutputAllocator(name: string, allocator: OutputAllocator | null): void {
    const index = this.engine.tensorIndex(name);
    if (allocator !== null) {
      checkSameDevice('setOutputAllocator', 'an allocator', allocator, this.device);
    }
    this.native.setOutputAllocator(index, allocator === null ? null : allocator.native);
    if (allocator === null) this.#allocators.delete(name);
    else this.#allocators.set(name, allocator);
  }

  /**
   * Whom TensorRT asks for memory whose size it only learns while it enqueues; null: its own. Default: TensorRT's own (in sessions that of the runtime). The
   * context keeps it.
   */
  setTemporaryStorageAllocator(allocator: GpuAllocator | null): void {
    const { runtime } = this.engine;
    const native =
      allocator === null
        ? null
        : (GpuAllocator.nativeOf(allocator, runtime.platform, runtime.device) ?? null);
    this.native.setTemporaryStorageAllocator(native);
  }

  /**
   * Who gets the values of debug tensors that are switched on; null: nobody. The enqueue copies them to the host, waiting for the stream each time; the listener
   * is called later, in order. Not while a CUDA graph is captured. Needs TensorRT 10.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link UnsupportedError} ERR_TRT_UNSUPPORTED
   */
  setDebugListener(listener: ((tensor: DebugTensor) => void) | null): void {
    if (listener !== null && typeof listener !== 'function') {
      throw invalidArgument(
        `setDebugListener: expected a function or null, got ${describe(listener)}`,
        'Give (tensor: DebugTensor) => void.',
      );
    }
    this.native.setDebugListener(
      listener &&
        ((tensor) => {
          listener(debugTensor(tensor));
        }),
    );
  }

  /**
   * Switches one debug tensor on or off; all are off at first.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_UNKNOWN_TENSOR for one that was not marked when the plan was built
   */
  setTensorDebugState(name: string, on: boolean): void {
    this.native.setTensorDebugState(checkString(name, 'setTensorDebugState'), on);
  }

  /** Switches all debug tensors on or off. */
  setAllTensorsDebugState(on: boolean): void {
    this.native.setAllTensorsDebugState(on);
  }

  /** Whether a debug tensor is switched on. */
  debugState(name: string): boolean {
    return this.native.debugState(checkString(name, 'debugState'));
  }

  /** An upper bound of an output's size in bytes for the shapes that are set; -1 when unknown. */
  maxOutputSize(name: string): number {
    return this.native.maxOutputSize(this.engine.tensorIndex(name));
  }

  /**
   * Activation memory, for contexts made with 'userManaged'. Contexts may share it if they never run at the same time.
   *
   * @param buffer - At least {@link ExecutionContext.updateDeviceMemorySizeForShapes} bytes after `byteOffset`.
   * @param byteOffset - A multiple of 256. Default 0.
   */
  setDeviceMemory(buffer: DeviceBuffer, byteOffset = 0): void {
    checkInteger(byteOffset, 'setDeviceMemory: byteOffset', 0, buffer.bytes);
    checkSameDevice('setDeviceMemory', 'a device buffer', buffer, this.device);
    this.native.setDeviceMemory(buffer.native, byteOffset, buffer.bytes - byteOffset);
  }

  /** Activation memory in bytes that the shapes now set need, for contexts made with 'userManaged'. */
  updateDeviceMemorySizeForShapes(): number {
    return this.native.updateDeviceMemorySizeForShapes();
  }

  /** Streams for parallel branches; at most the engine's numAuxStreams are used. */
  setAuxStreams(streams: readonly Stream[]): void {
    for (const stream of streams) {
      checkSameDevice('setAuxStreams', 'a stream', stream, this.device);
    }
    this.native.setAuxStreams(streams.map((stream) => stream.native));
  }

  /** Bytes of L2 cache for activations; 0 by default. */
  get persistentCacheLimit(): number {
    return this.native.persistentCacheLimit;
  }

  set persistentCacheLimit(bytes: number) {
    this.native.persistentCacheLimit = checkInteger(bytes, 'persistentCacheLimit', 0);
  }

  /** How much is told to NVTX: 0 layer names, 1 nothing, 2 details. */
  get nvtxVerbosity(): number {
    return this.native.nvtxVerbosity;
  }

  set nvtxVerbosity(verbosity: number) {
    this.native.nvtxVerbosity = checkInteger(verbosity, 'nvtxVerbosity', 0, 2);
  }

  /** Recorded when the inputs may be overwritten; null for none. */
  setInputConsumedEvent(event: CudaEvent | null): void {
    if (event !== null) {
      checkSameDevice('setInputConsumedEvent', 'an event', event, this.device);
    }
    this.native.setInputConsumedEvent(event === null ? null : event.native);
  }

  /** Whether times of layers are collected. Slows inference. */
  setProfiling(on: boolean): void {
    this.native.setProfiling(on);
  }

  /** Whether each enqueue reports layer times by itself, waiting for the stream (TensorRT's default), or only {@link ExecutionContext.reportToProfiler} does. */
  setEnqueueEmitsProfile(on: boolean): void {
    this.native.setEnqueueEmitsProfile(on);
  }

  /** Reports the layer times of the last enqueue; waits for it. */
  reportToProfiler(): void {
    this.native.reportToProfiler();
  }

  /** The layer times collected since the last call. */
  takeLayerTimes(): LayerTime[] {
    return this.native.takeLayerTimes();
  }

  /**
   * Puts the inference on `stream`; does not wait for it. Buffers must stay untouched until the stream has passed it.
   *
   * @throws {@link ExecutionError} ERR_TRT_EXECUTION when shapes or addresses are missing, ERR_TRT_OUTPUT_ALLOCATOR;
   *   {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY
   */
  enqueue(stream: Stream): void {
    checkSameDevice('enqueue', 'a stream', stream, this.device);
    try {
      this.native.enqueue(stream.native);
    } catch (error) {
      throw this.withCause(error);
    }
  }

  /** An allocator's own exception is the cause of the enqueue's. */
  private withCause(error: unknown): unknown {
    if (!isTensorRTError(error) || error.code !== 'ERR_TRT_OUTPUT_ALLOCATOR') return error;
    for (const { failure } of this.#allocators.values()) {
      if (failure.thrown === undefined) continue;
      error.cause = failure.thrown;
      failure.thrown = undefined;
    }
    return error;
  }
}
