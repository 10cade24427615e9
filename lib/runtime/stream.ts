// Stream: CUDA work in order.

import type { NativePlatform, NativeStream } from '../native.js';
import { invalidArgument } from '../errors.js';
import { checkChoice, checkInteger } from '../validate.js';
import { type CopyOptions, copyRange } from './copy-range.js';
import { CudaGraph } from './cuda-graph.js';
import type { DeviceBuffer } from './device-buffer.js';
import type { CudaEvent } from './event.js';
import { Handle } from './handle.js';
import type { PinnedBuffer } from './pinned-buffer.js';
import type { Runtime } from './runtime.js';
import { checkSameDevice } from './same-device.js';

/** How a {@link Stream} is made. */
export interface StreamOptions {
  /** Lower is more urgent; clamped to the device's range. Default 0. */
  priority?: number | undefined;
}

const captureModes = ['global', 'threadLocal', 'relaxed'] as const;

/** What may be done on other threads while a stream is captured, as CUDA defines it. */
export type CaptureMode = (typeof captureModes)[number];

/** CUDA work in order. Made by {@link Runtime.createStream}. Nothing here waits, except where it says so. */
export class Stream extends Handle<NativeStream> {
  readonly #runtime: Runtime;
  /** Index of the device. */
  readonly device: number;

  /** @internal */
  constructor(runtime: Runtime, platform: NativePlatform, device: number, options: StreamOptions) {
    const priority = checkInteger(options.priority ?? 0, 'createStream: priority', -1000, 1000);
    super(platform.createStream(device, priority), runtime);
    this.#runtime = runtime;
    this.device = device;
  }

  /** The priority that CUDA gave; lower is more urgent. */
  get priority(): number {
    return this.native.priority;
  }

  /** The CUstream, for interoperation with other native code. */
  get handle(): bigint {
    return this.native.handle;
  }

  /** Whether all work is done. @throws {@link DeviceError} ERR_TRT_CUDA for an error of earlier work; {@link ClosedError} ERR_TRT_CLOSED */
  query(): boolean {
    return this.native.query();
  }

  /** Resolves when all work so far is done; blocks no thread of Node.js. Rejects with {@link DeviceError} ERR_TRT_CUDA for an error of earlier work. */
  async synchronize(): Promise<void> {
    await this.native.synchronize();
  }

  /** Waits until all work so far is done, blocking this thread. @throws as {@link Stream.query} */
  synchronizeSync(): void {
    this.native.synchronizeSync();
  }

  /** Later work here waits, on the device, for `event`, which may be of another device or another process. @throws {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED */
  waitEvent(event: CudaEvent): void {
    this.native.waitEvent(event.native);
  }

  /**
   * Records `event` after all work so far.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for an event of another device; {@link DeviceError} ERR_TRT_CUDA;
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  recordEvent(event: CudaEvent): void {
    checkSameDevice('recordEvent', 'an event', event, this.device);
    this.native.recordEvent(event.native);
  }

  /**
   * From now on work is captured, not done. Enqueue once before the capture: TensorRT prepares itself in the first run.
   *
   * @param mode - Default 'threadLocal'.
   * @throws {@link DeviceError} ERR_TRT_CUDA when it is capturing already; {@link ClosedError} ERR_TRT_CLOSED
   */
  beginCapture(mode: CaptureMode = 'threadLocal'): void {
    this.native.beginCapture(
      captureModes.indexOf(checkChoice(mode, 'beginCapture: mode', captureModes)),
    );
  }

  /** Ends the capture. @returns What was captured, ready to launch. @throws {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED */
  endCapture(): CudaGraph {
    return new CudaGraph(this.native.endCapture(), this.#runtime, this.device);
  }

  /** Whether a capture is going on. */
  get capturing(): boolean {
    return this.native.capturing;
  }

  /**
   * Copies pinned memory to the device. Neither buffer may change until the stream has passed it.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when it does not fit; {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED
   */
  copyHostToDevice(to: DeviceBuffer, from: PinnedBuffer, options: CopyOptions = {}): void {
    checkSameDevice('copyHostToDevice', 'a device buffer', to, this.device);
    const { toOffset, fromOffset, bytes } = copyRange(to, from, options);
    this.native.copyHostToDevice(to.native, toOffset, from.native, fromOffset, bytes);
  }

  /** Copies from the device to pinned memory. @throws as {@link Stream.copyHostToDevice} */
  copyDeviceToHost(to: PinnedBuffer, from: DeviceBuffer, options: CopyOptions = {}): void {
    checkSameDevice('copyDeviceToHost', 'a device buffer', from, this.device);
    const { toOffset, fromOffset, bytes } = copyRange(to, from, options);
    this.native.copyDeviceToHost(to.native, toOffset, from.native, fromOffset, bytes);
  }

  /**
   * Copies on the device, or between it and another one: directly where they can (NVLink, PCIe; `trt-node doctor` shows it), else the driver goes
   * through the host.
   *
   * @throws as {@link Stream.copyHostToDevice}, also when neither buffer is on the stream's device
   */
  copyDeviceToDevice(to: DeviceBuffer, from: DeviceBuffer, options: CopyOptions = {}): void {
    if (to.device !== this.device && from.device !== this.device) {
      throw invalidArgument(
        `copyDeviceToDevice: expected a buffer on device ${this.device}, the stream's, got one on device ${from.device} and one on device ${to.device}`,
        'Use a stream of one of the two devices.',
      );
    }
    const { toOffset, fromOffset, bytes } = copyRange(to, from, options);
    this.native.copyDeviceToDevice(to.native, toOffset, from.native, fromOffset, bytes);
  }

  /**
   * Sets bytes on the device.
   *
   * @param to - The buffer.
   * @param value - 0 to 255.
   * @param options - `toOffset` and `bytes`; default: the whole buffer.
   * @throws as {@link Stream.copyHostToDevice}
   */
  memset(to: DeviceBuffer, value: number, options: Omit<CopyOptions, 'fromOffset'> = {}): void {
    checkInteger(value, 'memset: value', 0, 255);
    checkSameDevice('memset', 'a device buffer', to, this.device);
    const { toOffset, bytes } = copyRange(to, to, { ...options, fromOffset: options.toOffset });
    this.native.memset(to.native, toOffset, value, bytes);
  }
}
