// What is measured: an engine, the shapes it runs with, and its inputs.

import { describe, invalidArgument } from '../errors.js';
import { withPreflight } from '../inspect/preflight-error.js';
import type { NativeEngine, NativeMeasureOptions, NativePlatform } from '../native.js';
import { openPlatformWithDevice } from '../platform.js';
import { type MadeInput, makeInputs } from '../run/inputs.js';
import { unknownTensor } from '../runtime/engine.js';
import {
  type DeviceInfo,
  deserialize,
  makeNativeRuntime,
  versionText,
} from '../runtime/runtime.js';
import { emptyFeeds, resolveFeeds } from '../session/feeds.js';
import { prepareEngine } from '../session/engine-options.js';
import { type IoTable, describeTensor, ioTable } from '../session/io-table.js';
import { chooseProfile } from '../session/profiles.js';
import { checkSignal } from '../session/run.js';
import { type Tensor, isTensor } from '../tensor.js';
import { checkInteger } from '../validate.js';
import type { BenchInput, BenchOptions, BenchReport, BenchSettings } from './types.js';

/** An engine that is open, and its inputs. */
export interface Subject {
  readonly platform: NativePlatform;
  readonly deviceInfo: DeviceInfo;
  readonly version: string;
  readonly engineName: string;
  readonly engine: NativeEngine;
  readonly refit: BenchReport['refit'];
  readonly table: IoTable;
  readonly profile: number;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly inputs: readonly BenchInput[];
  /** Frees the engine; {@link Subject.feeds} and the descriptions stay. */
  close(): void;
}

/** Shapes whose names have a `*`, for each input that they match; a name itself goes first. */
export function expandShapes(
  shapes: Readonly<Record<string, readonly number[]>>,
  names: readonly string[],
): Map<string, readonly number[]> {
  const expanded = new Map<string, readonly number[]>();
  for (const [pattern, shape] of Object.entries(shapes)) {
    const star = pattern.indexOf('*');
    if (star < 0 || names.includes(pattern)) {
      expanded.set(pattern, shape);
      continue;
    }
    const head = pattern.slice(0, star);
    const tail = pattern.slice(star + 1);
    const matching = names.filter(
      (name) =>
        name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail),
    );
    if (matching.length === 0) throw unknownTensor(pattern, names, 'an input');
    for (const name of matching) if (!Object.hasOwn(shapes, name)) expanded.set(name, shape);
  }
  return expanded;
}

async function madeInputs(
  table: IoTable,
  options: BenchOptions,
  settings: BenchSettings,
  profile: number,
): Promise<Map<string, MadeInput>> {
  const given = Object.entries(options.inputs ?? {});
  const tensors = given.filter((entry): entry is [string, Tensor] => isTensor(entry[1]));
  const files = given.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (tensors.length + files.length < given.length) {
    const wrong = given.find(([, value]) => !isTensor(value) && typeof value !== 'string');
    throw invalidArgument(
      `bench: inputs: expected a Tensor or a path for '${wrong?.[0] ?? ''}', got ${describe(wrong?.[1])}`,
      'Give new Tensor(dtype, data, shape), or the path of a .npy file.',
    );
  }
  for (const [name] of tensors) {
    if (!table.inputNames.includes(name)) throw unknownTensor(name, table.inputNames, 'an input');
  }
  const session = { inputs: table.inputs.map((row) => describeTensor(row.tensor)) };
  const made = await makeInputs(session, {
    files: new Map(files),
    shapes: expandShapes(options.shapes ?? {}, table.inputNames),
    seed: settings.seed,
    profile,
  });
  for (const [name, tensor] of tensors) made.set(name, { tensor, source: 'given' });
  return made;
}

/**
 * Opens the plan, makes the inputs and chooses the profile.
 *
 * @throws What loading a plan throws, and for wrong inputs ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_FILE, ERR_TRT_LENGTH_MISMATCH,
 *   ERR_TRT_INVALID_SHAPE, ERR_TRT_RANK_MISMATCH, ERR_TRT_DTYPE_MISMATCH, ERR_TRT_SHAPE_OUT_OF_RANGE
 */
export async function openSubject(
  plan: unknown,
  options: BenchOptions,
  settings: BenchSettings,
): Promise<Subject> {
  const device = checkInteger(options.device ?? 0, 'device', 0);
  const { platform, devices } = openPlatformWithDevice(options, device);
  const runtime = makeNativeRuntime(platform, device, options);
  let engine: NativeEngine | undefined;
  const close = (): void => {
    engine?.close();
    runtime.close();
  };
  try {
    engine = await deserialize(runtime, plan, 'bench');
    const { refitFrom } = options;
    const { weightStreamingBudget } = settings;
    const refitted = await prepareEngine(engine, { refitFrom, weightStreamingBudget }, 'bench');
    checkSignal(options.signal, 'bench'); // it may have been aborted meanwhile
    const table = ioTable(platform, [device], engine.info);
    const pinned =
      options.profile === undefined
        ? undefined
        : checkInteger(options.profile, 'profile', 0, Math.max(0, table.numProfiles - 1));
    const made = await madeInputs(table, options, settings, pinned ?? 0);
    const feeds = Object.fromEntries([...made].map(([name, { tensor }]) => [name, tensor]));
    const resolved = emptyFeeds(table);
    resolveFeeds(table, feeds, resolved);
    const profile = chooseProfile(table, resolved.shapes, resolved.values, pinned);
    return {
      platform,
      deviceInfo: devices[device] as DeviceInfo,
      version: versionText(platform.version),
      engineName: engine.info.name,
      engine,
      refit: refitted,
      table,
      profile,
      feeds,
      inputs: describeInputs(table, made, profile),
      close,
    };
  } catch (error) {
    close();
    throw await withPreflight(error, plan, platform, device, options.engineHostCodeAllowed);
  }
}

function describeInputs(
  table: IoTable,
  made: ReadonlyMap<string, MadeInput>,
  profile: number,
): BenchInput[] {
  return table.inputs.map((row) => {
    const { tensor, source } = made.get(row.name) as MadeInput;
    const range = row.tensor.profiles[profile];
    const optimum = row.onHost ? range?.optValues : range?.opt;
    const known = optimum !== undefined && (row.onHost || optimum.length === row.rank);
    return {
      name: row.name,
      dtype: tensor.dtype,
      shape: row.onHost ? Array.from(tensor.data as Int32Array, Number) : tensor.shape,
      source,
      optimum: known ? optimum : undefined,
    };
  });
}

/** The inputs as the addon's measure takes them. */
export function nativeInputs(subject: Subject): NativeMeasureOptions['inputs'] {
  return subject.table.inputs.map((row) => {
    const { shape, data } = subject.feeds[row.name] as Tensor;
    return { shape, data };
  });
}
