// Engine: a deserialized plan.

import { InvalidArgumentError, describe, invalidArgument } from '../errors.js';
import type { NativeEngine } from '../native.js';
import { checkChoice, checkOptions, checkString, nearest } from '../validate.js';
import {
  type EngineProperties,
  type TensorInfo,
  engineProperties,
  tensorInfo,
} from './engine-info.js';
import type {
  EngineCapability,
  HardwareCompatibilityLevel,
  ProfilingVerbosity,
} from './engine-info.js';
import { type AllocationStrategy, allocationStrategies } from './allocation-strategy.js';
import { EngineInspector } from './engine-inspector.js';
import { ExecutionContext } from './execution-context.js';
import { Handle, closedError } from './handle.js';
import { Refitter } from './refitter.js';
import { RuntimeConfig } from './runtime-config.js';
import type { Runtime } from './runtime.js';
import {
  type WeightStreamingBudget,
  checkWeightStreamingBudget,
  weightStreamingBytes,
} from './weight-streaming.js';

/** What {@link Engine.serialize} leaves out or keeps; ISerializationConfig's flags, from TensorRT 10 on. */
export interface SerializeOptions {
  /** Leaves out the weights that can be refitted: the new plan needs them again before it runs. Default false. */
  excludeWeights?: boolean | undefined;
  /** Leaves the lean runtime out of a version-compatible plan. Default false. */
  excludeLeanRuntime?: boolean | undefined;
  /** Keeps a refittable engine refittable, where TensorRT has this flag. Default false. */
  includeRefit?: boolean | undefined;
}

/** Weight streaming as it is; all in bytes. */
export interface WeightStreaming {
  /** Weights that can be streamed; 0: the engine was not built for it. */
  readonly streamableBytes: number;
  /** How much of them lies on the device. */
  readonly budgetBytes: number;
  /** What TensorRT would choose, by the device memory that is free now. */
  readonly automaticBudgetBytes: number;
  /** What each context needs for it in its activation memory; counted in {@link Engine.deviceMemoryBytes}. */
  readonly scratchMemoryBytes: number;
}

/** A deserialized plan: what it takes and gives, and the maker of execution contexts. Made by {@link Runtime.deserializeEngine}. */
export class Engine extends Handle<NativeEngine> implements EngineProperties {
  /** The runtime that it came from. */
  readonly runtime: Runtime;
  /** The inputs and outputs, in the engine's own order. */
  readonly tensors: readonly TensorInfo[];
  readonly name: string;
  readonly numOptimizationProfiles: number;
  readonly numLayers: number;
  readonly numAuxStreams: number;
  readonly capability: EngineCapability;
  readonly profilingVerbosity: ProfilingVerbosity;
  readonly hardwareCompatibilityLevel: HardwareCompatibilityLevel;
  readonly refittable: boolean;
  readonly streamableWeightsBytes: number;
  #properties: EngineProperties;
  readonly #indices = new Map<string, number>();

  /** @internal */
  constructor(runtime: Runtime, native: NativeEngine) {
    super(native, runtime);
    this.runtime = runtime;
    const { info } = native;
    const properties = engineProperties(info);
    this.tensors = info.tensors.map(tensorInfo);
    this.tensors.forEach((tensor, index) => this.#indices.set(tensor.name, index));
    this.name = properties.name;
    this.numOptimizationProfiles = properties.numOptimizationProfiles;
    this.numLayers = properties.numLayers;
    this.numAuxStreams = properties.numAuxStreams;
    this.capability = properties.capability;
    this.profilingVerbosity = properties.profilingVerbosity;
    this.hardwareCompatibilityLevel = properties.hardwareCompatibilityLevel;
    this.refittable = properties.refittable;
    this.streamableWeightsBytes = properties.streamableWeightsBytes;
    this.#properties = properties;
  }

  /** Activation memory of an execution context, the most of all profiles, in bytes; {@link Engine.setWeightStreamingBudget} changes it. */
  get deviceMemoryBytes(): number {
    return this.#properties.deviceMemoryBytes;
  }

  /** The same for each profile. */
  get deviceMemoryBytesPerProfile(): readonly number[] {
    return this.#properties.deviceMemoryBytesPerProfile;
  }

  /** Index of the device. */
  get device(): number {
    return this.runtime.device;
  }

  /** The inputs, in the engine's own order. */
  get inputs(): TensorInfo[] {
    return this.tensors.filter((tensor) => tensor.mode === 'input');
  }

  /** The outputs, in the engine's own order. */
  get outputs(): TensorInfo[] {
    return this.tensors.filter((tensor) => tensor.mode === 'output');
  }

  /**
   * The input or output called `name`.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_UNKNOWN_TENSOR, listing those that exist
   */
  tensor(name: string): TensorInfo {
    const info = this.tensors[this.tensorIndex(name)];
    if (info === undefined) throw closedError('Engine');
    return info;
  }

  /** Position in {@link Engine.tensors}. @throws ERR_TRT_UNKNOWN_TENSOR @internal */
  tensorIndex(name: string): number {
    const index = this.#indices.get(name);
    if (index === undefined) throw unknownTensor(name, [...this.#indices.keys()], 'a tensor');
    return index;
  }

  /**
   * Makes a context, in which inferences run one at a time.
   *
   * @param strategy - When it gets its activation memory; default 'static'. Or a {@link RuntimeConfig} that says so. TensorRT 8 has no 'onProfileChange',
   *   and memory that is 'userManaged' needs the size of the largest profile there.
   * @throws {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link ExecutionError} ERR_TRT_EXECUTION; {@link ClosedError} ERR_TRT_CLOSED
   */
  createExecutionContext(
    strategy: AllocationStrategy | RuntimeConfig = 'static',
  ): ExecutionContext {
    if (strategy instanceof RuntimeConfig) {
      if (strategy.engine !== this) {
        throw invalidArgument(
          'createExecutionContext: expected a RuntimeConfig of this engine, got one of another',
          "Make it with this engine's createRuntimeConfig().",
        );
      }
      return new ExecutionContext(this, strategy.native.createExecutionContext());
    }
    const word = checkChoice(strategy, 'strategy', allocationStrategies);
    const number = allocationStrategies.indexOf(word);
    return new ExecutionContext(this, this.native.createExecutionContext(number));
  }

  /** Makes a runtime config, for contexts. From TensorRT 10.11 on. @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED; {@link ClosedError} ERR_TRT_CLOSED */
  createRuntimeConfig(): RuntimeConfig {
    return new RuntimeConfig(this);
  }

  /**
   * Makes a refitter, which gives the engine other weights.
   *
   * @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED for an engine that is not refittable; {@link ClosedError} ERR_TRT_CLOSED
   */
  createRefitter(): Refitter {
    return new Refitter(this);
  }

  /** Makes an inspector, which tells of the layers. @throws {@link ClosedError} ERR_TRT_CLOSED */
  createInspector(): EngineInspector {
    return new EngineInspector(this);
  }

  /**
   * The engine as a plan again, with the weights that it has now. Blocks this thread.
   *
   * @param options - What to leave out.
   * @returns A new ArrayBuffer.
   * @throws {@link ExecutionError} ERR_TRT_EXECUTION; {@link UnsupportedError} ERR_TRT_UNSUPPORTED for flags that this TensorRT has not got;
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  serialize(options: SerializeOptions = {}): ArrayBuffer {
    return this.native.serialize(serializationFlags(options, 'serialize'));
  }

  /** The same on another thread. @returns Rejects as {@link Engine.serialize} throws. */
  async serializeAsync(options: SerializeOptions = {}): Promise<ArrayBuffer> {
    return this.native.serializeAsync(serializationFlags(options, 'serializeAsync'));
  }

  /**
   * Weight streaming as it is now.
   *
   * @throws {@link UnsupportedError} ERR_TRT_UNSUPPORTED before TensorRT 10.1; {@link ClosedError} ERR_TRT_CLOSED
   */
  get weightStreaming(): WeightStreaming {
    return this.native.weightStreaming;
  }

  /** Bytes of streamable weights that lie on the device. @throws as {@link Engine.weightStreaming} */
  get weightStreamingBudget(): number {
    return this.native.weightStreaming.budgetBytes;
  }

  /**
   * Says how much of the streamable weights lies on the device; the rest is copied from host memory in each inference. Only while the engine has no execution
   * context. Blocks this thread while weights are moved.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when TensorRT refuses it, or nothing can be streamed; {@link UnsupportedError}
   *   ERR_TRT_UNSUPPORTED before TensorRT 10.1; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link ClosedError} ERR_TRT_CLOSED
   */
  setWeightStreamingBudget(budget: WeightStreamingBudget): void {
    const { native } = this;
    const checked = checkWeightStreamingBudget(budget, 'setWeightStreamingBudget');
    native.setWeightStreamingBudget(weightStreamingBytes(native, checked));
    this.#properties = engineProperties(native.info);
  }

  /**
   * Whether the tensor called `name`, any of the network, was marked for debugging when the plan was built ({@link BuildOptions.markDebug}).
   *
   * @throws {@link ClosedError} ERR_TRT_CLOSED
   */
  isDebugTensor(name: string): boolean {
    return this.native.isDebugTensor(checkString(name, 'isDebugTensor'));
  }
}

/** The addon's bits. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function serializationFlags(options: SerializeOptions, who: string): number {
  checkOptions(options, ['excludeWeights', 'excludeLeanRuntime', 'includeRefit'], who);
  return (
    (options.excludeWeights === true ? 1 : 0) |
    (options.excludeLeanRuntime === true ? 2 : 0) |
    (options.includeRefit === true ? 4 : 0)
  );
}

/** ERR_TRT_UNKNOWN_TENSOR for `name` where `known` exist. @internal */
export function unknownTensor(
  name: unknown,
  known: readonly string[],
  kind: string,
): InvalidArgumentError {
  const near = typeof name === 'string' ? nearest(name, known) : undefined;
  const list = known.map((word) => `'${word}'`).join(', ');
  return new InvalidArgumentError(
    'ERR_TRT_UNKNOWN_TENSOR',
    `expected the name of ${kind} of this engine (${list}), got ${describe(name)}`,
    near === undefined ? `Use one of ${list}.` : `Did you mean '${near}'?`,
  );
}
