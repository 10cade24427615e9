// What export and import of CUDA IPC handles share: the handle's check, and the options that name a device.

import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import type { NativeDeviceBuffer, NativePlatform } from '../native.js';
import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import { checkInteger, checkMemory } from '../validate.js';

/** What another process needs to open device memory of this one: {@link DeviceBuffer.fromIpcHandle}. */
export interface IpcMemoryHandle {
  /** The 64 bytes of a CUipcMemHandle, as PyTorch, CuPy and Triton take and give them. It stands for a whole allocation. */
  readonly handle: Uint8Array;
  /** Where in that allocation the memory begins, in bytes. */
  readonly offset: number;
  /** Its size in bytes. */
  readonly bytes: number;
}

/** On which device something of another process, or of another library, is opened. */
export interface OnDeviceOptions extends PlatformOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
}

/** Names of {@link OnDeviceOptions}. @internal */
export const onDeviceOptionNames = [...platformOptionNames, 'device'] as const;

/** @throws as {@link openPlatformWithDevice} @internal */
export function platformOnDevice(options: OnDeviceOptions): {
  platform: NativePlatform;
  device: number;
} {
  const device = checkInteger(options.device ?? 0, 'device', 0);
  return { platform: openPlatformWithDevice(options, device).platform, device };
}

/** @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER unless it is 64 bytes @internal */
export function checkHandle(handle: unknown, who: string): Uint8Array {
  if (!(handle instanceof Uint8Array)) {
    throw invalidArgument(
      `${who}: expected the 64 bytes of a handle as a Uint8Array, got ${describe(handle)}`,
      "Decode text first: Buffer.from(text, 'base64').",
    );
  }
  checkMemory(handle, who);
  if (handle.byteLength === 64) return handle;
  throw new InvalidArgumentError(
    'ERR_TRT_INVALID_ARGUMENT',
    `${who}: expected the 64 bytes of a CUDA IPC handle, got ${handle.byteLength}`,
    'Pass on exactly what exportIpcHandle() of the other process gave.',
  );
}

/** @internal */
export function exportMemory(native: NativeDeviceBuffer, bytes: number): IpcMemoryHandle {
  const { handle, offset } = native.exportIpc();
  return { handle: new Uint8Array(handle), offset, bytes };
}

/** Copies on a stream of its own, and waits without blocking a thread of Node.js. @internal */
export async function copyDevices(
  platform: NativePlatform,
  to: NativeDeviceBuffer,
  toOffset: number,
  from: NativeDeviceBuffer,
  fromOffset: number,
  bytes: number,
): Promise<void> {
  if (bytes === 0) return;
  const stream = platform.createStream(from.device, 0);
  try {
    stream.copyDeviceToDevice(to, toOffset, from, fromOffset, bytes);
    await stream.synchronize();
  } finally {
    stream.close();
  }
}
