// Whether an int8 build has scales: from Q/DQ nodes of the model, or from a calibration.

import { invalidArgument } from '../errors.js';
import { parseOnnx } from '../inspect/onnx.js';
import type { LogFunction } from '../log.js';

/** Whether the model brings scales itself; undefined for what cannot be read: the parser says what is wrong. */
function isQuantized(model: Uint8Array): boolean | undefined {
  try {
    const operators = Object.keys(parseOnnx(model).operators);
    return operators.some((name) => /(^|::)(Dynamic)?(Quantize|Dequantize)Linear$/.test(name));
  } catch {
    return undefined;
  }
}

/**
 * TensorRT refuses int8 without scales, after minutes ("no scaling factors detected", seen with 10.6); trtexec invents them, and the plan computes nonsense.
 *
 * @param asked - Whether int8 was asked for by name, or only as a part of `best`.
 * @returns Whether int8 can be allowed.
 * @throws ERR_TRT_INVALID_ARGUMENT where it was asked for by name and cannot
 */
export function int8HasScales(
  model: Uint8Array,
  calibrated: boolean,
  asked: boolean,
  log: LogFunction | undefined,
): boolean {
  if (calibrated || isQuantized(model) !== false) return true;
  if (asked) {
    throw invalidArgument(
      'int8: expected a model with Q/DQ nodes (QuantizeLinear, DequantizeLinear) or a calibration, got neither: there would be no scales',
      'Give `calibration` (--calibData, --calib), or quantize the model; or leave int8 out.',
    );
  }
  log?.(
    'warning',
    'best goes without int8: the model has no Q/DQ nodes and no calibration was given, so there are no scales for it',
  );
  return false;
}
