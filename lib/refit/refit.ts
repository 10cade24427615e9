// refit(): a plan with other weights, as a plan again; refittableWeights(): which weights those may be.

import { writeFileAtomically } from '../atomic-write.js';
import type { DType } from '../dtype.js';
import { type LogOptions, logOptionNames } from '../log.js';
import type { NativeEngine } from '../native.js';
import { type PlatformOptions, openPlatformWithDevice, platformOptionNames } from '../platform.js';
import { type SerializeOptions, serializationFlags } from '../runtime/engine.js';
import { deserialize, makeNativeRuntime } from '../runtime/runtime.js';
import { checkInteger, checkOptions, checkString } from '../validate.js';
import { type RefitResult, prototypeOf, refitEngine } from './apply.js';
import { type RefitOptions, checkSources, refitOptionNames } from './sources.js';

export type { RefitOptions } from './sources.js';

/** How a plan is opened. */
export interface PlanOptions extends PlatformOptions, LogOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /** Whether the plan may bring executable host code, as version-compatible plans do. Only for plans that you trust. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
}

/** How a plan is refitted: the weights, what the new plan leaves out, and where it goes. */
export interface RefitPlanOptions extends RefitOptions, SerializeOptions, PlanOptions {
  /** Where to write the new plan, whole or not at all. Default: nowhere. */
  saveEngine?: string | undefined;
}

/** Weights that can be exchanged. */
export interface RefittableWeights {
  readonly name: string;
  /** undefined where TensorRT does not tell (before 10). */
  readonly dtype: DType | undefined;
  /** Number of elements; undefined likewise. */
  readonly count: number | undefined;
  /** The plan does not have them: they were stripped. */
  readonly missing: boolean;
}

const openOptionNames = [
  ...platformOptionNames,
  ...logOptionNames,
  'device',
  'engineHostCodeAllowed',
];
const serializeOptionNames = ['excludeWeights', 'excludeLeanRuntime', 'includeRefit'] as const;

async function withEngine<T>(
  plan: unknown,
  options: PlanOptions,
  who: string,
  work: (engine: NativeEngine) => Promise<T>,
): Promise<T> {
  const device = checkInteger(options.device ?? 0, 'device', 0);
  const { platform } = openPlatformWithDevice(options, device);
  const runtime = makeNativeRuntime(platform, device, options);
  let engine: NativeEngine | undefined;
  try {
    engine = await deserialize(runtime, plan, who);
    return await work(engine);
  } finally {
    engine?.close();
    runtime.close();
  }
}

/** The new plan, and what was done. @internal */
export interface RefittedPlan extends RefitResult {
  readonly plan: Uint8Array;
  /** Milliseconds for setting the weights and refitting. */
  readonly refitMs: number;
}

/** {@link refit}, with what the command line prints. @internal */
export async function refitPlan(plan: unknown, options: RefitPlanOptions): Promise<RefittedPlan> {
  checkOptions(
    options,
    [...openOptionNames, ...refitOptionNames, ...serializeOptionNames, 'saveEngine'],
    'refit',
  );
  checkSources(options, 'refit');
  if (options.saveEngine !== undefined) checkString(options.saveEngine, 'saveEngine');
  const { excludeWeights, excludeLeanRuntime, includeRefit } = options;
  const flags = serializationFlags({ excludeWeights, excludeLeanRuntime, includeRefit }, 'refit');
  return withEngine(plan, options, 'refit', async (engine) => {
    const start = performance.now();
    const result = await refitEngine(engine, options, 'refit');
    const refitMs = performance.now() - start;
    const bytes = new Uint8Array(await engine.serializeAsync(flags));
    if (options.saveEngine !== undefined) await writeFileAtomically(options.saveEngine, bytes);
    return { ...result, plan: bytes, refitMs };
  });
}

/**
 * Gives a plan other weights: deserializes it, refits it and serializes it again, on other threads. A plan that was built with `stripWeights` becomes complete in
 * this way. The plan must have been built with `refit` or `stripWeights`.
 *
 * @param plan - Path of the plan, or its bytes.
 * @param options - The weights: `onnx`, `safetensors`, `npy`, `weights`, any of them.
 * @returns The new plan's bytes. Rejects with {@link RefitError} ERR_TRT_REFIT (its `missingWeights` lists what was not given);
 *   {@link InvalidArgumentError} ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_DTYPE_MISMATCH, ERR_TRT_LENGTH_MISMATCH for weights that are not the engine's,
 *   ERR_TRT_INVALID_ARGUMENT; {@link UnsupportedError} ERR_TRT_UNSUPPORTED for a plan that is not refittable; {@link FileError} ERR_TRT_FILE; and as
 *   {@link Session.load}.
 * @example
 * ```ts
 * await build({ onnx: 'model.onnx', stripWeights: true, saveEngine: 'stripped.plan' });
 * const plan = await refit('stripped.plan', { onnx: 'model.onnx' });
 * ```
 */
export async function refit(
  plan: string | URL | Uint8Array | ArrayBuffer,
  options: RefitPlanOptions,
): Promise<Uint8Array> {
  return (await refitPlan(plan, options)).plan;
}

/**
 * The weights of a plan that can be exchanged.
 *
 * @param plan - Path of the plan, or its bytes.
 * @param options - Runtime and device.
 * @returns Rejects with {@link UnsupportedError} ERR_TRT_UNSUPPORTED for a plan that is not refittable, and as {@link Session.load}.
 */
export async function refittableWeights(
  plan: string | URL | Uint8Array | ArrayBuffer,
  options: PlanOptions = {},
): Promise<RefittableWeights[]> {
  checkOptions(options, openOptionNames, 'refittableWeights');
  return withEngine(plan, options, 'refittableWeights', (engine) => {
    const refitter = engine.createRefitter();
    try {
      const missing = new Set(refitter.missingWeights());
      return Promise.resolve(
        refitter.allWeights().map((name) => {
          const shape = prototypeOf(refitter, name);
          const dtype = shape?.dtype as DType | undefined;
          return { name, dtype, count: shape?.count, missing: missing.has(name) };
        }),
      );
    } finally {
      refitter.close();
    }
  });
}
