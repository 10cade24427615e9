// CudaEvent: a point in a stream that others wait for, or that time is measured between.

import type { NativeEvent, NativePlatform } from '../native.js';
import { invalidArgument } from '../errors.js';
import { checkOptions } from '../validate.js';
import { Handle } from './handle.js';
import { type OnDeviceOptions, checkHandle, onDeviceOptionNames, platformOnDevice } from './ipc.js';
import type { Runtime } from './runtime.js';
import { checkSameDevice } from './same-device.js';

/** How a {@link CudaEvent} is made. */
export interface EventOptions {
  /** Whether {@link CudaEvent.elapsedSince} is possible; costs a little. Default false. */
  timing?: boolean | undefined;
  /** Whether waiting sleeps instead of spinning. Default true. */
  blockingSync?: boolean | undefined;
  /** Whether other processes can open it, by {@link CudaEvent.exportIpcHandle}; not together with `timing`. Default false. */
  interprocess?: boolean | undefined;
}

/** CUDA's event (called so because JavaScript has an `Event` already). Made by {@link Runtime.createEvent}, recorded by {@link Stream.recordEvent}. */
export class CudaEvent extends Handle<NativeEvent> {
  /** Index of the device. */
  readonly device: number;

  readonly #interprocess: boolean;

  /** @internal */
  constructor(native: NativeEvent, interprocess: boolean, parent?: Runtime) {
    super(native, parent);
    this.device = native.device;
    this.#interprocess = interprocess;
  }

  /** @internal */
  static create(runtime: Runtime, platform: NativePlatform, options: EventOptions): CudaEvent {
    const blocking = options.blockingSync !== false;
    const timing = options.timing === true;
    const interprocess = options.interprocess === true;
    if (timing && interprocess) {
      throw invalidArgument(
        'createEvent: expected timing or interprocess, got both',
        'CUDA takes no time of events that processes share: use a second event.',
      );
    }
    const native = platform.createEvent(runtime.device, timing, blocking, interprocess);
    return new CudaEvent(native, interprocess, runtime);
  }

  /**
   * Opens an event that another process of this machine has exported: streams here wait for what is recorded there, and the other way round.
   *
   * @param handle - The 64 bytes of a CUipcEventHandle.
   * @param options - Device, which must be the exporter's, and runtime.
   * @throws as {@link DeviceBuffer.fromIpcHandle}
   */
  static fromIpcHandle(handle: Uint8Array, options: OnDeviceOptions = {}): CudaEvent {
    const who = 'CudaEvent.fromIpcHandle';
    checkOptions(options, onDeviceOptionNames, who);
    const checked = checkHandle(handle, who);
    const { platform, device } = platformOnDevice(options);
    return new CudaEvent(platform.openIpcEvent(device, checked), true);
  }

  /**
   * The 64 bytes of a CUipcEventHandle, by which other processes open this event.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT unless it was made with `interprocess`; {@link UnsupportedError}
   *   ERR_TRT_UNSUPPORTED; {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED
   */
  exportIpcHandle(): Uint8Array {
    const { native } = this;
    if (this.#interprocess) return new Uint8Array(native.exportIpc());
    throw invalidArgument(
      'CudaEvent.exportIpcHandle: expected an event made for other processes, got one without `interprocess`',
      'Make it with createEvent({ interprocess: true }).',
    );
  }

  /** Whether everything before it is done; true if it was never recorded. @throws {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED */
  query(): boolean {
    return this.native.query();
  }

  /** Resolves when everything before it is done; blocks no thread of Node.js. Rejects with {@link DeviceError} ERR_TRT_CUDA. */
  async synchronize(): Promise<void> {
    await this.native.synchronize();
  }

  /** Waits until everything before it is done, blocking this thread. @throws {@link DeviceError} ERR_TRT_CUDA */
  synchronizeSync(): void {
    this.native.synchronizeSync();
  }

  /**
   * Milliseconds of device time from `start` to this event. Both need `timing: true` and must be done.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for an event of another device; {@link DeviceError} ERR_TRT_CUDA when one is not done, was not recorded, or keeps no time
   */
  elapsedSince(start: CudaEvent): number {
    checkSameDevice('elapsedSince', 'an event', start, this.device);
    return this.native.elapsedSince(start.native);
  }
}
