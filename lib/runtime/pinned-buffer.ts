// PinnedBuffer: page-locked host memory, which the device copies from and to without staging.

import { type DType, type DTypeArrays, arrayLength, byteSize, dtypeInfo } from '../dtype.js';
import { InvalidArgumentError } from '../errors.js';
import type { NativePinnedBuffer, NativePlatform } from '../native.js';
import { Tensor, type TensorSource, pinnedBuffer } from '../tensor.js';
import { checkInteger, checkMemory, checkShape, formatShape, volume } from '../validate.js';
import { Handle } from './handle.js';
import type { Runtime } from './runtime.js';

/** How a {@link PinnedBuffer} is made. */
export interface PinnedBufferOptions {
  /** Also addressable by the device (zero copy; the better way on Jetson). Default false. */
  mapped?: boolean | undefined;
}

/** Page-locked host memory. Made by {@link Runtime.createPinnedBuffer}; freed by `close()`, which detaches its ArrayBuffer. */
export class PinnedBuffer extends Handle<NativePinnedBuffer> {
  /** Index of the device that it is pinned for. */
  readonly device: number;
  /** Size in bytes. */
  readonly bytes: number;

  /** @internal */
  constructor(
    runtime: Runtime,
    platform: NativePlatform,
    device: number,
    bytes: number,
    options: PinnedBufferOptions,
  ) {
    const size = checkInteger(bytes, 'createPinnedBuffer: bytes', 0);
    super(platform.createPinnedBuffer(device, size, options.mapped === true), runtime);
    this.device = device;
    this.bytes = size;
  }

  /**
   * The device address when mapped, else 0n.
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  get deviceAddress(): bigint {
    return this.native.deviceAddress;
  }

  /**
   * The pinned memory itself, not a copy; detached by `close()`.
   *
   * @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED where external memory is forbidden (Electron): use `write` and `read` there;
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  get arrayBuffer(): ArrayBuffer {
    return this.native.arrayBuffer;
  }

  /**
   * A tensor over this memory, from its first byte. As a feed of {@link Session.run} it is copied to the device without staging, so its elements must
   * not change until that run has settled; as an output target it is written directly.
   *
   * @param dtype - The element type.
   * @param shape - The dimensions; their elements must fit.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE, ERR_TRT_LENGTH_MISMATCH (does not fit); {@link UnsupportedError}
   *   ERR_TRT_UNSUPPORTED as {@link PinnedBuffer.arrayBuffer}; {@link ClosedError} ERR_TRT_CLOSED
   */
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const info = dtypeInfo(dtype);
    const length = arrayLength(info, checkShape(shape, 'PinnedBuffer.tensor'));
    const bytes = byteSize(dtype, volume(shape));
    if (bytes > this.bytes) {
      throw new InvalidArgumentError(
        'ERR_TRT_LENGTH_MISMATCH',
        `PinnedBuffer.tensor: expected at most ${this.bytes} bytes, got ${bytes} for ${dtype} of shape ${formatShape(shape)}`,
        'Make a larger pinned buffer, or a smaller tensor.',
      );
    }
    const data = new info.array(this.arrayBuffer, 0, length) as DTypeArrays[T];
    const tensor = new Tensor(dtype, data as TensorSource<T>, shape);
    Object.defineProperty(tensor, pinnedBuffer, { value: this });
    return tensor;
  }

  /**
   * Copies host memory into this buffer.
   *
   * @param from - A typed array, DataView or Buffer; all its bytes are copied.
   * @param byteOffset - Where in this buffer; default 0.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_BUFFER, ERR_TRT_INVALID_ARGUMENT (does not fit); {@link ClosedError} ERR_TRT_CLOSED
   */
  write(from: ArrayBufferView, byteOffset = 0): void {
    checkMemory(from, 'PinnedBuffer.write');
    checkInteger(byteOffset, 'PinnedBuffer.write: byteOffset', 0, this.bytes);
    this.native.write(from, byteOffset);
  }

  /**
   * Copies from this buffer.
   *
   * @param into - A typed array, DataView or Buffer; it is filled.
   * @param byteOffset - Where in this buffer; default 0.
   * @throws as {@link PinnedBuffer.write}
   */
  read(into: ArrayBufferView, byteOffset = 0): void {
    checkMemory(into, 'PinnedBuffer.read');
    checkInteger(byteOffset, 'PinnedBuffer.read: byteOffset', 0, this.bytes);
    this.native.read(into, byteOffset);
  }
}
