// CudaEvent: a point in a stream that others wait for, or that time is measured between.

import type { NativeEvent, NativePlatform } from '../native.js';
import { Handle } from './handle.js';
import type { Runtime } from './runtime.js';

/** How a {@link CudaEvent} is made. */
export interface EventOptions {
  /** Whether {@link CudaEvent.elapsedSince} is possible; costs a little. Default false. */
  timing?: boolean | undefined;
  /** Whether waiting sleeps instead of spinning. Default true. */
  blockingSync?: boolean | undefined;
}

/** CUDA's event (called so because JavaScript has an `Event` already). Made by {@link Runtime.createEvent}, recorded by {@link Stream.recordEvent}. */
export class CudaEvent extends Handle<NativeEvent> {
  /** Index of the device. */
  readonly device: number;

  /** @internal */
  constructor(runtime: Runtime, platform: NativePlatform, device: number, options: EventOptions) {
    const blocking = options.blockingSync !== false;
    super(platform.createEvent(device, options.timing === true, blocking), runtime);
    this.device = device;
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
   * @throws {@link DeviceError} ERR_TRT_CUDA when one is not done, was not recorded, or keeps no time
   */
  elapsedSince(start: CudaEvent): number {
    return this.native.elapsedSince(start.native);
  }
}
