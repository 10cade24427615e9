// Compares all outputs of a run with what they should be: with other tensors, or with what ONNX Runtime makes of the model.

import { describe, invalidArgument } from '../errors.js';
import type { Session } from '../session.js';
import type { Tensor } from '../tensor.js';
import { checkString } from '../validate.js';
import {
  type OutputComparison,
  type Tolerances,
  compareTensors,
  filledTolerances,
} from './metrics.js';
import { runOnnxRuntime } from './onnxruntime.js';

/** Tolerances for all outputs, and for single ones by name. */
export interface CompareOptions extends Tolerances {
  /** By output: what differs from the others. */
  readonly byOutput?: Readonly<Record<string, Tolerances>> | undefined;
}

/** All outputs, compared. */
export interface ComparisonReport {
  /** Every expected output is there and passed, and there is at least one. */
  readonly passed: boolean;
  /** Those that both sides have, in the order of what was expected. */
  readonly outputs: readonly OutputComparison[];
  /** Expected outputs that are not there. */
  readonly missing: readonly string[];
  /** Outputs that were not expected; they do not count. */
  readonly unexpected: readonly string[];
}

/** Outputs by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/**
 * Compares outputs by name.
 *
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong tolerances
 */
export function compareOutputs(
  expected: NamedTensors,
  actual: NamedTensors,
  options: CompareOptions = {},
): ComparisonReport {
  filledTolerances(options); // also where there is nothing to compare
  const { byOutput = {}, ...common } = options;
  const names = Object.keys(expected);
  const outputs = names.flatMap((name) => {
    const [want, got] = [expected[name], actual[name]];
    if (want === undefined || got === undefined) return [];
    return [compareTensors(name, want, got, { ...common, ...byOutput[name] })];
  });
  const missing = names.filter((name) => actual[name] === undefined);
  return {
    passed: missing.length === 0 && outputs.length > 0 && outputs.every(({ passed }) => passed),
    outputs,
    missing,
    unexpected: Object.keys(actual).filter((name) => expected[name] === undefined),
  };
}

/**
 * The same inputs through a plan and through ONNX Runtime on the CPU (the package onnxruntime-node), compared output by output: polygraphy's
 * `run --trt --onnxrt`.
 *
 * @param session - The plan.
 * @param model - Path of the ONNX model that it was built from.
 * @param feeds - All inputs. They are converted where the model has other types than the plan.
 * @param options - Tolerances; 1e-5 absolute or relative by default, which only plans in full FP32 (`tf32: false`) reach.
 * @returns Rejects as {@link Session.run}; with {@link LoadError} ERR_TRT_REFERENCE_UNAVAILABLE without onnxruntime-node; {@link BuildError}
 *   ERR_TRT_PARSE and {@link ExecutionError} ERR_TRT_EXECUTION where ONNX Runtime refuses the model or the inputs.
 * @example
 * ```ts
 * const { passed, outputs } = await compareWithOnnxRuntime(session, 'model.onnx', { x }, { atol: 1e-3, rtol: 1e-2 });
 * ```
 */
export async function compareWithOnnxRuntime(
  session: Session,
  model: string,
  feeds: NamedTensors,
  options: CompareOptions = {},
): Promise<ComparisonReport> {
  if (typeof (session as Partial<Session> | undefined)?.run !== 'function') {
    throw invalidArgument(
      `compareWithOnnxRuntime: expected a session, got ${describe(session)}`,
      'Load the plan first: await Session.load(plan).',
    );
  }
  checkString(model, 'compareWithOnnxRuntime: model');
  const [actual, { outputs: expected }] = await Promise.all([
    session.run(feeds),
    runOnnxRuntime(model, feeds),
  ]);
  return compareOutputs(expected, actual, options);
}
