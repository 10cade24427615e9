// inspect(): what a plan or an ONNX file is, as values. inspect/text.ts prints them.

import { InvalidPlanError, LoadError, asError, isTensorRTError } from '../errors.js';
import { loadAddon } from '../load.js';
import { type LogOptions, logOptionNames } from '../log.js';
import type { NativeEngine, NativePlatform } from '../native.js';
import { planBytes } from '../plan.js';
import {
  type PlatformOptions,
  type RuntimeKind,
  openPlatformWithDevice,
  platformOptionNames,
  requestedRuntime,
} from '../platform.js';
import { readBytes } from '../read-bytes.js';
import {
  type EngineProperties,
  type TensorInfo,
  engineProperties,
  tensorInfo,
} from '../runtime/engine-info.js';
import { makeNativeRuntime, versionText } from '../runtime/runtime.js';
import { checkInteger, checkOptions } from '../validate.js';
import { type LayerInfo, parseLayers } from './layers.js';
import { isPlan } from './magic.js';
import { parseOnnx } from './onnx.js';
import type { OnnxInfo } from './onnx-types.js';
import { withPreflightSync } from './preflight-error.js';

/** How {@link inspect} looks at a file. */
export interface InspectOptions extends PlatformOptions, LogOptions {
  /** Index of the CUDA device that plans are deserialized on; default 0. */
  device?: number | undefined;
  /** Whether to list the layers of a plan, or the nodes of an ONNX model. Default false. */
  layers?: boolean | undefined;
  /** Whether the plan may bring executable host code. Only for plans that you trust. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
}

/** What the first bytes of a plan tell, without TensorRT. */
export interface PlanHeaderInfo {
  /** Which runtime made the plan. */
  readonly runtime: RuntimeKind;
  /** TensorRT's version that built it, where the header tells. */
  readonly version: string | undefined;
  /** Compute capability of the GPU that it was built on, where the header tells. */
  readonly computeCapability: readonly [major: number, minor: number] | undefined;
  /** Size of the file. */
  readonly bytes: number;
}

/** What a plan tells when it is deserialized. */
export interface PlanEngineInfo extends EngineProperties {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** All inputs and outputs in the engine's own order. */
  readonly tensors: readonly TensorInfo[];
  /** Undefined unless `layers` was asked for. */
  readonly layers: readonly LayerInfo[] | undefined;
}

/** What a plan tells. */
export interface PlanInfo {
  readonly kind: 'plan';
  readonly header: PlanHeaderInfo;
  /** Which runtime deserialized it, and its version. */
  readonly runtime: RuntimeKind | undefined;
  readonly runtimeVersion: string | undefined;
  /** Undefined where the plan could not be deserialized: then `error` says why. */
  readonly engine: PlanEngineInfo | undefined;
  /** Why the plan could not be deserialized here, although it looks good. */
  readonly error: Error | undefined;
}

/**
 * What a plan or an ONNX file is. ONNX files need neither GPU nor TensorRT; of a plan they are needed for all but its header. A plan of the reference runtime is
 * inspected by the reference runtime, which `runtime` in the result says.
 *
 * @param file - A path, or the bytes.
 * @param options - Which runtime, and whether to list layers.
 * @returns Rejects with {@link FileError} ERR_TRT_FILE; {@link InvalidPlanError} ERR_TRT_INVALID_PLAN for what is neither plan nor ONNX;
 *   {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link LoadError} ERR_TRT_ADDON. Why a plan with a good header cannot be deserialized
 *   is in the result's `error`.
 */
export async function inspect(
  file: string | Uint8Array | ArrayBuffer,
  options: InspectOptions = {},
): Promise<PlanInfo | OnnxInfo> {
  const names = [...platformOptionNames, ...logOptionNames];
  checkOptions(options, [...names, 'device', 'layers', 'engineHostCodeAllowed'], 'inspect');
  const bytes = typeof file === 'string' ? await readBytes(file) : planBytes(file, 'inspect');
  if (isPlan(bytes)) return inspectPlan(bytes, options);
  try {
    return parseOnnx(bytes, { nodes: options.layers === true });
  } catch (cause) {
    const what = typeof file === 'string' ? `'${file}'` : `${bytes.length} bytes`;
    throw new InvalidPlanError(
      'ERR_TRT_INVALID_PLAN',
      `expected a TensorRT plan, a reference plan or an ONNX model, but ${what} is none of them (as ONNX: ${asError(cause).message})`,
      bytes.length === 0
        ? 'The file is empty: make it again.'
        : 'Check that this is the right file and that it is complete.',
      { cause },
    );
  }
}

async function inspectPlan(bytes: Uint8Array, options: InspectOptions): Promise<PlanInfo> {
  const native = loadAddon().addon.readPlanHeader(bytes);
  const header: PlanHeaderInfo = {
    runtime: native.kind,
    version: native.version && versionText(native.version),
    computeCapability: native.computeCapability,
    bytes: bytes.length,
  };
  const device = checkInteger(options.device ?? 0, 'device', 0);
  const asked = requestedRuntime(options.runtime);
  const runtime = asked === 'auto' ? native.kind : asked;
  let platform: NativePlatform | undefined;
  try {
    ({ platform } = openPlatformWithDevice({ ...options, runtime }, device));
    const engine = await describeEngine(platform, device, bytes, options);
    const { kind, version } = platform;
    const runtimeVersion = versionText(version);
    return { kind: 'plan', header, runtime: kind, runtimeVersion, engine, error: undefined };
  } catch (thrown) {
    const hostCode = options.engineHostCodeAllowed === true;
    const error = platform ? withPreflightSync(thrown, bytes, platform, device, hostCode) : thrown;
    if (!isTensorRTError(error)) throw error;
    if (error.code === 'ERR_TRT_INVALID_ARGUMENT') throw error;
    if (error instanceof LoadError && error.code === 'ERR_TRT_ADDON') throw error;
    const runtimeVersion = platform && versionText(platform.version);
    return {
      kind: 'plan',
      header,
      runtime: platform?.kind,
      runtimeVersion,
      engine: undefined,
      error,
    };
  }
}

async function describeEngine(
  platform: NativePlatform,
  device: number,
  bytes: Uint8Array,
  options: InspectOptions,
): Promise<PlanEngineInfo> {
  const { log, logSeverity, engineHostCodeAllowed } = options;
  const runtime = makeNativeRuntime(platform, device, { log, logSeverity, engineHostCodeAllowed });
  try {
    const engine = await runtime.deserializeEngineAsync(bytes);
    try {
      const tensors = engine.info.tensors.map(tensorInfo);
      return {
        ...engineProperties(engine.info),
        inputs: tensors.filter((tensor) => tensor.mode === 'input'),
        outputs: tensors.filter((tensor) => tensor.mode === 'output'),
        tensors,
        layers: options.layers === true ? readLayers(engine) : undefined,
      };
    } finally {
      engine.close();
    }
  } finally {
    runtime.close();
  }
}

function readLayers(engine: NativeEngine): LayerInfo[] {
  const inspector = engine.createInspector();
  try {
    const { numLayers, numOptimizationProfiles } = engine.info;
    return parseLayers(
      (layer) => inspector.layerInformation(layer, 1),
      numLayers,
      Math.max(1, numOptimizationProfiles),
    );
  } finally {
    inspector.close();
  }
}
