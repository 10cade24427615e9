// GpuAllocator: whom TensorRT asks for device memory: a budget with statistics, or memory of yours.

import { describe, invalidArgument, isTensorRTError } from '../errors.js';
import { loadAddon } from '../load.js';
import type { NativeGpuAllocator, NativePlatform } from '../native.js';
import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import { checkInteger, checkOptions } from '../validate.js';
import type { DeviceBuffer } from './device-buffer.js';
import { Handle } from './handle.js';

/**
 * Gives device memory of at least `bytes` bytes, aligned to `alignment` (0: no matter). `flags`: TensorRT's AllocatorFlag bits; 1 means that the memory may be
 * grown later. null: refused, and what TensorRT was doing fails with ERR_TRT_OUT_OF_MEMORY; so does an exception. Always called on the JavaScript thread.
 */
export type AllocateDeviceMemory = (
  bytes: number,
  alignment: number,
  flags: number,
) => DeviceBuffer | null;

/** How a {@link GpuAllocator} is made. */
export interface GpuAllocatorOptions extends PlatformOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /** The most bytes that may be allocated at a time; what would go beyond is refused with ERR_TRT_OUT_OF_MEMORY. Default: no limit. */
  limitBytes?: number | undefined;
  /** Gives the memory. Default: the device. TensorRT's threads wait for it, so every load and launch goes through the event loop: prefer the default. */
  allocate?: AllocateDeviceMemory | undefined;
  /** Told, some time later, that TensorRT no longer uses a buffer that `allocate` gave; until then it must stay open. */
  deallocate?: ((address: bigint) => void) | undefined;
}

/** What a {@link GpuAllocator} has given so far. */
export interface GpuAllocatorStats {
  /** Bytes that are allocated now. */
  readonly allocatedBytes: number;
  /** The most that were at a time. */
  readonly peakBytes: number;
  readonly allocations: number;
  readonly deallocations: number;
  /** Requests beyond the limit, or for which there was no memory. */
  readonly refusals: number;
}

const optionNames = [...platformOptionNames, 'device', 'limitBytes', 'allocate', 'deallocate'];

/**
 * Device memory for runtimes, sessions and builds that it is given to as `gpuAllocator`: weights, contexts, activations of sessions, temporaries. Several may
 * share one: then they share its limit. They keep what they use; `close()` only ends giving it to further ones, and the statistics.
 *
 * @example
 * ```ts
 * const gpuAllocator = new GpuAllocator({ limitBytes: 2 * 2 ** 30 });
 * const session = await Session.load('model.plan', { gpuAllocator });
 * console.log(gpuAllocator.stats().peakBytes);
 * ```
 */
export class GpuAllocator extends Handle<NativeGpuAllocator> {
  readonly #platform: NativePlatform;
  readonly #failure: { thrown: unknown };
  /** Index of the device. */
  readonly device: number;

  /**
   * @param options - Runtime and device as for what it is given to, the limit, and where the memory comes from. Nothing is allocated yet.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; what {@link Session.load} rejects with when there is no usable runtime or device.
   */
  constructor(options: GpuAllocatorOptions = {}) {
    checkOptions(options, optionNames, 'GpuAllocator');
    const device = checkInteger(options.device ?? 0, 'device', 0);
    const limit =
      options.limitBytes === undefined ? 0 : checkInteger(options.limitBytes, 'limitBytes', 1);
    const { allocate, deallocate } = options;
    for (const [name, value] of Object.entries({ allocate, deallocate })) {
      if (value === undefined || typeof value === 'function') continue;
      throw invalidArgument(
        `${name}: expected a function, got ${describe(value)}`,
        'Leave it out, or give a function.',
      );
    }
    if (deallocate !== undefined && allocate === undefined) {
      throw invalidArgument(
        'deallocate: expected `allocate` with it, got none',
        'Give both, or neither: then the memory is the device’s.',
      );
    }
    const { platform } = openPlatformWithDevice(options, device);
    const failure: { thrown: unknown } = { thrown: undefined };
    const native =
      allocate &&
      ((bytes: number, alignment: number, flags: number) => {
        try {
          return allocate(bytes, alignment, flags)?.native ?? null;
        } catch (error) {
          failure.thrown = error;
          return null;
        }
      });
    super(loadAddon().addon.createGpuAllocator(platform, device, limit, native, deallocate));
    this.#platform = platform;
    this.#failure = failure;
    this.device = device;
  }

  /** Counters. @throws {@link ClosedError} ERR_TRT_CLOSED */
  stats(): GpuAllocatorStats {
    return this.native.stats();
  }

  /** What the addon takes. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_CLOSED @internal */
  static nativeOf(
    value: unknown,
    platform: NativePlatform,
    device: number,
  ): NativeGpuAllocator | undefined {
    if (value === undefined) return undefined;
    if (!(value instanceof GpuAllocator)) {
      throw invalidArgument(
        `gpuAllocator: expected a GpuAllocator, got ${describe(value)}`,
        'Make one with new GpuAllocator(), or leave it out.',
      );
    }
    if (value.device !== device || value.#platform.kind !== platform.kind) {
      throw invalidArgument(
        `gpuAllocator: expected one for device ${device} of the ${platform.kind} runtime, got one for device ${value.device} of the ${value.#platform.kind} runtime`,
        'Make one for each device.',
      );
    }
    return value.native;
  }

  /** The error, with what `allocate` threw as its cause. @internal */
  static explain(error: unknown, value: unknown): unknown {
    if (!(value instanceof GpuAllocator) || value.#failure.thrown === undefined) return error;
    if (!isTensorRTError(error) || error.code !== 'ERR_TRT_OUT_OF_MEMORY') return error;
    error.cause = value.#failure.thrown;
    value.#failure.thrown = undefined;
    return error;
  }
}
