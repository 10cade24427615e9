// DeviceBuffer: memory on the device.

import type { NativeDeviceBuffer, NativePlatform } from '../native.js';
import { checkInteger, checkMemory } from '../validate.js';
import { Handle } from './handle.js';
import type { Runtime } from './runtime.js';

/** Memory on the device. Made by {@link Runtime.createDeviceBuffer}; freed by `close()`. */
export class DeviceBuffer extends Handle<NativeDeviceBuffer> {
  /** Index of the device. */
  readonly device: number;
  /** Size in bytes. */
  readonly bytes: number;

  /** @internal */
  constructor(runtime: Runtime, platform: NativePlatform, device: number, bytes: number) {
    const size = checkInteger(bytes, 'createDeviceBuffer: bytes', 0);
    super(platform.createDeviceBuffer(device, size), runtime);
    this.device = device;
    this.bytes = size;
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
