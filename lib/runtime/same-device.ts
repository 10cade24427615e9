// Objects of different devices must not meet, except in copies: an error that says which is where.

import { invalidArgument } from '../errors.js';

/** @throws ERR_TRT_INVALID_ARGUMENT unless `other` is on `device` @internal */
export function checkSameDevice(
  who: string,
  what: string,
  other: { readonly device: number },
  device: number,
): void {
  if (other.device === device) return;
  throw invalidArgument(
    `${who}: expected ${what} on device ${device}, got one on device ${other.device}`,
    `Make it with the Runtime of device ${device}; memory is copied between devices by stream.copyDeviceToDevice(), buffer.copyTo() or tensor.toDevice().`,
  );
}
