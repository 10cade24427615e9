// From a plan and the session's options to the engines and executors of its devices, all devices at the same time.

import { describe, invalidArgument } from '../errors.js';
import type {
  NativeActivationPool,
  NativeEngine,
  NativeExecutorOptions,
  NativePlatform,
  NativeRuntime,
} from '../native.js';
import { isPlanSource } from '../plan-source.js';
import { ActivationMemory } from '../runtime/activation-memory.js';
import { deserialize, makeNativeRuntime } from '../runtime/runtime.js';
import { checkInteger } from '../validate.js';
import type { LaneParts } from './lane.js';
import type { SessionOptions } from './types.js';

/** The devices that the options name. @throws ERR_TRT_INVALID_ARGUMENT */
export function checkDevices(options: Pick<SessionOptions, 'device' | 'devices'>): number[] {
  const { device, devices } = options;
  if (devices === undefined) return [checkInteger(device ?? 0, 'device', 0)];
  if (device !== undefined) {
    throw invalidArgument(
      `device, devices: expected one of the two, got device ${describe(device)} and devices ${describe(devices)}`,
      'Leave out `device`.',
    );
  }
  if (!Array.isArray(devices) || devices.length === 0) {
    throw invalidArgument(
      `devices: expected an array of at least one device, got ${describe(devices)}`,
      'Give for example [0, 1], or leave it out for device 0.',
    );
  }
  const checked = devices.map((one: unknown, index) => checkInteger(one, `devices[${index}]`, 0));
  const twice = checked.find((one, index) => checked.indexOf(one) !== index);
  if (twice === undefined) return checked;
  throw invalidArgument(
    `devices: expected each device once, got ${twice} twice`,
    'For more runs at a time on a device raise `instances`.',
  );
}

/** The activation memory for each device; undefined: of its own. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_CLOSED */
export function activationPools(
  given: unknown,
  platform: NativePlatform,
  devices: readonly number[],
): (NativeActivationPool | undefined)[] {
  if (!Array.isArray(given)) {
    if (given !== undefined && devices.length > 1) {
      throw invalidArgument(
        `activationMemory: expected an array with one for each of ${devices.length} devices, got ${describe(given)}`,
        'Make an ActivationMemory for each device, or leave it out.',
      );
    }
    return devices.map((device) => ActivationMemory.nativeOf(given, platform, device));
  }
  if (given.length !== devices.length) {
    throw invalidArgument(
      `activationMemory: expected one for each of ${devices.length} device(s), got ${given.length}`,
      'Give them in the order of the devices.',
    );
  }
  return devices.map((device, index) => ActivationMemory.nativeOf(given[index], platform, device));
}

/** An engine with its runtime, on one device. */
export interface OpenedEngine {
  readonly device: number;
  readonly runtime: NativeRuntime;
  readonly engine: NativeEngine;
}

/** What all promises give; when one rejects, `undo` is called for each of the others, and the first failure is thrown. */
async function allOrNone<T>(promises: Promise<T>[], undo: (value: T) => void): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failure = settled.find((one) => one.status === 'rejected');
  if (failure === undefined) return Promise.all(promises);
  for (const one of settled) if (one.status === 'fulfilled') undo(one.value);
  throw failure.reason;
}

export function closeEngine({ engine, runtime }: OpenedEngine): void {
  engine.close();
  runtime.close();
}

/** Deserializes the plan on each device. */
export async function openEngines(
  platform: NativePlatform,
  devices: readonly number[],
  plan: unknown,
  options: SessionOptions,
  signal: AbortSignal | undefined,
): Promise<OpenedEngine[]> {
  if (devices.length > 1 && isPlanSource(plan)) {
    throw invalidArgument(
      'Session.load: expected a path or bytes for several devices, got a plan in pieces, which can be read only once',
      'Collect the pieces first, or load a session for each device.',
    );
  }
  const open = async (device: number): Promise<OpenedEngine> => {
    const runtime = makeNativeRuntime(platform, device, options);
    try {
      return { device, runtime, engine: await deserialize(runtime, plan, 'Session.load', signal) };
    } catch (error) {
      runtime.close();
      throw error;
    }
  };
  return allOrNone(devices.map(open), closeEngine);
}

/** Makes the executor of each engine; when one fails, those made are closed, and the engines are left. */
export function makeExecutors(
  engines: readonly OpenedEngine[],
  optionsOf: (lane: number) => NativeExecutorOptions,
): Promise<LaneParts[]> {
  const make = async (opened: OpenedEngine, lane: number): Promise<LaneParts> => ({
    ...opened,
    executor: await opened.engine.createExecutor(optionsOf(lane)),
  });
  return allOrNone(engines.map(make), ({ executor }) => void executor.close());
}
