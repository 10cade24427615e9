// Engine: a deserialized plan.

import { InvalidArgumentError, describe } from '../errors.js';
import type { NativeEngine } from '../native.js';
import { checkChoice, checkString, nearest } from '../validate.js';
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
import { EngineInspector } from './engine-inspector.js';
import { ExecutionContext } from './execution-context.js';
import { Handle, closedError } from './handle.js';
import type { Runtime } from './runtime.js';

const strategies = ['static', 'onProfileChange', 'userManaged'] as const;

/**
 * When a context gets its activation memory: 'static' the most of all profiles when it is made, 'onProfileChange' that of the selected profile,
 * 'userManaged' from you ({@link ExecutionContext.setDeviceMemory}).
 */
export type AllocationStrategy = (typeof strategies)[number];

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
  readonly deviceMemoryBytes: number;
  readonly deviceMemoryBytesPerProfile: readonly number[];
  readonly streamableWeightsBytes: number;
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
    this.deviceMemoryBytes = properties.deviceMemoryBytes;
    this.deviceMemoryBytesPerProfile = properties.deviceMemoryBytesPerProfile;
    this.streamableWeightsBytes = properties.streamableWeightsBytes;
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
   * @param strategy - When it gets its activation memory; default 'static'. TensorRT 8 has no 'onProfileChange', and memory that is 'userManaged'
   *   needs the size of the largest profile there.
   * @throws {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link ExecutionError} ERR_TRT_EXECUTION; {@link ClosedError} ERR_TRT_CLOSED
   */
  createExecutionContext(strategy: AllocationStrategy = 'static'): ExecutionContext {
    const number = strategies.indexOf(checkChoice(strategy, 'strategy', strategies));
    return new ExecutionContext(this, this.native.createExecutionContext(number));
  }

  /** Makes an inspector, which tells of the layers. @throws {@link ClosedError} ERR_TRT_CLOSED */
  createInspector(): EngineInspector {
    return new EngineInspector(this);
  }

  /**
   * The engine as a plan again.
   *
   * @returns A new ArrayBuffer.
   * @throws {@link ExecutionError} ERR_TRT_EXECUTION; {@link ClosedError} ERR_TRT_CLOSED
   */
  serialize(): ArrayBuffer {
    return this.native.serialize();
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
