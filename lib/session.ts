// Session: the high level. Loads a plan and runs it, from typed arrays to typed arrays, without blocking the event loop.

import { ClosedError, asError, describe, invalidArgument } from './errors.js';
import { logOptionNames } from './log.js';
import type { NativeExecutor } from './native.js';
import { type RuntimeKind, openPlatformWithDevice, platformOptionNames } from './platform.js';
import { versionText } from './runtime/runtime.js';
import type { RefitResult } from './refit/apply.js';
import type { RefitOptions } from './refit/sources.js';
import { type EngineProperties, engineProperties } from './runtime/engine-info.js';
import type { PlanInput } from './plan-source.js';
import { GpuAllocator } from './runtime/gpu-allocator.js';
import { debugPlan } from './session/debug.js';
import { planHead, withPreflight } from './inspect/preflight-error.js';
import { modelSource } from './plan-cache/model-source.js';
import { modelOptionNames, refuseModelOptions } from './plan-cache/options.js';
import { engineOfModel } from './plan-cache/plan-cache.js';
import { Dispatcher, type DispatcherHolder } from './session/dispatcher.js';
import { checkEngineOptions, prepareEngine } from './session/engine-options.js';
import { resolveFeeds } from './session/feeds.js';
import { type IoTable, describeTensor, ioTable } from './session/io-table.js';
import {
  type LayerProfile,
  type LayerProfileOptions,
  profileLayers,
} from './session/layer-profile.js';
import { Lane } from './session/lane.js';
import {
  type OpenedEngine,
  activationPools,
  checkDevices,
  closeEngine,
  makeExecutors,
  openEngines,
} from './session/load.js';
import { OutputPlanner } from './session/outputs.js';
import { checkRunDevice, deviceOfRun } from './session/place.js';
import { ProfileChooser, chooseProfile } from './session/profiles.js';
import { abortedError, checkDeadline, checkSignal } from './session/run.js';
import { type ResolvedRun, emptyRun } from './session/resolved-run.js';
import { RunMany, targetsOfEach } from './session/run-many.js';
import { sumMemory, sumStats } from './session/sums.js';
import type {
  Feeds,
  OutputTargets,
  OutputsOf,
  RunOptions,
  SessionMemory,
  SessionOptions,
  SessionStats,
  TensorDescription,
} from './session/types.js';
import { SessionWeights } from './session/weights.js';
import type { Tensor } from './tensor.js';
import { checkChoice, checkInteger, checkOptions, checkShape } from './validate.js';

const sessionOptionNames = [
  ...platformOptionNames,
  ...logOptionNames,
  ...modelOptionNames,
  'device',
  'devices',
  'instances',
  'profile',
  'maxQueued',
  'priority',
  'engineHostCodeAllowed',
  'temporaryDirectory',
  'cudaGraph',
  'maxCudaGraphs',
  'completion',
  'activationMemory',
  'gpuAllocator',
  'executionContextAllocationStrategy',
  'weightStreamingBudget',
  'refitFrom',
  'onTiming',
  'signal',
];
const cudaGraphModes = ['auto', 'on', 'off'] as const;
const completions = ['adaptive', 'spin', 'block'] as const;
const runManyOptionNames = ['signal', 'deadlineMs', 'profile', 'device', 'outputs'];
const runOptionNames = [...runManyOptionNames, 'debug', 'onDebugTensor'];

/** Of {@link ResolvedRun}, in all sessions. */
let lastVersion = 0;

/** What loading hands to the constructor. */
interface Loaded {
  engine: EngineProperties;
  table: IoTable;
  instances: number;
  pinnedProfile: number | undefined;
  platformFacts: Pick<Session, 'runtime' | 'version' | 'libraryPath'>;
}

/**
 * A plan, ready to run. Made by {@link Session.load}; owns its runtime, engine, contexts, streams and buffers until {@link Session.close}.
 *
 * Runs beyond the number of `instances` wait in order; their inputs are copied at the call, so every array may be reused as soon as `run` has returned
 * (pinned buffers and device tensors excepted: they are used where they are). The same tensors and targets again cost least: then only their content is new.
 *
 * @example
 * ```ts
 * await using session = await Session.load('model.plan');
 * const { output } = await session.run({ input: new Tensor('float32', pixels, [1, 3, 224, 224]) });
 * ```
 */
export class Session {
  /** The inputs, in the engine's own order. */
  readonly inputs: readonly TensorDescription[];
  /** The outputs, in the engine's own order. */
  readonly outputs: readonly TensorDescription[];
  /** What the engine tells of itself. */
  readonly engine: EngineProperties;
  /** NVIDIA's TensorRT, or the CPU reference runtime. */
  readonly runtime: RuntimeKind;
  /** TensorRT's version, for example "10.6.0.26". */
  readonly version: string;
  /** The TensorRT library in use. */
  readonly libraryPath: string;
  /** Index of the device; of several, the first. */
  readonly device: number;
  /** Indices of all its devices, in the order of the option. */
  readonly devices: readonly number[];
  /** Number of execution slots on each device. */
  readonly instances: number;
  readonly #table: IoTable;
  readonly #pinnedProfile: number | undefined;
  readonly #profiles: ProfileChooser;
  readonly #outputs: OutputPlanner;
  /** The run that was resolved last; good until the next. */
  readonly #resolved: ResolvedRun;
  #resolving = false;
  #lanes: readonly Lane[] = [];
  #dispatcher!: Dispatcher;
  #weights!: SessionWeights;
  #closing: Promise<void> | undefined;
  #lastStats: ReturnType<NativeExecutor['stats']>[] = [];

  private constructor(loaded: Loaded) {
    const { table } = loaded;
    this.#table = table;
    this.#pinnedProfile = loaded.pinnedProfile;
    this.#profiles = new ProfileChooser(table);
    this.#outputs = new OutputPlanner(table);
    this.#resolved = emptyRun(table, this.#outputs.plan(undefined));
    this.inputs = table.inputs.map((row) => describeTensor(row.tensor));
    this.outputs = table.outputs.map((row) => describeTensor(row.tensor));
    this.engine = loaded.engine;
    this.runtime = loaded.platformFacts.runtime;
    this.version = loaded.platformFacts.version;
    this.libraryPath = loaded.platformFacts.libraryPath;
    this.device = table.devices[0] ?? 0;
    this.devices = Object.freeze(table.devices.slice());
    this.instances = loaded.instances;
  }

  /**
   * Loads a plan, or an ONNX model, which is built first if the plan cache does not have it. The work happens on other threads.
   *
   * @param plan - Path of the plan (read on another thread, outside JavaScript's memory) or of an ONNX model, or the bytes of either, which are copied before
   *   this returns; which of the two it is its first bytes tell. Or a plan as a source of chunks ({@link PlanSource}), which is never held in memory as a
   *   whole (TensorRT 8 excepted).
   * @param options - Which runtime and device, how many instances, and so on; for a model also how to build it and where to keep the plan.
   * @returns Rejects with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER; {@link LoadError} ERR_TRT_NO_DRIVER,
   *   ERR_TRT_LIBRARY_NOT_FOUND, ERR_TRT_LIBRARY_INVALID, ERR_TRT_LIBRARY_VERSION, ERR_TRT_REFERENCE_UNAVAILABLE, ERR_TRT_ADDON;
   *   {@link FileError} ERR_TRT_FILE; {@link InvalidPlanError} ERR_TRT_INVALID_PLAN, ERR_TRT_DESERIALIZE; {@link IncompatiblePlanError}
   *   ERR_TRT_PLAN_VERSION, ERR_TRT_PLAN_DEVICE, ERR_TRT_PLAN_RUNTIME; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link AbortedError} ERR_TRT_ABORTED;
   *   {@link ClosedError} ERR_TRT_CLOSED when the `activationMemory` is closed. For models also {@link BuildError}, {@link UnsupportedError}, as {@link build}.
   */
  static async load(plan: PlanInput, options: SessionOptions = {}): Promise<Session> {
    checkOptions(options, sessionOptionNames, 'Session.load');
    const signal = checkSignal(options.signal, 'Session.load');
    const loading = Session.#load(plan, options, signal);
    if (signal === undefined) return loading;
    return new Promise<Session>((resolve, reject) => {
      const onAbort = (): void => {
        reject(abortedError('Session.load', signal));
        void loading.then(
          (session) => session.close(),
          () => undefined,
        );
      };
      signal.addEventListener('abort', onAbort, { once: true });
      loading.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
    });
  }

  static async #load(
    plan: unknown,
    options: SessionOptions,
    signal: AbortSignal | undefined,
  ): Promise<Session> {
    const devices = checkDevices(options);
    const instances = checkInteger(options.instances ?? 1, 'instances', 1, 1024);
    const priority = checkInteger(options.priority ?? 0, 'priority', -1000, 1000);
    const maxQueued =
      options.maxQueued === undefined ? Infinity : checkInteger(options.maxQueued, 'maxQueued', 0);
    const cudaGraph = checkChoice(options.cudaGraph ?? 'auto', 'cudaGraph', cudaGraphModes);
    const maxCudaGraphs = checkInteger(options.maxCudaGraphs ?? 8, 'maxCudaGraphs', 1, 1024);
    const completion = checkChoice(options.completion ?? 'adaptive', 'completion', completions);
    const engineOptions = checkEngineOptions(options);
    const { onTiming } = options;
    if (onTiming !== undefined && typeof onTiming !== 'function') {
      throw invalidArgument(
        `onTiming: expected a function, got ${describe(onTiming)}`,
        'Give a function that takes a RunTiming.',
      );
    }
    let source = modelSource(plan); // not awaited for bytes, which the caller may change at once
    if (source instanceof Promise) source = await source;
    if (source === undefined) refuseModelOptions(options, plan);
    const opener = openPlatformWithDevice(options, Math.max(...devices));
    const { platform } = opener;
    let opened: unknown;
    const open = (from: unknown): Promise<OpenedEngine[]> => {
      opened = planHead(from);
      return openEngines(platform, devices, from, options, signal);
    };
    let engines: OpenedEngine[] = [];
    try {
      const gpu = opener.devices[devices[0] ?? 0];
      engines =
        source === undefined || gpu === undefined
          ? await open(plan)
          : await engineOfModel({ source, options, platform, device: gpu, signal, open });
      for (const { engine } of engines) await prepareEngine(engine, engineOptions, 'Session.load');
      const { info } = (engines[0] as OpenedEngine).engine;
      const pinnedProfile =
        options.profile === undefined || options.profile === 'auto'
          ? undefined
          : checkInteger(options.profile, 'profile', 0, info.numOptimizationProfiles - 1);
      const session = new Session({
        engine: engineProperties(info),
        table: ioTable(platform, devices, info),
        instances,
        pinnedProfile,
        platformFacts: {
          runtime: platform.kind,
          version: versionText(platform.version),
          libraryPath: platform.libraryPath,
        },
      });
      const activations = activationPools(options.activationMemory, platform, devices);
      // The addon holds the callbacks, and they must not hold the session.
      const holder: DispatcherHolder = { strong: undefined, weak: undefined };
      const parts = await makeExecutors(engines, (lane) => ({
        slots: instances,
        priority,
        profile: pinnedProfile ?? 0,
        cudaGraph: cudaGraphModes.indexOf(cudaGraph),
        maxCudaGraphs,
        allocationStrategy: engineOptions.allocationStrategy,
        completion: completions.indexOf(completion),
        timing: onTiming !== undefined,
        activations: activations[lane],
        onComplete: (count) => (holder.strong ?? holder.weak?.deref())?.onComplete(lane, count),
      }));
      session.#lanes = parts.map((part, lane) => new Lane(session.#table, part, lane, onTiming));
      session.#dispatcher = new Dispatcher(session.#lanes, holder, maxQueued);
      session.#weights = new SessionWeights(session.#lanes, session.#dispatcher);
      return session;
    } catch (error) {
      engines.forEach(closeEngine);
      const explained = GpuAllocator.explain(error, options.gpuAllocator);
      const hostCode = options.engineHostCodeAllowed;
      throw await withPreflight(explained, opened, platform, devices[0] ?? 0, hostCode);
    }
  }

  /** Whether {@link Session.close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Runs one inference. Arguments are checked, and arrays copied, before this returns; the JavaScript thread does not wait for the device. Pinned buffers and
   * device tensors are used where they are: leave them as they are, and open, until the promise has settled, and after an abort or a deadline until the
   * device is done. A run that is on a slot keeps the memory of its buffers, closed or not.
   *
   * @param feeds - The inputs by name.
   * @param options - Outputs, signal, deadline, profile.
   * @returns The outputs by name. Rejects with {@link InvalidArgumentError} (ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_MISSING_INPUT, ERR_TRT_DTYPE_MISMATCH,
   *   ERR_TRT_LENGTH_MISMATCH, ERR_TRT_RANK_MISMATCH, ERR_TRT_INVALID_SHAPE, ERR_TRT_SHAPE_OUT_OF_RANGE, ERR_TRT_INVALID_BUFFER,
   *   ERR_TRT_INVALID_ARGUMENT); {@link ClosedError} ERR_TRT_CLOSED (the session, or a buffer given to it, also while the run waited); {@link BusyError}
   *   ERR_TRT_BUSY when `maxQueued` others wait; {@link AbortedError} ERR_TRT_ABORTED;
   *   {@link DeadlineError} ERR_TRT_DEADLINE_EXCEEDED; {@link ExecutionError} ERR_TRT_EXECUTION, ERR_TRT_OUTPUT_ALLOCATOR;
   *   {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link DeviceError} ERR_TRT_CUDA; {@link DeviceLostError} ERR_TRT_DEVICE_LOST.
   */
  run(
    feeds: Feeds,
    options?: RunOptions & { outputs?: readonly string[] | undefined },
  ): Promise<Record<string, Tensor>>;
  run<const O extends OutputTargets>(
    feeds: Feeds,
    options: RunOptions & { outputs: O },
  ): Promise<OutputsOf<O>>;
  run(feeds: Feeds, options?: RunOptions): Promise<unknown> {
    try {
      const resolved = this.#resolve(feeds, options);
      const signal = checkSignal(options?.signal, 'run');
      const deadlineMs = checkDeadline(options?.deadlineMs);
      const run = this.#dispatcher.run(resolved);
      if ((signal ?? deadlineMs) !== undefined && !run.settled) {
        run.watch(signal, deadlineMs, this.#dispatcher.abandon);
      }
      return run.promise;
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /**
   * Runs one inference and waits for it, blocking this thread: for scripts and workers that have nothing else to do.
   *
   * @param feeds - As {@link Session.run}.
   * @param options - Outputs and profile; no signal and no deadline, as nothing could deliver them.
   * @returns The outputs by name.
   * @throws What {@link Session.run} rejects with; {@link BusyError} ERR_TRT_BUSY when asynchronous runs occupy all slots.
   */
  runSync(
    feeds: Feeds,
    options?: Pick<RunOptions, 'profile' | 'device' | 'debug' | 'onDebugTensor'> & {
      outputs?: readonly string[] | undefined;
    },
  ): Record<string, Tensor>;
  runSync<const O extends OutputTargets>(
    feeds: Feeds,
    options: Pick<RunOptions, 'profile' | 'device' | 'debug' | 'onDebugTensor'> & { outputs: O },
  ): OutputsOf<O>;
  runSync(feeds: Feeds, options?: RunOptions): unknown {
    return this.#dispatcher.runSync(this.#resolve(feeds, options));
  }

  /**
   * Runs many inferences, as many at a time as there are `instances`, with one promise for all, and so less work for each than by `run`. Waiting calls of
   * `run` get a free slot first; `maxQueued` does not count here.
   *
   * @param feedsOf - The inputs of each run. Each run's are checked and read when it starts: leave the list, and arrays, as they are until the promise has
   *   settled.
   * @param options - As for {@link Session.run}, for all runs together (`signal`, `deadlineMs`); `outputs` names outputs (each to a new array), or is an array
   *   with the targets of each run. Runs at the same time must not share targets. `onTiming` is not called.
   * @returns The outputs of each run, in the order of `feedsOf`. Rejects, as {@link Session.run}, with the first failure, and with ERR_TRT_CLOSED when the
   *   session is closed before the last has started; then no further run is started, and those on a slot end unheard.
   */
  runMany(
    feedsOf: readonly Feeds[],
    options?: Omit<RunOptions, 'outputs' | 'debug' | 'onDebugTensor'> & {
      outputs?: readonly string[] | undefined;
    },
  ): Promise<Record<string, Tensor>[]>;
  runMany<const O extends OutputTargets>(
    feedsOf: readonly Feeds[],
    options: Omit<RunOptions, 'outputs' | 'debug' | 'onDebugTensor'> & { outputs: readonly O[] },
  ): Promise<OutputsOf<O>[]>;
  runMany(
    feedsOf: readonly Feeds[],
    options?: Omit<RunOptions, 'outputs' | 'debug' | 'onDebugTensor'> & { outputs?: unknown },
  ): Promise<unknown> {
    try {
      this.#assertOpen();
      checkOptions(options, runManyOptionNames, 'runMany');
      if (!Array.isArray(feedsOf)) {
        throw invalidArgument(
          `runMany: expected an array with the inputs of each run, got ${describe(feedsOf)}`,
          'For one run use run().',
        );
      }
      const signal = checkSignal(options?.signal, 'runMany');
      const deadlineMs = checkDeadline(options?.deadlineMs);
      const each = targetsOfEach(options?.outputs, feedsOf.length);
      const common: RunOptions = {
        profile: options?.profile,
        device: options?.device,
        outputs: each === undefined ? (options?.outputs as readonly string[]) : undefined,
      };
      const many = new RunMany(this.#dispatcher, feedsOf.length, (index) => {
        const own = each === undefined ? common : { ...common, outputs: each[index] };
        return this.#resolve(feedsOf[index], own);
      });
      if ((signal ?? deadlineMs) !== undefined) many.watch(signal, deadlineMs);
      return many.promise;
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /**
   * How long each layer takes: some runs on a context of its own, with TensorRT's profiler, which slows them. Needs activation memory of its own; other
   * runs may go on meanwhile, and make the times longer. With several `devices`, on the first.
   *
   * @param feeds - As {@link Session.run}; tensors on the device are read back first.
   * @param options - How many runs, and in which profile.
   * @returns Rejects as {@link Session.run}.
   * @example
   * ```ts
   * const { layers } = await session.profile({ x });
   * console.table([...layers].sort((a, b) => b.timeMs - a.timeMs).slice(0, 10));
   * ```
   */
  async profile(feeds: Feeds, options?: LayerProfileOptions): Promise<LayerProfile> {
    this.#assertOpen();
    const lane = (this.#lanes.find(({ out }) => !out) ?? this.#lanes[0]) as Lane;
    return profileLayers(lane.engine, this.#table, this.#pinnedProfile, feeds, options);
  }

  /**
   * Which optimization profile a run with these shapes uses.
   *
   * @param shapes - The dimensions of every input whose shape is dynamic, by name.
   * @throws {@link InvalidArgumentError} ERR_TRT_SHAPE_OUT_OF_RANGE when none takes them, ERR_TRT_INVALID_SHAPE, ERR_TRT_RANK_MISMATCH
   */
  profileFor(shapes: Readonly<Record<string, readonly number[]>>): number {
    const resolved = this.#table.inputs.map((row) => {
      const shape = shapes[row.name] ?? row.shape.map((extent) => Math.max(extent, 0));
      checkShape(shape, row.who);
      return shape;
    });
    return chooseProfile(this.#table, resolved, this.#table.noValues, this.#pinnedProfile);
  }

  /**
   * Gives the engine other weights, without loading it anew: waits for the runs that are on a slot, lets all others wait, exchanges the weights on another
   * thread, and goes on. CUDA graphs are captured again. Files are read before the first run is held back. The plan must have been built with `refit` (or
   * `stripWeights`, and then the same weights).
   *
   * @param options - The weights: `onnx`, `safetensors`, `npy`, `weights`, any of them.
   * @returns Rejects with {@link RefitError} ERR_TRT_REFIT: with `missingWeights`, nothing was changed and the session goes on; without, TensorRT failed in
   *   the middle: all runs are refused until a refit succeeds. {@link InvalidArgumentError} ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_DTYPE_MISMATCH,
   *   ERR_TRT_LENGTH_MISMATCH, ERR_TRT_INVALID_ARGUMENT; {@link UnsupportedError} ERR_TRT_UNSUPPORTED for a plan that is not refittable; {@link FileError}
   *   ERR_TRT_FILE; {@link ClosedError} ERR_TRT_CLOSED.
   */
  async refit(options: RefitOptions): Promise<RefitResult> {
    this.#assertNotClosing();
    return this.#weights.refit(options, () => {
      this.#assertNotClosing();
    });
  }

  /** What the session has done so far. Counters only; never throws, also after {@link Session.close}. */
  stats(): SessionStats {
    const { abandoned, running, queued } = this.#dispatcher;
    if (this.#closing === undefined) this.#keepStats();
    return sumStats(
      { abandoned, running, queued },
      this.#lanes.map((lane) => lane.stats()),
      this.#lastStats,
    );
  }

  /**
   * Memory that the session holds now.
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  memory(): SessionMemory {
    this.#assertNotClosing();
    return sumMemory(this.#lanes.map(({ device, executor }) => ({ device, ...executor.memory() })));
  }

  /**
   * Waits for the runs on a slot, whose promises settle as usual, rejects those that wait for one with ERR_TRT_CLOSED, and a `runMany` that has runs left to
   * start; then frees everything. Device tensors that were given out stay open: their receivers own them. Idempotent; never rejects.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#keepStats();
      this.#closing = this.#dispatcher.close();
    }
    return this.#closing;
  }

  /** The same as {@link Session.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #keepStats(): void {
    this.#lastStats = this.#lanes.map(({ executor }) => executor.stats());
  }

  #assertOpen(): void {
    this.#assertNotClosing();
    this.#weights.assertGood();
  }

  #assertNotClosing(): void {
    if (this.#closing === undefined) return;
    throw new ClosedError(
      'ERR_TRT_CLOSED',
      'expected an open session, but it was closed',
      'Load the plan again with Session.load().',
    );
  }

  /** Checks everything that can be checked before a slot is at hand. The feeds are good until the next call. */
  #resolve(feeds: unknown, options: RunOptions | undefined): ResolvedRun {
    this.#assertOpen();
    let pinned = this.#pinnedProfile;
    if (options !== undefined) {
      checkOptions(options, runOptionNames, 'run');
      if (options.profile !== undefined) {
        pinned = checkInteger(options.profile, 'profile', 0, this.#table.numProfiles - 1);
      }
    }
    const outputs = this.#outputs.plan(options?.outputs);
    // A getter among the feeds may call run() again.
    const run = this.#resolving ? emptyRun(this.#table, outputs) : this.#resolved;
    this.#resolving = true;
    try {
      const { version } = run;
      run.version = 0;
      const same = resolveFeeds(this.#table, feeds, run.feeds);
      if (!same || version === 0 || pinned !== run.pinned) {
        run.profile = this.#profiles.choose(run.feeds.shapes, run.feeds.values, pinned);
        run.pinned = pinned;
        run.version = ++lastVersion;
      } else {
        run.version = version;
      }
    } finally {
      this.#resolving = run !== this.#resolved;
    }
    run.outputs = outputs;
    if (this.devices.length > 1) {
      run.device = deviceOfRun(this.#table, run.feeds, outputs, options?.device);
    } else if (options?.device !== undefined) checkRunDevice(this.#table, options.device);
    run.debug =
      options === undefined
        ? undefined
        : debugPlan((this.#lanes[0] as Lane).engine, options.debug, options.onDebugTensor);
    return run;
  }
}
