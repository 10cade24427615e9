// ActivationMemory: device memory for activations that sessions share.

import { describe, invalidArgument } from '../errors.js';
import type { NativeActivationPool, NativePlatform } from '../native.js';
import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Handle } from './handle.js';

/** Where an {@link ActivationMemory} lies. */
export interface ActivationMemoryOptions extends PlatformOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
}

/**
 * Device memory for the activations of several sessions, given to them as `activationMemory`. A run borrows a block and gives it back when it has ended:
 * sessions that never run at the same time need as much as the largest of them, not the sum. Runs at the same time get a block each. Blocks grow as
 * needed and are freed when this and all sessions that use it are closed. Sessions keep what they use; `close()` only ends the sharing with further ones.
 *
 * @example
 * ```ts
 * const activationMemory = new ActivationMemory();
 * const detector = await Session.load('detector.plan', { activationMemory });
 * const classifier = await Session.load('classifier.plan', { activationMemory });
 * ```
 */
export class ActivationMemory extends Handle<NativeActivationPool> {
  readonly #platform: NativePlatform;
  /** Index of the device. */
  readonly device: number;

  /**
   * @param options - Runtime and device, as the sessions have them. Nothing is allocated yet.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; what {@link Session.load} rejects with when there is no usable runtime or device.
   */
  constructor(options: ActivationMemoryOptions = {}) {
    checkOptions(options, [...platformOptionNames, 'device'], 'ActivationMemory');
    const device = checkInteger(options.device ?? 0, 'device', 0);
    const { platform } = openPlatformWithDevice(options, device);
    super(platform.createActivationPool(device));
    this.#platform = platform;
    this.device = device;
  }

  /**
   * Bytes of device memory that its blocks have now. A session takes its first block when it is loaded.
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  get bytes(): number {
    return this.native.bytes;
  }

  /** What the addon takes. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_CLOSED @internal */
  static nativeOf(
    value: unknown,
    platform: NativePlatform,
    device: number,
  ): NativeActivationPool | undefined {
    if (value === undefined) return undefined;
    if (!(value instanceof ActivationMemory)) {
      throw invalidArgument(
        `activationMemory: expected an ActivationMemory, got ${describe(value)}`,
        'Make one with new ActivationMemory(), or leave it out.',
      );
    }
    if (value.device !== device || value.#platform.kind !== platform.kind) {
      throw invalidArgument(
        `activationMemory: expected memory on device ${device} of the ${platform.kind} runtime, got some on device ${value.device} of the ${value.#platform.kind} runtime`,
        'Make one for each device.',
      );
    }
    return value.native;
  }
}
