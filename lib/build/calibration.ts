// INT8 calibration: the data and the cache file that TensorRT's calibrator asks for.

import { readFile, stat } from 'node:fs/promises';
import { checkWritable, writeFileAtomically } from '../atomic-write.js';
import { BuildError, FileError, asError, describe, fileError, invalidArgument } from '../errors.js';
import type { LogFunction } from '../log.js';
import type { NativeBatch, NativeBuild, NativeCalibration } from '../native.js';
import { type Tensor, isTensor } from '../tensor.js';
import { checkChoice, checkInteger, checkOptions, checkString } from '../validate.js';
import { readBatches } from './calibration-folder.js';
import { type BuildProfile, nativeProfile } from './profile.js';

/** TensorRT's calibrators, by the number of `CalibrationAlgoType`. */
export const calibrationAlgorithms = ['legacy', 'entropy', 'entropy2', 'minMax'] as const;

/** One of TensorRT's calibrators: `IInt8EntropyCalibrator2` ('entropy2'), `IInt8MinMaxCalibrator`, `IInt8EntropyCalibrator`, `IInt8LegacyCalibrator`. */
export type CalibrationAlgorithm = (typeof calibrationAlgorithms)[number];

/** One batch: a tensor for each input. */
export type CalibrationBatch = Readonly<Record<string, Tensor>>;

/** How an int8 build finds its scales. TensorRT 10 (and 8) only: 11 builds models that are quantized themselves, with Q/DQ nodes. */
export interface CalibrationOptions {
  /**
   * The batches: an iterable, which is asked for the next one when TensorRT wants it, or a folder of .npy files (`FOLDER/INPUT/*.npy`, or
   * `FOLDER/*.npy` for a model of one input; one file a batch, in the order of their names). It is not touched when the cache serves.
   */
  data?: string | Iterable<CalibrationBatch> | AsyncIterable<CalibrationBatch> | undefined;
  /** TensorRT's calibration cache, as trtexec reads and writes it: used if it exists, else written after the build. */
  cacheFile?: string | undefined;
  /** Default 'entropy2'. */
  algorithm?: CalibrationAlgorithm | undefined;
  /** The shapes to calibrate with, those of `opt`: a profile, or the index of one of the build's. Default 0. */
  profile?: number | BuildProfile | undefined;
  /** Of 'legacy' only: the part of the histogram that is kept, 0 to 1. Default 0.5. */
  quantile?: number | undefined;
  /** Of 'legacy' only: 0 to 1. Default 0.5. */
  regressionCutoff?: number | undefined;
}

const optionNames = [
  'data',
  'cacheFile',
  'algorithm',
  'profile',
  'quantile',
  'regressionCutoff',
] as const;

/** A cache has a line for each tensor; more than this is something else. */
const mostCacheBytes = 64 * 2 ** 20;

type Source = Iterable<CalibrationBatch> | AsyncIterable<CalibrationBatch>;

/** The JavaScript side of a calibration. @internal */
export class Calibration {
  /** For the addon. */
  readonly native: NativeCalibration;
  readonly #source: Source | undefined;
  readonly #cacheFile: string | undefined;
  #iterator: Iterator<CalibrationBatch> | AsyncIterator<CalibrationBatch> | undefined;
  #build: NativeBuild | undefined;
  #failure: { error: unknown; thrownByData: boolean } | undefined;

  private constructor(
    native: Omit<NativeCalibration, 'next'>,
    source: Source | undefined,
    cacheFile: string | undefined,
  ) {
    this.#source = source;
    this.#cacheFile = cacheFile;
    this.native = {
      ...native,
      next:
        source === undefined
          ? undefined
          : () => {
              void this.#next();
            },
    };
  }

  /** Checks the options and reads the cache. @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_SHAPE, ERR_TRT_FILE */
  static async open(
    options: CalibrationOptions,
    model: Uint8Array,
    log: LogFunction | undefined,
  ): Promise<Calibration> {
    checkOptions(options, optionNames, 'calibration');
    const { data, profile = 0 } = options;
    const algorithm = checkChoice(
      options.algorithm ?? 'entropy2',
      'calibration.algorithm',
      calibrationAlgorithms,
    );
    const cacheFile =
      options.cacheFile === undefined
        ? undefined
        : checkString(options.cacheFile, 'calibration.cacheFile');
    if (data === undefined && cacheFile === undefined) {
      throw invalidArgument(
        'calibration: expected data, a cache file, or both, got neither',
        'Give calibration.data: batches, or a folder of .npy files.',
      );
    }
    const native = {
      algorithm: calibrationAlgorithms.indexOf(algorithm),
      quantile: checkPart(options.quantile ?? 0.5, 'calibration.quantile'),
      regressionCutoff: checkPart(options.regressionCutoff ?? 0.5, 'calibration.regressionCutoff'),
      profileIndex:
        typeof profile === 'number' ? checkInteger(profile, 'calibration.profile', 0) : 0,
      profile:
        typeof profile === 'number' ? undefined : nativeProfile(profile, 'calibration.profile'),
    };
    const source = await sourceOf(data, model);
    const cache =
      cacheFile === undefined ? undefined : await readCache(cacheFile, source !== undefined, log);
    if (cacheFile !== undefined && cache === undefined) await checkWritable(cacheFile);
    return new Calibration({ ...native, cache }, source, cacheFile);
  }

  /** The build that asks. */
  attach(build: NativeBuild): void {
    this.#build = build;
  }

  async #next(): Promise<void> {
    let thrownByData = true;
    try {
      this.#iterator ??= iteratorOf(this.#source as Source);
      const result = await this.#iterator.next();
      const done = result.done === true;
      thrownByData = false;
      if (done) this.#iterator = undefined;
      this.#build?.giveBatch(done ? undefined : nativeBatch(result.value));
    } catch (error) {
      this.#failure = { error, thrownByData };
      if (thrownByData) this.#iterator = undefined; // it is done: nothing to be told
      this.#build?.failBatch();
    }
  }

  /** Why a build failed, if it was by the data. */
  explain(): Error | undefined {
    if (this.#failure === undefined) return undefined;
    const { error: cause, thrownByData } = this.#failure;
    if (!thrownByData) return asError(cause);
    return new BuildError(
      'ERR_TRT_BUILD',
      `calibration: the data ended with an error: ${cause instanceof Error ? cause.message : describe(cause)}`,
      'See `cause`: it is what the iterable threw.',
      { cause },
    );
  }

  /** Writes the cache that TensorRT made, if it made one. @throws ERR_TRT_FILE */
  async save(): Promise<void> {
    const cache = this.#build?.calibrationCache;
    if (cache === undefined || this.#cacheFile === undefined) return;
    await writeFileAtomically(this.#cacheFile, new Uint8Array(cache));
  }

  /** Lets go of data that was not read to its end. Nothing waits for it: the build is over. */
  close(): void {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    if (iterator?.return === undefined) return;
    void Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => undefined); // the build's own end is what counts
  }
}

function checkPart(value: unknown, who: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw invalidArgument(
    `${who}: expected a number from 0 to 1, got ${describe(value)}`,
    '0.5 is usual.',
  );
}

async function sourceOf(data: unknown, model: Uint8Array): Promise<Source | undefined> {
  if (data === undefined) return undefined;
  if (typeof data === 'string') {
    return readBatches(checkString(data, 'calibration.data'), model);
  }
  if (
    typeof data === 'object' &&
    data !== null &&
    (Symbol.asyncIterator in data || Symbol.iterator in data)
  ) {
    return data as Source;
  }
  throw invalidArgument(
    `calibration.data: expected an iterable of batches or a folder, got ${describe(data)}`,
    'Give an array, a generator or an async generator of { input: tensor }, or the path of a folder.',
  );
}

function iteratorOf(source: Source): Iterator<CalibrationBatch> | AsyncIterator<CalibrationBatch> {
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

function nativeBatch(batch: unknown): NativeBatch {
  if (typeof batch !== 'object' || batch === null || isTensor(batch)) {
    throw invalidArgument(
      `calibration.data: expected batches as { input: tensor }, got ${describe(batch)}`,
      'Yield an object with a Tensor for each input.',
    );
  }
  return Object.entries(batch).map(([name, tensor]: [string, unknown]) => {
    if (isTensor(tensor)) {
      const { dtype, shape, data } = tensor;
      return { name, dtype, shape: [...shape], data };
    }
    throw invalidArgument(
      `calibration.data: expected a Tensor for '${name}', got ${describe(tensor)}`,
      "Make one: new Tensor('float32', array, shape).",
    );
  });
}

/** The cache, if there is one. One that cannot be TensorRT's is no cache; without data that is an error. */
async function readCache(
  file: string,
  hasData: boolean,
  log: LogFunction | undefined,
): Promise<Uint8Array | undefined> {
  let bytes: Buffer;
  try {
    if ((await stat(file)).size > mostCacheBytes) {
      throw new Error(`it has more than ${mostCacheBytes} bytes: that is no calibration cache`);
    }
    bytes = await readFile(file);
  } catch (error) {
    if (hasData && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', file, error);
  }
  if (bytes.subarray(0, 4).toString('latin1') === 'TRT-') return bytes;
  const reason = `'${file}' is no calibration cache of TensorRT, whose first line begins with TRT-`;
  if (!hasData)
    throw new FileError('ERR_TRT_FILE', reason, 'Give calibration.data to make it anew.');
  log?.('warning', `${reason}: it is made anew`);
  return undefined;
}
