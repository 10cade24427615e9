// preflight(): whether a plan can run here, from its bytes and the machine, without deserializing it.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  FileError,
  asError,
  describe,
  fileError,
  invalidArgument,
  isTensorRTError,
} from '../errors.js';
import type { NativePlatform } from '../native.js';
import { planBytes } from '../plan.js';
import {
  type PlatformOptions,
  openPlatform,
  platformOptionNames,
  requestedRuntime,
} from '../platform.js';
import { checkInteger, checkOptions } from '../validate.js';
import { looksLikeOnnx } from './magic.js';
import { type PlanFacts, headBytes, readPlanFacts } from './plan-header.js';
import { type Machine, type PreflightCheck, checksOf, versionWords } from './preflight-checks.js';

/** How {@link preflight} looks at a plan. */
export interface PreflightOptions extends PlatformOptions {
  /** Index of the CUDA device; default 0. */
  device?: number | undefined;
  /** Whether the plan will be loaded with this option, see {@link SessionOptions.engineHostCodeAllowed}. Default false. */
  engineHostCodeAllowed?: boolean | undefined;
}

/** What a plan tells of itself before it is deserialized; undefined is what it does not tell. */
export interface PreflightHeader extends Omit<PlanFacts, 'version'> {
  /** Of the TensorRT that built it, for example "10.6.0.26". */
  readonly version: string | undefined;
}

/** Whether a plan can run here. */
export interface PreflightReport {
  /**
   * 'cannot-run': a check failed. 'runs': file, runtime, version and GPU are right, for version-compatible plans host code too, and no other check failed; what
   * a plan never tells (plugins) may still be missing. 'unknown': one of these is not known.
   */
  readonly verdict: 'runs' | 'cannot-run' | 'unknown';
  readonly checks: readonly PreflightCheck[];
  /** Undefined where the file is no plan. */
  readonly header: PreflightHeader | undefined;
}

function reportOf(facts: PlanFacts, checks: readonly PreflightCheck[]): PreflightReport {
  const { version, versionCompatible } = facts;
  const header = { ...facts, version: version && versionWords(version) };
  const decisive = ['file', 'runtime', 'version', 'version-compatible', 'device'];
  if (versionCompatible === true) decisive.push('host-code'); // no other plan brings any
  const failed = checks.some(({ status }) => status === 'failed');
  const open = checks.some(({ check, status }) => status === 'unknown' && decisive.includes(check));
  return { verdict: failed ? 'cannot-run' : open ? 'unknown' : 'runs', checks, header };
}

/**
 * The report on a plan whose beginning is at hand. Never throws.
 *
 * @param head - Its first bytes.
 * @param bytes - How many there are in all.
 * @param machine - What it would run on.
 * @internal
 */
export function preflightOf(head: Uint8Array, bytes: number, machine: Machine): PreflightReport {
  const facts = readPlanFacts(head, bytes);
  if (facts !== undefined) return reportOf(facts, checksOf(facts, machine));
  const first = Buffer.from(head.subarray(0, 8)).toString('hex').replace(/..\B/g, '$& ');
  const onnx = looksLikeOnnx(head);
  const check: PreflightCheck = {
    check: 'file',
    status: 'failed',
    expected: 'a plan, which begins with "ftrt"',
    found: bytes === 0 ? 'an empty file' : onnx ? 'an ONNX model' : `the bytes ${first}`,
    hint: onnx
      ? 'Build it first: `trt-node build --onnx=MODEL --saveEngine=PLAN`.'
      : 'Give the file that trtexec --saveEngine or `trt-node build` wrote.',
  };
  return { verdict: 'cannot-run', checks: [check], header: undefined };
}

/** What a platform offers. Never throws. @internal */
export function machineOf(
  platform: NativePlatform,
  device: number,
  engineHostCodeAllowed: boolean,
): Machine {
  const known = { platform, engineHostCodeAllowed };
  try {
    const info = platform.devices()[device];
    let memory: Machine['memory'];
    let missing = `there is no device ${device}`;
    try {
      memory = info && platform.memoryInfo(device);
    } catch (error) {
      missing = why(error); // a device that is lost, say
    }
    return { ...known, device: info, memory, missing };
  } catch (error) {
    return { ...known, device: undefined, memory: undefined, missing: why(error) };
  }
}

/** The first sentence. */
function why(error: unknown): string {
  const words = isTensorRTError(error) ? error.reason : asError(error).message;
  return words.split(/(?<=[a-z])\. /)[0] ?? words;
}

/**
 * Whether a plan can run here, told without deserializing it, and without a GPU and TensorRT as far as that goes. What neither the plan nor the machine tells is
 * 'unknown'; nothing is guessed. docs/preflight.md says what is read from where.
 *
 * @param plan - A path, of which at most 16 MiB are read, or the plan's bytes.
 * @param options - Which runtime and device it is to run on.
 * @returns Rejects with {@link FileError} ERR_TRT_FILE; {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER. That there is no
 *   TensorRT, or no GPU, is in the report.
 * @example
 * ```ts
 * const { verdict, checks } = await preflight('model.plan');
 * if (verdict === 'cannot-run') console.error(checks.filter(({ status }) => status === 'failed'));
 * ```
 */
export async function preflight(
  plan: string | URL | Uint8Array | ArrayBuffer,
  options: PreflightOptions = {},
): Promise<PreflightReport> {
  checkOptions(options, [...platformOptionNames, 'device', 'engineHostCodeAllowed'], 'preflight');
  const device = checkInteger(options.device ?? 0, 'device', 0);
  requestedRuntime(options.runtime);
  const { head, bytes } = await readHead(plan, 'preflight');
  return preflightOf(head, bytes, findMachine(options, device));
}

function findMachine(options: PreflightOptions, device: number): Machine {
  const engineHostCodeAllowed = options.engineHostCodeAllowed === true;
  try {
    return machineOf(openPlatform(options), device, engineHostCodeAllowed);
  } catch (error) {
    if (!isTensorRTError(error) || error.code === 'ERR_TRT_INVALID_ARGUMENT') throw error;
    return {
      platform: undefined,
      device: undefined,
      memory: undefined,
      engineHostCodeAllowed,
      missing: why(error),
    };
  }
}

/** The first bytes of a plan, and how many there are in all. @throws ERR_TRT_FILE, ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER @internal */
export async function readHead(
  plan: unknown,
  who: string,
): Promise<{ head: Uint8Array; bytes: number }> {
  if (typeof plan !== 'string' && !(plan instanceof URL)) {
    const bytes = planBytes(plan, who);
    return { head: bytes.subarray(0, headBytes), bytes: bytes.length };
  }
  if (typeof plan !== 'string' && plan.protocol !== 'file:') {
    throw invalidArgument(
      `${who}: expected a file: URL, got ${describe(plan.href)}`,
      'Download the plan first, and give its bytes.',
    );
  }
  const file = typeof plan === 'string' ? plan : fileURLToPath(plan);
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error('it is no regular file');
      const head = Buffer.allocUnsafe(Math.min(stat.size, headBytes));
      let length = 0;
      while (length < head.length) {
        const { bytesRead } = await handle.read(head, length, head.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return { head: head.subarray(0, length), bytes: stat.size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw error instanceof FileError ? error : fileError('read', file, error);
  }
}
