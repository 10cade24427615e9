// Where a run may take place: the device of its tensors, and what to say of those on several.

import { isDeviceTensor } from '../device-tensor.js';
import { invalidArgument } from '../errors.js';
import { checkInteger } from '../validate.js';
import type { IoTable } from './io-table.js';
import type { OutputPlan } from './outputs.js';
import type { ResolvedFeeds } from './feeds.js';

/** Any of the session's devices. */
export const anyDevice = -1;

/**
 * The device on which the tensors of a run lie, or that its caller asks for; {@link anyDevice}: none does.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT when they disagree
 */
export function deviceOfRun(
  table: IoTable,
  feeds: ResolvedFeeds,
  outputs: OutputPlan,
  asked: unknown,
): number {
  let device = anyDevice;
  let first = '';
  const meet = (who: string, next: number): void => {
    if (device === anyDevice) {
      device = next;
      first = who;
    } else if (next !== device) {
      throw invalidArgument(
        `run: expected everything on one device, got ${first} on device ${device} and ${who} on device ${next}`,
        `A run takes place on one device: copy a tensor there with await tensor.toDevice(${device}).`,
      );
    }
  };
  if (asked !== undefined) meet('the option `device`', checkRunDevice(table, asked));
  feeds.known.forEach((tensor, index) => {
    if (isDeviceTensor(tensor)) meet(table.inputs[index]?.who ?? '', tensor.device);
  });
  for (const { row, device: target } of outputs.wanted) {
    if (isDeviceTensor(target)) meet(row.who, target.device);
  }
  return device;
}

/** @throws ERR_TRT_INVALID_ARGUMENT unless it is one of the session's devices */
export function checkRunDevice(table: IoTable, asked: unknown): number {
  const device = checkInteger(asked, 'device', 0);
  if (table.devices.includes(device)) return device;
  throw invalidArgument(
    `device: expected one of the session's devices (${table.devices.join(', ')}), got ${device}`,
    'Leave it out, or load the session with `devices`.',
  );
}
