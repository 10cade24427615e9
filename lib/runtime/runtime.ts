// Runtime: TensorRT's runtime on one device, the owner of everything at the low level.

import { fileURLToPath } from 'node:url';
import { type DeviceTensor, allocateDeviceTensor } from '../device-tensor.js';
import type { DType } from '../dtype.js';
import { describe, invalidArgument } from '../errors.js';
import { loadAddon } from '../load.js';
import { type LogOptions, logOptionNames, nativeLogOptions } from '../log.js';
import type { NativeEngine, NativePlatform, NativeRuntime } from '../native.js';
import {
  type PlatformOptions,
  type RuntimeKind,
  openPlatformWithDevice,
  platformOptionNames,
} from '../platform.js';
import { type PlanInput, deserializeSource, isPlanSource } from '../plan-source.js';
import { planBytes } from '../plan.js';
import { withPreflight, withPreflightSync } from '../inspect/preflight-error.js';
import { checkInteger, checkOptions, checkString } from '../validate.js';
import { DeviceBuffer } from './device-buffer.js';
import { Engine } from './engine.js';
import { CudaEvent, type EventOptions } from './event.js';
import { GpuAllocator } from './gpu-allocator.js';
import { Handle, closedError } from './handle.js';
import { type AllocateOutput, OutputAllocator } from './output-allocator.js';
import { PinnedBuffer, type PinnedBufferOptions } from './pinned-buffer.js';
import { Stream, type StreamOptions } from './stream.js';

/** How a {@link Runtime} is made. */
export interface RuntimeOptions extends PlatformOptions, LogOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /** DLA core to deserialize for; default: none, the GPU. */
  dlaCore?: number | undefined;
  /** Most threads that TensorRT may use; default: TensorRT's own. */
  maxThreads?: number | undefined;
  /** Whether plans may bring executable host code, as version-compatible plans do. Only for plans that you trust. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
  /** Where that code is unpacked; default: TensorRT's own choice. */
  temporaryDirectory?: string | undefined;
  /** Whom TensorRT asks for device memory; default: the device. Engines and contexts keep what they use. */
  gpuAllocator?: GpuAllocator | undefined;
}

const optionNames = [
  ...platformOptionNames,
  ...logOptionNames,
  'device',
  'dlaCore',
  'maxThreads',
  'engineHostCodeAllowed',
  'temporaryDirectory',
  'gpuAllocator',
];

/** A CUDA device. */
export interface DeviceInfo {
  /** As CUDA counts (CUDA_VISIBLE_DEVICES renumbers). */
  readonly index: number;
  readonly name: string;
  /** "GPU-…", as nvidia-smi prints it. */
  readonly uuid: string;
  readonly pciBusId: string;
  readonly totalMemoryBytes: number;
  /** For example [9, 0]. */
  readonly computeCapability: readonly [major: number, minor: number];
  readonly multiprocessors: number;
  /** Shares memory with the CPU, as Jetson does. */
  readonly integrated: boolean;
  readonly canMapHostMemory: boolean;
}

/** "10.6.0.26"; without the build number when it is 0. */
export function versionText(version: NativePlatform['version']): string {
  const { major, minor, patch, build } = version;
  return `${major}.${minor}.${patch}${build === 0 ? '' : `.${build}`}`;
}

/** @internal */
export function makeNativeRuntime(
  platform: NativePlatform,
  device: number,
  options: RuntimeOptions,
): NativeRuntime {
  const text = options.temporaryDirectory;
  return platform.createRuntime({
    device,
    ...nativeLogOptions(options),
    dlaCore: options.dlaCore === undefined ? -1 : checkInteger(options.dlaCore, 'dlaCore', 0),
    maxThreads:
      options.maxThreads === undefined ? 0 : checkInteger(options.maxThreads, 'maxThreads', 1),
    engineHostCodeAllowed: options.engineHostCodeAllowed === true,
    temporaryDirectory: text === undefined ? '' : checkString(text, 'temporaryDirectory'),
    gpuAllocator: GpuAllocator.nativeOf(options.gpuAllocator, platform, device),
  });
}

/**
 * TensorRT's runtime on one device: deserializes plans, and makes the streams, events and buffers that go with it. Closing it closes all that came from it.
 *
 * @example
 * ```ts
 * using runtime = new Runtime();
 * using engine = runtime.deserializeEngine(await readFile('model.plan'));
 * using context = engine.createExecutionContext();
 * using stream = runtime.createStream();
 * ```
 */
export class Runtime extends Handle<NativeRuntime> {
  readonly #platform: NativePlatform;
  readonly #gpuAllocator: GpuAllocator | undefined;
  readonly #hostCode: boolean;
  /** Index of the device. */
  readonly device: number;
  /** NVIDIA's TensorRT, or the CPU reference runtime. */
  readonly kind: RuntimeKind;
  /** TensorRT's version, for example "10.6.0.26". */
  readonly version: string;
  /** Which of TensorRT's libraries: 'lean' and 'dispatch' run version-compatible plans only and have no builder. */
  readonly flavor: 'full' | 'lean' | 'dispatch';
  /** The library that was opened, as an absolute path. */
  readonly libraryPath: string;

  /**
   * @param options - Which libraries, which device, and where the log goes.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link LoadError} ERR_TRT_NO_DRIVER, ERR_TRT_LIBRARY_NOT_FOUND,
   *   ERR_TRT_LIBRARY_INVALID, ERR_TRT_LIBRARY_VERSION, ERR_TRT_REFERENCE_UNAVAILABLE, ERR_TRT_ADDON
   */
  constructor(options: RuntimeOptions = {}) {
    checkOptions(options, optionNames, 'new Runtime');
    const device = checkInteger(options.device ?? 0, 'device', 0);
    const { platform } = openPlatformWithDevice(options, device);
    super(makeNativeRuntime(platform, device, options));
    this.#platform = platform;
    this.#gpuAllocator = options.gpuAllocator;
    this.#hostCode = options.engineHostCodeAllowed === true;
    this.device = device;
    this.kind = platform.kind;
    this.version = versionText(platform.version);
    this.flavor = platform.flavor;
    this.libraryPath = platform.libraryPath;
  }

  /** The addon's platform. @internal */
  get platform(): NativePlatform {
    return this.#platform;
  }

  /** Plugin libraries that are open. */
  get pluginLibraries(): readonly string[] {
    return this.#platform.pluginLibraries;
  }

  /** Number of DLA cores; 0 on most devices. */
  get numDlaCores(): number {
    return this.native.numDlaCores;
  }

  /** The DLA core in use, -1 for none. */
  get dlaCore(): number {
    return this.native.dlaCore;
  }

  /** Most threads that TensorRT may use. */
  get maxThreads(): number {
    return this.native.maxThreads;
  }

  /** Whether plans may bring executable host code. */
  get engineHostCodeAllowed(): boolean {
    return this.native.engineHostCodeAllowed;
  }

  /** Where such code is unpacked. */
  get temporaryDirectory(): string {
    return this.native.temporaryDirectory;
  }

  /** The CUDA devices of this machine. */
  devices(): DeviceInfo[] {
    return this.#platform.devices();
  }

  /**
   * Whether this device can read and write memory of another directly (NVLink, PCIe). Copies between the two work in any case.
   *
   * @param peer - Index of the other device.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT when there is no such device
   */
  canAccessPeer(peer: number): boolean {
    const count = this.#platform.devices().length;
    checkInteger(peer, 'canAccessPeer: peer', 0, count - 1);
    return peer === this.device || this.#platform.canAccessPeer(this.device, peer);
  }

  /** Free and total memory of the device, in bytes, for all processes. @throws {@link DeviceError} ERR_TRT_CUDA */
  memoryInfo(): { freeBytes: number; totalBytes: number } {
    return this.#platform.memoryInfo(this.device);
  }

  /**
   * Deserializes a plan. Blocks this thread, for some 100 ms to seconds with large plans.
   *
   * @param plan - The plan's bytes; may be reused afterwards.
   * @throws {@link InvalidPlanError} ERR_TRT_INVALID_PLAN, ERR_TRT_DESERIALIZE; {@link IncompatiblePlanError} ERR_TRT_PLAN_VERSION,
   *   ERR_TRT_PLAN_DEVICE, ERR_TRT_PLAN_RUNTIME; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link ClosedError} ERR_TRT_CLOSED;
   *   {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER
   */
  deserializeEngine(plan: Uint8Array | ArrayBuffer): Engine {
    const bytes = planBytes(plan, 'deserializeEngine');
    try {
      return new Engine(this, this.native.deserializeEngine(bytes));
    } catch (error) {
      const explained = GpuAllocator.explain(error, this.#gpuAllocator);
      throw withPreflightSync(explained, bytes, this.#platform, this.device, this.#hostCode);
    }
  }

  /**
   * Deserializes a plan on a thread of its own.
   *
   * @param plan - A path; the plan's bytes, which must not change until the promise settles; or a source of chunks ({@link PlanSource}), which is never held in
   *   memory as a whole (TensorRT 8 excepted).
   * @returns Rejects as {@link Runtime.deserializeEngine} throws, and with {@link FileError} ERR_TRT_FILE.
   */
  async deserializeEngineAsync(plan: PlanInput): Promise<Engine> {
    let native: NativeEngine;
    try {
      native = await deserialize(this.native, plan, 'deserializeEngineAsync');
    } catch (error) {
      const explained = GpuAllocator.explain(error, this.#gpuAllocator);
      throw await withPreflight(explained, plan, this.#platform, this.device, this.#hostCode);
    }
    if (!this.closed) return new Engine(this, native);
    native.close();
    throw closedError('Runtime');
  }

  /** Makes a stream. @throws {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED */
  createStream(options: StreamOptions = {}): Stream {
    checkOptions(options, ['priority'], 'createStream');
    return new Stream(this, this.open(), this.device, options);
  }

  /** Makes an event. @throws {@link DeviceError} ERR_TRT_CUDA; {@link ClosedError} ERR_TRT_CLOSED */
  createEvent(options: EventOptions = {}): CudaEvent {
    checkOptions(options, ['timing', 'blockingSync', 'interprocess'], 'createEvent');
    return CudaEvent.create(this, this.open(), options);
  }

  /**
   * Allocates memory on the device.
   *
   * @param bytes - How much; 0 is allowed.
   * @throws {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY; {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link ClosedError} ERR_TRT_CLOSED
   */
  createDeviceBuffer(bytes: number): DeviceBuffer {
    const platform = this.open();
    const size = checkInteger(bytes, 'createDeviceBuffer: bytes', 0);
    return new DeviceBuffer(platform, platform.createDeviceBuffer(this.device, size), this);
  }

  /**
   * Allocates device memory for a tensor, not initialised: a feed, or an output target, of sessions on this device.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_SHAPE, ERR_TRT_INVALID_ARGUMENT; {@link OutOfMemoryError} ERR_TRT_OUT_OF_MEMORY;
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  createDeviceTensor<T extends DType>(dtype: T, shape: readonly number[]): DeviceTensor<T> {
    this.open();
    return allocateDeviceTensor(this, dtype, shape);
  }

  /**
   * Allocates page-locked host memory.
   *
   * @param bytes - How much; 0 is allowed.
   * @throws as {@link Runtime.createDeviceBuffer}
   */
  createPinnedBuffer(bytes: number, options: PinnedBufferOptions = {}): PinnedBuffer {
    checkOptions(options, ['mapped'], 'createPinnedBuffer');
    return new PinnedBuffer(this, this.open(), this.device, bytes, options);
  }

  /**
   * Makes an allocator for an output whose size depends on the data.
   *
   * @param allocate - Gives the memory; default: device memory of its own, grown as needed.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link ClosedError} ERR_TRT_CLOSED
   */
  createOutputAllocator(allocate?: AllocateOutput): OutputAllocator {
    return new OutputAllocator(this, loadAddon().addon, this.open(), this.device, allocate);
  }

  private open(): NativePlatform {
    if (this.closed) throw closedError('Runtime');
    return this.#platform;
  }
}

/** From a path, bytes or a source to the addon's engine, on a thread of its own. @internal */
export async function deserialize(
  runtime: NativeRuntime,
  plan: unknown,
  who: string,
  signal?: AbortSignal,
): Promise<NativeEngine> {
  if (typeof plan === 'string') {
    if (plan === '')
      throw invalidArgument(`${who}: expected a path, got ""`, "Give the plan's path.");
    return runtime.deserializeEngineFile(checkString(plan, who));
  }
  if (plan instanceof URL) {
    if (plan.protocol !== 'file:') {
      throw invalidArgument(
        `${who}: expected a file: URL, got ${describe(plan.href)}`,
        'Download the plan first, and give its bytes.',
      );
    }
    return runtime.deserializeEngineFile(fileURLToPath(plan));
  }
  if (isPlanSource(plan)) return deserializeSource(runtime, plan, who, signal);
  return runtime.deserializeEngineAsync(planBytes(plan, who));
}
