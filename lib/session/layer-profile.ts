// Session.profile(): times of the layers with the session's engine, on a context of its own.

import { isDeviceTensor } from '../device-tensor.js';
import { dtypeInfo } from '../dtype.js';
import { isTensorRTError } from '../errors.js';
import { type LayerReport, type LayerTimes, layerTimes } from '../layers/layer-times.js';
import { chromeTrace } from '../layers/chrome-trace.js';
import type { NativeEngine, NativeMeasureOptions } from '../native.js';
import { isTensor } from '../tensor.js';
import { checkInteger, checkOptions } from '../validate.js';
import { type ResolvedFeeds, emptyFeeds, resolveFeeds } from './feeds.js';
import type { IoTable } from './io-table.js';
import { chooseProfile } from './profiles.js';
import { abortedError, checkSignal } from './run.js';
import type { Feeds } from './types.js';

/** How layers are profiled. */
export interface LayerProfileOptions {
  /** Runs that are counted; default 10. */
  iterations?: number | undefined;
  /** Milliseconds of runs before those, which are not counted; default 200. */
  warmUpMs?: number | undefined;
  /** Optimization profile; default: the session's choice for these shapes. */
  profile?: number | undefined;
  /** Aborts. */
  signal?: AbortSignal | undefined;
}

/** Times of an engine's layers, as TensorRT's profiler tells them. */
export class LayerProfile implements LayerTimes {
  /** How many runs were profiled. */
  readonly count: number;
  /** In the engine's order. Layers that TensorRT runs beside each other (auxiliary streams) are timed as if they ran alone. */
  readonly layers: readonly LayerReport[];
  /** Milliseconds by run and layer: `count` rows of `layers.length`. */
  readonly times: Float32Array;
  readonly #title: string;

  /** @internal */
  constructor(title: string, times: LayerTimes) {
    this.#title = title;
    this.count = times.count;
    this.layers = times.layers;
    this.times = times.times;
  }

  /** For chrome://tracing or ui.perfetto.dev: the JSON of a file that shows every layer of every run. */
  toChromeTrace(): string {
    return chromeTrace({ title: this.#title, layers: this });
  }
}

/** Tensors on the device are read back: profiling copies its inputs itself. */
async function hostFeeds(feeds: Feeds): Promise<Feeds> {
  if (typeof feeds !== 'object' || (feeds as unknown) === null) return feeds; // resolveFeeds says what is wrong
  const entries = Object.entries(feeds).map(async ([name, feed]) =>
    isDeviceTensor(feed) ? ([name, await feed.read()] as const) : ([name, feed] as const),
  );
  return Object.fromEntries(await Promise.all(entries));
}

function nativeInputs(
  table: IoTable,
  feeds: Feeds,
  resolved: ResolvedFeeds,
): NativeMeasureOptions['inputs'] {
  return table.inputs.map((row, index) => {
    const shape = resolved.shapes[index] ?? [];
    if (row.onHost) {
      const info = dtypeInfo(row.tensor.dtype);
      const values = resolved.values[index] ?? [];
      const data = new info.array(values.length) as unknown as (number | bigint)[];
      for (const [at, value] of values.entries()) {
        data[at] = info.dtype === 'int64' ? BigInt(value) : value;
      }
      return { shape, data: data as unknown as ArrayBufferView };
    }
    const feed = feeds[row.name];
    const data = isTensor(feed) ? feed.data : (resolved.inputs[index] as ArrayBufferView);
    return { shape, data };
  });
}

/** Checks the feeds and profiles. What it rejects with is in Session.profile's comment. @internal */
export async function profileLayers(
  engine: NativeEngine,
  table: IoTable,
  pinnedProfile: number | undefined,
  feeds: Feeds,
  options: LayerProfileOptions = {},
): Promise<LayerProfile> {
  checkOptions(options, ['iterations', 'warmUpMs', 'profile', 'signal'], 'profile');
  const iterations = checkInteger(options.iterations ?? 10, 'iterations', 1, 1_000_000);
  const warmUpMs = checkInteger(options.warmUpMs ?? 200, 'warmUpMs', 0, 3_600_000);
  const signal = checkSignal(options.signal, 'profile');
  const pinned =
    options.profile === undefined
      ? pinnedProfile
      : checkInteger(options.profile, 'profile', 0, table.numProfiles - 1);
  const onHost = await hostFeeds(feeds);
  const resolved = emptyFeeds(table);
  resolveFeeds(table, onHost, resolved);
  const running = engine.measure({
    profile: chooseProfile(table, resolved.shapes, resolved.values, pinned),
    inputs: nativeInputs(table, onHost, resolved),
    streams: 1,
    threads: false,
    iterations: iterations + 1, // the one that ends the warm-up does not count
    warmUpMs,
    durationMs: 0,
    sleepMs: 0,
    idleMs: 0,
    cudaGraph: false,
    allocationStrategy: 0,
    spin: false,
    transfers: true,
    overlap: false,
    layerTimes: true,
    outputs: false,
    persistentCacheRatio: undefined,
  });
  const cancel = (): void => {
    running.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  try {
    const { layers, layerTimes: times } = await running.result;
    return new LayerProfile(engine.info.name, layerTimes(layers, times));
  } catch (error) {
    if (signal?.aborted === true && isTensorRTError(error) && error.code === 'ERR_TRT_ABORTED') {
      throw abortedError('profile', signal);
    }
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
