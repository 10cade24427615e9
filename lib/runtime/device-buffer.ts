// DeviceBuffer: memory on the device.

import { DeviceTensor } from '../device-tensor.js';
import { type DType, byteSize } from '../dtype.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeDeviceBuffer, NativePlatform } from '../native.js';
import { checkInteger, checkMemory, checkOptions, checkShape, formatShape } from '../validate.js';
import { Handle } from './handle.js';
import {
  type IpcMemoryHandle,
  type OnDeviceOptions,
  checkHandle,
  copyDevices,
  exportMemory,
  onDeviceOptionNames,
  platformOnDevice,
} from './ipc.js';
import type { Runtime } from './runtime.js';
import { type CopyOptions, copyRange } from './copy-range.js';

/** How another process's memory is opened. */
export interface IpcMemoryOptions extends OnDeviceOptions {
  /** Where in the allocation; default 0. Take what the exporting process tells. */
  offset?: number | undefined;
  /** How many bytes; default: to the end of the allocation. */
  bytes?: number | undefined;
}

/** Whose memory lies at an address. */
export interface AddressOptions extends OnDeviceOptions {
  /** Kept from garbage collection for as long as the memory is used here: the object that owns it. */
  owner?: unknown;
  /** Called when nothing here uses the memory any more: after `close()` and the end of the runs that use it. */
  release?: (() => void) | undefined;
}

/**
 * Memory on the device. Made by {@link Runtime.createDeviceBuffer}, and freed by `close()`; or another process's, by {@link DeviceBuffer.fromIpcHandle},
 * or another library's, by {@link DeviceBuffer.fromAddress}, which `close()` only lets go.
 */
export class DeviceBuffer extends Handle<NativeDeviceBuffer> {
  /** Index of the device. */
  readonly device: number;
  /** Size in bytes. */
  readonly bytes: number;

  readonly #platform: NativePlatform;

  /** @internal */
  constructor(
    platform: NativePlatform,
    native: NativeDeviceBuffer,
    parent?: Runtime | DeviceBuffer,
  ) {
    super(native, parent);
    this.#platform = platform;
    this.device = native.device;
    this.bytes = native.bytes;
  }

  /**
   * Opens memory that another process of this machine has exported. Nothing is copied: both see what either writes; order the two by events
   * ({@link CudaEvent.fromIpcHandle}) or by messages. The memory stays the other's: it must keep it allocated until this is closed.
   *
   * @param handle - The 64 bytes of a CUipcMemHandle: of {@link DeviceBuffer.exportIpcHandle}, PyTorch, CuPy, Triton's clients …
   * @param options - Offset and size, device, runtime.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT: no handle, one of this very process, one of memory that is gone, or a range beyond
   *   the allocation; {@link UnsupportedError} ERR_TRT_UNSUPPORTED on devices without CUDA IPC (Jetson); {@link DeviceError} ERR_TRT_CUDA; what
   *   {@link Runtime} throws when there is no usable runtime or device
   */
  static fromIpcHandle(handle: Uint8Array, options: IpcMemoryOptions = {}): DeviceBuffer {
    const who = 'DeviceBuffer.fromIpcHandle';
    checkOptions(options, [...onDeviceOptionNames, 'offset', 'bytes'], who);
    const checked = checkHandle(handle, who);
    const offset = checkInteger(options.offset ?? 0, `${who}: offset`, 0);
    const bytes =
      options.bytes === undefined ? undefined : checkInteger(options.bytes, `${who}: bytes`, 0);
    const { platform, device } = platformOnDevice(options);
    return new DeviceBuffer(platform, platform.openIpcMemory(device, checked, offset, bytes));
  }

  /**
   * Uses device memory that another library of this process has allocated, where it is: of your own addon, say. It is never freed here.
   *
   * @param address - The CUdeviceptr. TensorRT reads and writes fastest, with some formats only, at multiples of 256.
   * @param bytes - How much, from there.
   * @param options - `owner` and `release` keep it allocated; device, runtime.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when CUDA does not know it as memory of that device; `release` is not called then
   */
  static fromAddress(address: bigint, bytes: number, options: AddressOptions = {}): DeviceBuffer {
    const who = 'DeviceBuffer.fromAddress';
    checkOptions(options, [...onDeviceOptionNames, 'owner', 'release'], who);
    if (typeof address !== 'bigint' || address <= 0n || address >= 1n << 64n) {
      throw invalidArgument(
        `${who}: expected a device address as a bigint, got ${describe(address)}`,
        'Give the CUdeviceptr, for example 0x7f0000000000n.',
      );
    }
    checkInteger(bytes, `${who}: bytes`, 0);
    const { owner, release } = options;
    if (release !== undefined && typeof release !== 'function') {
      throw invalidArgument(
        `${who}: release: expected a function, got ${describe(release)}`,
        'Leave it out when nobody needs to know.',
      );
    }
    const { platform, device } = platformOnDevice(options);
    // The addon holds the function, and with it the owner.
    const letGo = Object.assign(() => release?.(), { owner });
    return new DeviceBuffer(platform, platform.wrapAddress(device, address, bytes, letGo));
  }

  /**
   * A handle by which other processes of this machine open this memory, without a copy. Keep it open, and this process alive, until they have closed theirs.
   * The handle stands for the whole CUDA allocation (small ones may share one): give it to processes that you trust only.
   *
   * @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED for memory that cannot be shared (another process's, of a memory pool) and on devices without
   *   CUDA IPC (Jetson); {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED
   */
  exportIpcHandle(): IpcMemoryHandle {
    return exportMemory(this.native, this.bytes);
  }

  /**
   * A part of this memory as a tensor: a feed, or an output target, of sessions on this device. It is closed with this buffer, and does not own the memory.
   *
   * @param byteOffset - Where it begins; default 0.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE, ERR_TRT_INVALID_ARGUMENT, ERR_TRT_LENGTH_MISMATCH (does not fit);
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  tensor<T extends DType>(dtype: T, shape: readonly number[], byteOffset = 0): DeviceTensor<T> {
    const who = 'DeviceBuffer.tensor';
    checkInteger(byteOffset, `${who}: byteOffset`, 0, this.bytes);
    const bytes = byteSize(dtype, checkShape(shape, who));
    if (bytes > this.bytes - byteOffset) {
      throw new InvalidArgumentError(
        'ERR_TRT_LENGTH_MISMATCH',
        `${who}: expected at most ${this.bytes - byteOffset} bytes, got ${bytes} for ${dtype} of shape ${formatShape(shape)}`,
        'Make a larger buffer, or a smaller tensor.',
      );
    }
    const native = this.native.view(byteOffset, bytes);
    return new DeviceTensor(this.#platform, native, dtype, shape, this);
  }

  /**
   * Copies to another buffer, of this or another device; blocks no thread of Node.js.
   *
   * @returns Rejects with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when it does not fit, {@link ClosedError} ERR_TRT_CLOSED,
   *   {@link DeviceError} ERR_TRT_CUDA.
   */
  async copyTo(to: DeviceBuffer, options: CopyOptions = {}): Promise<void> {
    const { toOffset, fromOffset, bytes } = copyRange(to, this, options);
    await copyDevices(this.#platform, to.native, toOffset, this.native, fromOffset, bytes);
  }

  /**
   * The CUdeviceptr, for interoperation with other native code.
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  get address(): bigint {
    return this.native.address;
  }

  /**
   * Copies host memory to the device and waits. For scripts and tests: it blocks the thread.
   *
   * @param from - A typed array, DataView or Buffer; all its bytes are copied.
   * @param byteOffset - Where in this buffer; default 0.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_BUFFER, ERR_TRT_INVALID_ARGUMENT (does not fit); {@link ClosedError} ERR_TRT_CLOSED;
   *   {@link DeviceError} ERR_TRT_CUDA
   */
  writeSync(from: ArrayBufferView, byteOffset = 0): void {
    checkMemory(from, 'DeviceBuffer.writeSync');
    checkInteger(byteOffset, 'DeviceBuffer.writeSync: byteOffset', 0, this.bytes);
    this.native.writeSync(from, byteOffset);
  }

  /**
   * Copies device memory to the host and waits. For scripts and tests: it blocks the thread.
   *
   * @param into - A typed array, DataView or Buffer; it is filled.
   * @param byteOffset - Where in this buffer; default 0.
   * @throws as {@link DeviceBuffer.writeSync}
   */
  readSync(into: ArrayBufferView, byteOffset = 0): void {
    checkMemory(into, 'DeviceBuffer.readSync');
    checkInteger(byteOffset, 'DeviceBuffer.readSync: byteOffset', 0, this.bytes);
    this.native.readSync(into, byteOffset);
  }
}
