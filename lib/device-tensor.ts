// DeviceTensor: elements on the device with their type and shape, to feed the next session without a copy through the host.

import { type DType, type DTypeArrays, arrayLength, byteSize, dtypeInfo } from './dtype.js';
import { InvalidArgumentError } from './errors.js';
import type { NativeDeviceBuffer, NativePlatform } from './native.js';
import type { DeviceBuffer } from './runtime/device-buffer.js';
import { Handle } from './runtime/handle.js';
import { type IpcMemoryHandle, copyDevices, exportMemory } from './runtime/ipc.js';
import type { Runtime } from './runtime/runtime.js';
import { Tensor, type TensorSource } from './tensor.js';
import { checkInteger, checkShape, formatShape, sameShape, volume } from './validate.js';

/**
 * Elements on the device: an output that was asked for as `'device'`, or memory from {@link Runtime.createDeviceTensor}. A feed of any session on the same device.
 * Owned by whoever received it: `close()` it, or declare it with `using`.
 */
export class DeviceTensor<T extends DType = DType> extends Handle<NativeDeviceBuffer> {
  readonly #platform: NativePlatform;
  readonly #isView: boolean;
  /** The element type. */
  readonly dtype: T;
  /** The dimensions; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Index of the device. */
  readonly device: number;
  /** Bytes of the elements; the memory behind may be larger. */
  readonly byteLength: number;

  /** @internal */
  constructor(
    platform: NativePlatform,
    native: NativeDeviceBuffer,
    dtype: T,
    shape: readonly number[],
    parent?: Runtime | DeviceTensor | DeviceBuffer,
  ) {
    super(native, parent);
    this.#platform = platform;
    this.#isView = parent instanceof DeviceTensor;
    this.dtype = dtype;
    this.shape = Object.freeze(shape.slice());
    this.device = native.device;
    this.byteLength = byteSize(dtype, volume(shape));
  }

  /** @internal */
  get platform(): NativePlatform {
    return this.#platform;
  }

  /** Number of elements. */
  get size(): number {
    return volume(this.shape);
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
   * Copies the elements to another device (or to new memory on the same); blocks no thread of Node.js.
   *
   * @param device - Index of the device.
   * @returns A tensor there, the caller's to close. Rejects with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when there is no such device,
   *   {@link ClosedError} ERR_TRT_CLOSED, {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY, {@link DeviceError} ERR_TRT_CUDA.
   */
  async toDevice(device: number): Promise<DeviceTensor<T>> {
    const from = this.native;
    checkInteger(device, 'toDevice: device', 0, 2 ** 20);
    const to = this.#platform.createDeviceBuffer(device, this.byteLength);
    try {
      await copyDevices(this.#platform, to, 0, from, 0, this.byteLength);
    } catch (error) {
      to.close();
      throw error;
    }
    return new DeviceTensor(this.#platform, to, this.dtype, this.shape);
  }

  /** As {@link DeviceBuffer.exportIpcHandle}, of the elements. Outputs of sessions can be shared as well: close the tensor only when nobody uses it any more. */
  exportIpcHandle(): IpcMemoryHandle {
    return exportMemory(this.native, this.byteLength);
  }

  /**
   * Copies the elements to the host; blocks no thread of Node.js. Do not close or overwrite the tensor before it settles.
   *
   * @returns A tensor over a new array. Rejects with {@link ClosedError} ERR_TRT_CLOSED, {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY,
   *   {@link DeviceError} ERR_TRT_CUDA.
   */
  async read(): Promise<Tensor<T>> {
    const from = this.native;
    const tensor = this.emptyTensor();
    if (this.byteLength === 0) return tensor;
    const staging = this.#platform.createPinnedBuffer(this.device, this.byteLength, false);
    try {
      const stream = this.#platform.createStream(this.device, 0);
      try {
        stream.copyDeviceToHost(staging, 0, from, 0, this.byteLength);
        await stream.synchronize();
      } finally {
        stream.close();
      }
      staging.read(tensor.data, 0);
    } finally {
      staging.close();
    }
    return tensor;
  }

  /**
   * Copies the elements to the host and waits, blocking this thread.
   *
   * @returns A tensor over a new array.
   * @throws as {@link DeviceTensor.read} rejects
   */
  readSync(): Tensor<T> {
    const from = this.native;
    const tensor = this.emptyTensor();
    if (this.byteLength > 0) from.readSync(tensor.data, 0);
    return tensor;
  }

  /**
   * Copies the elements of `tensor` to the device and waits, blocking this thread.
   *
   * @param tensor - Of the same dtype and shape.
   * @throws {@link InvalidArgumentError} ERR_TRT_DTYPE_MISMATCH, ERR_TRT_LENGTH_MISMATCH; {@link ClosedError} ERR_TRT_CLOSED; {@link DeviceError} ERR_TRT_CUDA
   */
  writeSync(tensor: Tensor<T>): void {
    const into = this.native;
    if (tensor.dtype !== this.dtype) {
      throw new InvalidArgumentError(
        'ERR_TRT_DTYPE_MISMATCH',
        `DeviceTensor.writeSync: expected ${this.dtype}, got ${tensor.dtype}`,
        'Convert the elements, or make a device tensor of that type.',
      );
    }
    if (!sameShape(tensor.shape, this.shape) || tensor.data.byteLength !== this.byteLength) {
      throw new InvalidArgumentError(
        'ERR_TRT_LENGTH_MISMATCH',
        `DeviceTensor.writeSync: expected shape ${formatShape(this.shape)} (${this.byteLength} bytes), got ${formatShape(tensor.shape)} (${tensor.data.byteLength} bytes)`,
        'Give a tensor of the same shape.',
      );
    }
    if (this.byteLength > 0) into.writeSync(tensor.data, 0);
  }

  /** The first elements as another shape: a view, which is closed with this tensor but does not own the memory. @internal */
  withShape(shape: readonly number[]): DeviceTensor<T> {
    if (sameShape(shape, this.shape)) return this;
    return new DeviceTensor(this.#platform, this.native, this.dtype, shape, this);
  }

  /** @internal */
  protected override release(native: NativeDeviceBuffer): void {
    if (!this.#isView) native.close();
  }

  private emptyTensor(): Tensor<T> {
    const info = dtypeInfo(this.dtype);
    const data = new info.array(arrayLength(info, this.size)) as DTypeArrays[T];
    return new Tensor(this.dtype, data as TensorSource<T>, this.shape);
  }
}

/** `instanceof`, as a type that says DType. @internal */
export function isDeviceTensor(value: unknown): value is DeviceTensor {
  return value instanceof DeviceTensor;
}

/** Allocates device memory for a tensor. @internal */
export function allocateDeviceTensor<T extends DType>(
  runtime: Runtime,
  dtype: T,
  shape: readonly number[],
): DeviceTensor<T> {
  const bytes = byteSize(dtype, checkShape(shape, 'createDeviceTensor'));
  const native = runtime.platform.createDeviceBuffer(runtime.device, bytes);
  return new DeviceTensor(runtime.platform, native, dtype, shape, runtime);
}
