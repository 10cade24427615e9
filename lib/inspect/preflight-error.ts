// The preflight report on errors of loading: what the plan tells of itself, where TensorRT's words leave it open.

import { type AnyTensorRTError, isTensorRTError, makeError } from '../errors.js';
import type { NativePlatform } from '../native.js';
import { planBytes } from '../plan.js';
import { machineOf, preflightOf, type PreflightReport, readHead } from './preflight.js';

/** So much of bytes that the caller may change is kept until it is known whether they can be loaded. */
const keptBytes = 64 * 1024;

/** The beginning of a plan in memory, with the whole's size. */
class KeptHead {
  constructor(
    readonly head: Uint8Array,
    readonly bytes: number,
  ) {}
}

/** What {@link withPreflight} needs of a plan that is about to be loaded: a path as it is, the beginning of bytes. Never throws. */
export function planHead(plan: unknown): unknown {
  if (typeof plan === 'string' || plan instanceof URL) return plan;
  try {
    const bytes = planBytes(plan, 'preflight');
    return new KeptHead(bytes.slice(0, keptBytes), bytes.length);
  } catch {
    return undefined; // whoever loads it says what is wrong
  }
}

/** Errors that are about the plan and the machine. */
function concerns(error: unknown): error is AnyTensorRTError {
  if (!isTensorRTError(error) || error.preflight !== undefined) return false;
  return /^ERR_TRT_(PLAN_|INVALID_PLAN|DESERIALIZE|OUT_OF_MEMORY)/.test(error.code);
}

/**
 * The error with the report on it. Where TensorRT only says that it failed, what the report has found becomes part of the message; the code stays what it was.
 */
function attach(error: AnyTensorRTError, report: PreflightReport): AnyTensorRTError {
  let explained = error;
  const { code, reason, hint, log, cause, call, cudaErrorCode, cudaErrorName, requestedBytes } =
    error;
  const unclear = code === 'ERR_TRT_DESERIALIZE' || code === 'ERR_TRT_OUT_OF_MEMORY';
  const found = report.checks.find(({ status }) => status === 'failed');
  if (unclear && found !== undefined) {
    const words = `${reason.replace(/[.;]$/, '')} (${found.check}: expected ${found.expected}, found ${found.found})`;
    const details = { log, cause, call, cudaErrorCode, cudaErrorName, requestedBytes };
    explained = makeError(code, words, found.hint === '' ? hint : found.hint, details);
  }
  Object.defineProperty(explained, 'preflight', { value: report, configurable: true });
  return explained;
}

/** The same error, or one of the same code that says more, with `preflight`. Never throws and never becomes another error. */
export async function withPreflight(
  error: unknown,
  plan: unknown,
  platform: NativePlatform,
  device: number,
  engineHostCodeAllowed: boolean | undefined,
): Promise<unknown> {
  if (!concerns(error) || plan === undefined) return error;
  try {
    const { head, bytes } = plan instanceof KeptHead ? plan : await readHead(plan, 'preflight');
    const machine = machineOf(platform, device, engineHostCodeAllowed === true);
    return attach(error, preflightOf(head, bytes, machine));
  } catch {
    return error;
  }
}

/** As {@link withPreflight}, for bytes that are still there. */
export function withPreflightSync(
  error: unknown,
  plan: Uint8Array,
  platform: NativePlatform,
  device: number,
  engineHostCodeAllowed: boolean,
): unknown {
  if (!concerns(error)) return error;
  try {
    const machine = machineOf(platform, device, engineHostCodeAllowed);
    return attach(error, preflightOf(plan, plan.length, machine));
  } catch {
    return error;
  }
}
