// Session: the high level. Loads a plan and runs it, from typed arrays to typed arrays, without blocking the event loop.

import { BusyError, ClosedError, asError } from './errors.js';
import { logOptionNames } from './log.js';
import type { NativeEngine, NativeExecutor, NativeRuntime } from './native.js';
import { type RuntimeKind, openPlatformWithDevice, platformOptionNames } from './platform.js';
import { deserialize, makeNativeRuntime, versionText } from './runtime/runtime.js';
import { type EngineProperties, engineProperties } from './runtime/engine-info.js';
import { resolveFeeds, snapshot } from './session/feeds.js';
import { type IoTable, describeTensor, ioTable } from './session/io-table.js';
import { type OutputPlan, defaultOutputPlan, outputPlan } from './session/outputs.js';
import { ProfileChooser, chooseProfile } from './session/profiles.js';
import { Queue } from './session/queue.js';
import { Run, type RunResult, abortedError, checkDeadline, checkSignal } from './session/run.js';
import { Slots } from './session/slots.js';
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
import type { Tensor } from './tensor.js';
import { checkInteger, checkOptions, checkShape } from './validate.js';

const sessionOptionNames = [
  ...platformOptionNames,
  ...logOptionNames,
  'device',
  'instances',
  'profile',
  'maxQueued',
  'priority',
  'engineHostCodeAllowed',
  'temporaryDirectory',
  'signal',
];
const runOptionNames = ['signal', 'deadlineMs', 'profile', 'outputs'];

/** What loading hands to the constructor. */
interface Loaded {
  runtime: NativeRuntime;
  engine: NativeEngine;
  table: IoTable;
  instances: number;
  pinnedProfile: number | undefined;
  maxQueued: number;
  platformFacts: Pick<Session, 'runtime' | 'version' | 'libraryPath'>;
}

/**
 * A plan, ready to run. Made by {@link Session.load}; owns its runtime, engine, contexts, streams and buffers until {@link Session.close}.
 *
 * Runs beyond the number of `instances` wait in order; their inputs are copied at the call, so every array may be reused as soon as `run` has returned
 * (pinned buffers and device tensors excepted: they are used where they are).
 *
 * @example
 * ```ts
 * await using session = await Session.load('model.plan');
 * const { output } = await session.run({ input: new Tensor('float32', pixels, [1, 3, 224, 224]) });
 * ```
 */
export class Session {
  /** The sessions with a run on a slot; all others may be collected when they are forgotten. */
  static readonly #busy = new Set<Session>();

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
  /** Index of the device. */
  readonly device: number;
  /** Number of execution slots. */
  readonly instances: number;
  readonly #native: { runtime: NativeRuntime; engine: NativeEngine };
  readonly #table: IoTable;
  readonly #allOutputs: OutputPlan;
  readonly #pinnedProfile: number | undefined;
  readonly #maxQueued: number;
  readonly #profiles: ProfileChooser;
  readonly #queue = new Queue<Run>();
  readonly #running: (Run | undefined)[] = [];
  #executor!: NativeExecutor;
  #slots!: Slots;
  #closing: Promise<void> | undefined;
  #runningCount = 0;
  #completed = 0;
  #failed = 0;
  #abandoned = 0;
  /** Called when no run is on a slot any more; set by close(). */
  #onIdle: (() => void) | undefined;

  private constructor(loaded: Loaded) {
    const { runtime, engine, table } = loaded;
    this.#native = { runtime, engine };
    this.#table = table;
    this.#allOutputs = defaultOutputPlan(table);
    this.#pinnedProfile = loaded.pinnedProfile;
    this.#maxQueued = loaded.maxQueued;
    this.#profiles = new ProfileChooser(table);
    this.inputs = table.inputs.map((row) => describeTensor(row.tensor));
    this.outputs = table.outputs.map((row) => describeTensor(row.tensor));
    this.engine = engineProperties(engine.info);
    this.runtime = loaded.platformFacts.runtime;
    this.version = loaded.platformFacts.version;
    this.libraryPath = loaded.platformFacts.libraryPath;
    this.device = table.device;
    this.instances = loaded.instances;
  }

  /**
   * Loads a plan. The work happens on other threads.
   *
   * @param plan - Path of the plan (read on another thread, outside JavaScript's memory), or its bytes, which are copied before this returns.
   * @param options - Which runtime and device, how many instances, and so on.
   * @returns Rejects with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER; {@link LoadError} ERR_TRT_NO_DRIVER,
   *   ERR_TRT_LIBRARY_NOT_FOUND, ERR_TRT_LIBRARY_INVALID, ERR_TRT_LIBRARY_VERSION, ERR_TRT_REFERENCE_UNAVAILABLE, ERR_TRT_ADDON;
   *   {@link FileError} ERR_TRT_FILE; {@link InvalidPlanError} ERR_TRT_INVALID_PLAN, ERR_TRT_DESERIALIZE; {@link IncompatiblePlanError}
   *   ERR_TRT_PLAN_VERSION, ERR_TRT_PLAN_DEVICE, ERR_TRT_PLAN_RUNTIME; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link AbortedError} ERR_TRT_ABORTED.
   */
  static async load(
    plan: string | URL | Uint8Array | ArrayBuffer,
    options: SessionOptions = {},
  ): Promise<Session> {
    checkOptions(options, sessionOptionNames, 'Session.load');
    const signal = checkSignal(options.signal, 'Session.load');
    const loading = Session.#load(plan, options);
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

  static async #load(plan: unknown, options: SessionOptions): Promise<Session> {
    const device = checkInteger(options.device ?? 0, 'device', 0);
    const instances = checkInteger(options.instances ?? 1, 'instances', 1, 1024);
    const priority = checkInteger(options.priority ?? 0, 'priority', -1000, 1000);
    const maxQueued =
      options.maxQueued === undefined ? Infinity : checkInteger(options.maxQueued, 'maxQueued', 0);
    const { platform } = openPlatformWithDevice(options, device);
    const runtime = makeNativeRuntime(platform, device, options);
    let engine: NativeEngine | undefined;
    try {
      engine = await deserialize(runtime, plan, 'Session.load');
      const { info } = engine;
      const pinnedProfile =
        options.profile === undefined || options.profile === 'auto'
          ? undefined
          : checkInteger(options.profile, 'profile', 0, info.numOptimizationProfiles - 1);
      const session = new Session({
        runtime,
        engine,
        table: ioTable(platform, device, info),
        instances,
        pinnedProfile,
        maxQueued,
        platformFacts: {
          runtime: platform.kind,
          version: versionText(platform.version),
          libraryPath: platform.libraryPath,
        },
      });
      // The addon holds the callback, and the callback must not hold the session.
      const reference = new WeakRef(session);
      session.#executor = await engine.createExecutor({
        slots: instances,
        priority,
        onComplete: (slot, error) => {
          const target = reference.deref();
          if (target !== undefined) target.#onComplete(slot, error);
        },
      });
      session.#slots = new Slots(session.#table, session.#executor);
      return session;
    } catch (error) {
      engine?.close();
      runtime.close();
      throw error;
    }
  }

  /** Whether {@link Session.close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Runs one inference. Arguments are checked, and arrays copied, before this returns; nothing waits on the JavaScript thread.
   *
   * @param feeds - The inputs by name.
   * @param options - Outputs, signal, deadline, profile.
   * @returns The outputs by name. Rejects with {@link InvalidArgumentError} (ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_MISSING_INPUT, ERR_TRT_DTYPE_MISMATCH,
   *   ERR_TRT_LENGTH_MISMATCH, ERR_TRT_RANK_MISMATCH, ERR_TRT_INVALID_SHAPE, ERR_TRT_SHAPE_OUT_OF_RANGE, ERR_TRT_INVALID_BUFFER,
   *   ERR_TRT_INVALID_ARGUMENT); {@link ClosedError} ERR_TRT_CLOSED; {@link BusyError} ERR_TRT_BUSY; {@link AbortedError} ERR_TRT_ABORTED;
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
      const run = this.#prepareRun(feeds, options);
      const signal = checkSignal(options?.signal, 'run');
      const deadlineMs = checkDeadline(options?.deadlineMs);
      this.#submit(run);
      if ((signal ?? deadlineMs) !== undefined && !run.settled) {
        run.watch(signal, deadlineMs, this.#onAbandoned);
      }
      return run.promise;
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /**
   * Runs one inference and waits for it, blocking this thread: the fastest way for scripts and workers that have nothing else to do.
   *
   * @param feeds - As {@link Session.run}.
   * @param options - Outputs and profile; no signal and no deadline, as nothing could deliver them.
   * @returns The outputs by name.
   * @throws What {@link Session.run} rejects with; {@link BusyError} ERR_TRT_BUSY when asynchronous runs occupy all slots.
   */
  runSync(
    feeds: Feeds,
    options?: Pick<RunOptions, 'profile'> & { outputs?: readonly string[] | undefined },
  ): Record<string, Tensor>;
  runSync<const O extends OutputTargets>(
    feeds: Feeds,
    options: Pick<RunOptions, 'profile'> & { outputs: O },
  ): OutputsOf<O>;
  runSync(feeds: Feeds, options?: RunOptions): unknown {
    const { feeds: resolved, profile, outputs } = this.#prepareRun(feeds, options);
    const slot = this.#slots.take();
    if (slot === undefined) {
      throw new BusyError(
        'ERR_TRT_BUSY',
        `runSync: expected a free slot, but all ${this.instances} are running asynchronous inferences`,
        'Await them first, raise `instances`, or use run().',
      );
    }
    try {
      this.#slots.prepare(slot, resolved, profile, outputs);
      this.#executor.runSync(slot, resolved.inputs, outputs.targets);
      const result = this.#slots.collect(slot, outputs);
      this.#completed++;
      return result;
    } catch (error) {
      this.#failed++;
      this.#slots.forget(slot);
      throw error;
    } finally {
      this.#slots.give(slot);
    }
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

  /** What the session has done so far. Counters only; never throws. */
  stats(): SessionStats {
    return {
      completed: this.#completed,
      failed: this.#failed,
      abandoned: this.#abandoned,
      running: this.#runningCount,
      queued: this.#queue.size,
    };
  }

  /**
   * Memory that the session holds now.
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  memory(): SessionMemory {
    this.#assertOpen();
    const activationBytes = this.instances * this.engine.deviceMemoryBytes;
    return { ...this.#executor.memory(), activationBytes };
  }

  /**
   * Waits for the runs on a slot, whose promises settle as usual, rejects those that wait for one with ERR_TRT_CLOSED, then frees everything. Device tensors
   * that were given out stay open: their receivers own them. Idempotent; never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@link Session.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    for (let run = this.#queue.shift(); run !== undefined; run = this.#queue.shift()) {
      run.reject(
        new ClosedError(
          'ERR_TRT_CLOSED',
          'run: expected a free slot, but the session was closed while this run waited for one',
          'Await all runs before close(), or load the plan again.',
        ),
      );
    }
    if (this.#runningCount > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#executor.close();
    this.#native.engine.close();
    this.#native.runtime.close();
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new ClosedError(
      'ERR_TRT_CLOSED',
      'expected an open session, but it was closed',
      'Load the plan again with Session.load().',
    );
  }

  /** Checks everything that can be checked before a slot is at hand. */
  #prepareRun(feeds: unknown, options: RunOptions | undefined): Run {
    this.#assertOpen();
    const table = this.#table;
    let outputs = this.#allOutputs;
    let pinned = this.#pinnedProfile;
    if (options !== undefined) {
      checkOptions(options, runOptionNames, 'run');
      if (options.outputs !== undefined) outputs = outputPlan(table, options.outputs);
      if (options.profile !== undefined) {
        pinned = checkInteger(options.profile, 'profile', 0, table.numProfiles - 1);
      }
    }
    const resolved = resolveFeeds(table, feeds);
    const profile = this.#profiles.choose(resolved.shapes, resolved.values, pinned);
    return new Run(resolved, profile, outputs);
  }

  #submit(run: Run): void {
    const slot = this.#slots.take();
    if (slot !== undefined) {
      if (!this.#start(run, slot)) this.#next(slot);
      return;
    }
    if (this.#queue.size >= this.#maxQueued) {
      run.reject(
        new BusyError(
          'ERR_TRT_BUSY',
          `run: expected at most ${this.#maxQueued} waiting runs, and as many wait`,
          'Try again later, raise `maxQueued`, or raise `instances`.',
        ),
      );
      return;
    }
    snapshot(run.feeds.inputs);
    this.#queue.push(run);
  }

  /** Hands a run to a slot; false when that failed and the slot is still at hand. */
  #start(run: Run, slot: number): boolean {
    try {
      this.#slots.prepare(slot, run.feeds, run.profile, run.outputs);
      this.#executor.submit(slot, run.feeds.inputs, run.outputs.targets);
      this.#running[slot] = run;
      if (this.#runningCount++ === 0) Session.#busy.add(this);
      return true;
    } catch (error) {
      this.#failed++;
      this.#slots.forget(slot);
      run.reject(asError(error));
      return false;
    }
  }

  /** The slot takes the oldest waiting run that can start, or becomes free. */
  #next(slot: number): void {
    for (;;) {
      const run = this.#queue.shift();
      if (run === undefined) {
        this.#slots.give(slot);
        return;
      }
      if (this.#start(run, slot)) return;
    }
  }

  #onComplete(slot: number, error: Error | undefined): void {
    const run = this.#running[slot];
    this.#running[slot] = undefined;
    this.#runningCount--;
    if (error !== undefined) {
      this.#failed++;
      this.#slots.forget(slot);
      if (run?.settled === false) run.reject(error);
    } else if (run?.settled === false) {
      this.#finish(run, slot);
    }
    this.#next(slot);
    if (this.#runningCount > 0) return;
    Session.#busy.delete(this);
    this.#onIdle?.();
  }

  #finish(run: Run, slot: number): void {
    let result: RunResult;
    try {
      result = this.#slots.collect(slot, run.outputs);
    } catch (error) {
      this.#failed++;
      run.reject(asError(error));
      return;
    }
    this.#completed++;
    run.resolve(result);
  }

  readonly #onAbandoned = (run: Run): void => {
    this.#abandoned++;
    this.#queue.delete(run);
  };
}
