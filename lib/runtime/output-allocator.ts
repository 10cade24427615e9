// OutputAllocator: memory for outputs whose size TensorRT only learns while it runs.

import { describe, invalidArgument } from '../errors.js';
import type { NativeAddon, NativeOutputAllocator, NativePlatform } from '../native.js';
import type { DeviceBuffer } from './device-buffer.js';
import { Handle } from './handle.js';
import type { Runtime } from './runtime.js';
import { checkSameDevice } from './same-device.js';

/**
 * Gives device memory of at least `bytes` bytes, aligned to `alignment`. Called during {@link ExecutionContext.enqueue}, on the same thread. null: it
 * cannot, and the enqueue fails with ERR_TRT_OUTPUT_ALLOCATOR; so does an exception.
 */
export type AllocateOutput = (bytes: number, alignment: number) => DeviceBuffer | null;

/** Memory for one output whose size depends on the data. Made by {@link Runtime.createOutputAllocator}. */
export class OutputAllocator extends Handle<NativeOutputAllocator> {
  /** What the allocating function threw last; taken by the enqueue that fails of it. @internal */
  readonly failure: { thrown: unknown };
  /** Index of the device. */
  readonly device: number;

  /** @internal */
  constructor(
    runtime: Runtime,
    addon: NativeAddon,
    platform: NativePlatform,
    device: number,
    allocate: AllocateOutput | undefined,
  ) {
    if (allocate !== undefined && typeof allocate !== 'function') {
      throw invalidArgument(
        `createOutputAllocator: expected a function, got ${describe(allocate)}`,
        'Give (bytes, alignment) => DeviceBuffer | null, or leave it out.',
      );
    }
    const failure: { thrown: unknown } = { thrown: undefined };
    const native =
      allocate &&
      ((bytes: number, alignment: number) => {
        try {
          const buffer = allocate(bytes, alignment);
          if (buffer) checkSameDevice('OutputAllocator', 'a device buffer', buffer, device);
          return buffer?.native ?? null;
        } catch (error) {
          failure.thrown = error;
          return null;
        }
      });
    super(addon.createOutputAllocator(platform, device, native), runtime);
    this.failure = failure;
    this.device = device;
  }

  /** The dimensions that TensorRT told last; undefined before. Final once the stream has passed the enqueue. */
  get shape(): readonly number[] | undefined {
    return this.native.shape;
  }

  /** Bytes of the memory that the output is in, undefined before the first enqueue. It may be larger than the output. */
  get capacity(): number | undefined {
    return this.native.buffer?.bytes;
  }

  /**
   * Copies the output to the host and waits.
   *
   * @param into - A typed array, DataView or Buffer; it is filled.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT before the first enqueue, or when `into` is longer; {@link ClosedError} ERR_TRT_CLOSED
   */
  readSync(into: ArrayBufferView): void {
    const { buffer } = this.native;
    if (buffer === undefined) {
      throw invalidArgument(
        'OutputAllocator.readSync: expected an output, but nothing was enqueued yet',
        'Enqueue, synchronize the stream, then read.',
      );
    }
    buffer.readSync(into, 0);
  }
}
