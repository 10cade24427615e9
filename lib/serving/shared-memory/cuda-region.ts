// CudaRegion: device memory of another process, which a client has exported by a CUDA IPC handle.

import type { DeviceTensor } from '../../device-tensor.js';
import type { DType } from '../../dtype.js';
import { ServingError, asError } from '../../errors.js';
import type { PlatformOptions } from '../../platform.js';
import { DeviceBuffer } from '../../runtime/device-buffer.js';
import { copyDevices } from '../../runtime/ipc.js';

/** @internal */
export class CudaRegion {
  readonly kind = 'cuda';
  readonly name: string;
  readonly deviceId: number;
  readonly byteSize: number;
  readonly #buffer: DeviceBuffer;

  /** @throws ERR_TRT_REQUEST in Triton's words */
  constructor(
    name: string,
    handle: Uint8Array,
    deviceId: number,
    byteSize: number,
    platform: PlatformOptions,
  ) {
    this.name = name;
    this.deviceId = deviceId;
    this.byteSize = byteSize;
    try {
      this.#buffer = DeviceBuffer.fromIpcHandle(handle, {
        ...platform,
        device: deviceId,
        bytes: byteSize,
      });
    } catch (error) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `failed to register shared memory region '${name}': invalid args`,
        asError(error).message,
        { cause: error },
      );
    }
  }

  /** The elements where they are; the caller closes it, which leaves the memory alone. */
  tensor(dtype: DType, shape: readonly number[], offset: number): DeviceTensor {
    return this.#buffer.tensor(dtype, shape, offset);
  }

  /** A copy on the host. */
  read(offset: number, byteSize: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(byteSize);
    if (byteSize > 0) this.#buffer.readSync(bytes, offset);
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.#buffer.writeSync(bytes, offset);
  }

  /** From the device of `tensor` to this region, without the host between. */
  async copyFrom(tensor: DeviceTensor, offset: number): Promise<void> {
    const { platform, native, byteLength } = tensor;
    await copyDevices(platform, this.#buffer.native, offset, native, 0, byteLength);
  }

  close(): void {
    this.#buffer.close();
  }
}
