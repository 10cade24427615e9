// The checks of a preflight: what a plan says of itself against what the machine has. A check claims nothing that is not known.

import type { NativeDeviceInfo, NativeVersion } from '../native.js';
import type { RuntimeKind } from '../platform.js';
import type { PlanFacts, PlanVersion } from './plan-header.js';

/** What is checked. */
export type PreflightCheckName =
  | 'file'
  | 'runtime'
  | 'version'
  | 'version-compatible'
  | 'device'
  | 'hardware-compatibility'
  | 'host-code'
  | 'plugins'
  | 'weights'
  | 'memory';

/** 'failed': the plan cannot run. 'warning': it can, but see `hint`. 'unknown': neither the plan nor the machine tells. */
export type PreflightStatus = 'ok' | 'warning' | 'failed' | 'unknown';

/** One check of a preflight. */
export interface PreflightCheck {
  readonly check: PreflightCheckName;
  readonly status: PreflightStatus;
  /** What the plan needs. */
  readonly expected: string;
  /** What there is. */
  readonly found: string;
  /** What to do; '' where there is nothing to do. */
  readonly hint: string;
}

/** What the plan would run on, as far as it is known. */
export interface Machine {
  readonly platform:
    | {
        readonly kind: RuntimeKind;
        readonly version: NativeVersion;
        readonly flavor: 'full' | 'lean' | 'dispatch';
      }
    | undefined;
  readonly device: NativeDeviceInfo | undefined;
  readonly memory: { readonly freeBytes: number; readonly totalBytes: number } | undefined;
  readonly engineHostCodeAllowed: boolean;
  /** Why something of it is not known. */
  readonly missing: string;
}

/** "10.6.0.26"; without the build number when it is 0. */
export function versionWords(version: PlanVersion): string {
  const { major, minor, patch, build } = version;
  return `${major}.${minor}.${patch}${build === 0 ? '' : `.${build}`}`;
}

function capabilityWords(capability: readonly [number, number]): string {
  return `compute capability ${capability.join('.')}`;
}

function byteWords(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

type Result = Omit<PreflightCheck, 'check'>;

function result(
  status: PreflightStatus,
  expected: string,
  found: string,
  hint: string | undefined = '',
): Result {
  return { status, expected, found, hint };
}

/** TensorRT's numbers of the format, of the versions whose plans we have seen. */
const serializationVersions: Readonly<Record<string, number>> = { '8.6.1': 236, '10.6.0': 239 };

/** Whether the file is whole. */
export function checkFile(facts: PlanFacts): Result {
  const { announcedBytes, bytes } = facts;
  const found = byteWords(bytes);
  if (announcedBytes === undefined) {
    return result('unknown', 'a size that the plan does not tell', found);
  }
  if (announcedBytes <= bytes) {
    const { version, serializationVersion: number } = facts;
    const known = version && serializationVersions[versionWords({ ...version, build: 0 })];
    if (known === undefined || known === number) {
      return result('ok', byteWords(announcedBytes), found);
    }
    return result(
      'unknown',
      `an engine of serialization version ${known}`,
      number === undefined ? 'none that can be read' : `serialization version ${number}`,
      'The plan may be damaged: check how the file was written or copied.',
    );
  }
  const hint = 'The plan is truncated: check how the file was written or copied.';
  return result('failed', `${announcedBytes} bytes`, `${bytes} bytes`, hint);
}

/** Whether it is a plan of the runtime that is there. */
export function checkRuntime(facts: PlanFacts, machine: Machine): Result {
  const names = { tensorrt: 'TensorRT', reference: "trt-node's CPU reference runtime" };
  const hints = {
    tensorrt: "Run it with TensorRT on a GPU (runtime: 'tensorrt').",
    reference: "Choose the reference runtime (runtime: 'reference'), or build it with TensorRT.",
  };
  const kind = machine.platform?.kind;
  if (kind === undefined) return result('unknown', names[facts.runtime], machine.missing);
  const same = facts.runtime === kind;
  const hint = same ? '' : hints[facts.runtime];
  return result(same ? 'ok' : 'failed', names[facts.runtime], names[kind], hint);
}

type Agreement = 'same' | 'build' | 'other';

function agreement(plan: PlanVersion, running: NativeVersion): Agreement {
  const { major, minor, patch, build } = running;
  if (plan.major !== major || plan.minor !== minor || plan.patch !== patch) return 'other';
  return plan.build === build || build === 0 ? 'same' : 'build';
}

/** TensorRT's version: the same, or one that a version-compatible plan is for. */
export function checkVersion(facts: PlanFacts, machine: Machine): Result {
  const { version, versionCompatible, leanRuntime } = facts;
  const running = machine.platform?.version;
  const found = running === undefined ? machine.missing : `TensorRT ${versionWords(running)}`;
  if (version === undefined)
    return result('unknown', 'a version that the plan does not tell', found);
  const expected = `TensorRT ${versionWords(version)}`;
  if (running === undefined) return result('unknown', expected, found);
  const rebuild = `Build the plan with ${found}, or load the TensorRT that built it (library, TRT_NODE_LIBRARY).`;
  const agrees = agreement(version, running);
  if (agrees === 'same') return result('ok', expected, found);
  if (agrees === 'build') {
    const hint = `Only the build number differs; TensorRT decides. ${rebuild}`;
    return result('unknown', expected, found, hint);
  }
  const { major } = running;
  if (versionCompatible === false || major < version.major || major > version.major + 2) {
    return result('failed', expected, found, rebuild);
  }
  if (major !== version.major) {
    // 8 to 10 and 10 to 11 work, through the lean runtime in the plan.
    const next = version.major === 8 ? major === 10 : major === version.major + 1;
    if (!next || leanRuntime === false) return result('failed', expected, found, rebuild);
  }
  if (versionCompatible === true && leanRuntime !== false) {
    return result('ok', `${expected}, or a later one (version-compatible)`, found);
  }
  const hint =
    versionCompatible === true
      ? 'The plan is version-compatible, but brings no lean runtime: TensorRT decides.'
      : `The header does not tell whether it is version-compatible. ${rebuild}`;
  return result('unknown', expected, found, hint);
}

/** The lean and the dispatch runtime run version-compatible plans only. */
export function checkVersionCompatible(facts: PlanFacts, machine: Machine): Result {
  const { versionCompatible } = facts;
  const words = versionCompatible === true ? 'is' : 'is not';
  const found = `the plan ${versionCompatible === undefined ? 'does not tell' : words}`;
  const flavor = machine.platform?.flavor;
  if (flavor === undefined) {
    return result('unknown', 'version-compatible, if the lean runtime is to run it', found);
  }
  if (flavor === 'full') {
    return result('ok', 'nothing: the full runtime runs all plans of its version', found);
  }
  const expected = `version-compatible, as the ${flavor} runtime needs`;
  if (versionCompatible === undefined) return result('unknown', expected, found);
  if (versionCompatible) return result('ok', expected, found);
  const hint = 'Build it version-compatible (--versionCompatible), or load the full libnvinfer.';
  return result('failed', expected, found, hint);
}

/** The GPU's compute capability, and how the plan may run on another. */
export function checkDevice(facts: PlanFacts, machine: Machine): Result {
  const { computeCapability, multiprocessors, hardwareCompatibilityLevel } = facts;
  const { device } = machine;
  const found =
    device === undefined
      ? machine.missing
      : `${device.name}, ${capabilityWords(device.computeCapability)}`;
  if (computeCapability === undefined) {
    return result('unknown', 'a GPU that the plan does not tell', found);
  }
  const expected = capabilityWords(computeCapability);
  if (device === undefined) return result('unknown', expected, found);
  if (computeCapability.join() === device.computeCapability.join()) {
    if (multiprocessors === undefined || multiprocessors === device.multiprocessors) {
      return result('ok', expected, found);
    }
    return result(
      'warning',
      `${expected}, ${multiprocessors} multiprocessors`,
      `${found}, ${device.multiprocessors} multiprocessors`,
      'It was built on another model of GPU: it runs, but a plan built here may be faster.',
    );
  }
  const rebuild =
    'Build the plan on this kind of GPU, or with hardware compatibility (--hardwareCompatibilityLevel=ampere+).';
  if (hardwareCompatibilityLevel === 'none') return result('failed', expected, found, rebuild);
  if (hardwareCompatibilityLevel === undefined) return result('unknown', expected, found, rebuild);
  const ampere = `${expected}, or any GPU from 8.0 on (hardware-compatible)`;
  if (device.computeCapability[0] < 8) return result('failed', ampere, found, rebuild);
  if (device.integrated) {
    const hint = 'TensorRT has no hardware compatibility on integrated GPUs; it decides.';
    return result('unknown', ampere, found, hint);
  }
  return result('ok', ampere, found);
}

/** Which GPUs the plan is for. */
export function checkHardwareCompatibility(facts: PlanFacts, machine: Machine): Result {
  const { computeCapability, hardwareCompatibilityLevel: level } = facts;
  const found = level === undefined ? 'the plan does not tell' : `'${level}'`;
  if (machine.device === undefined) return result('unknown', 'what fits the GPU', found);
  const same = computeCapability?.join() === machine.device.computeCapability.join();
  const expected = same ? 'nothing: it was built on such a GPU' : "'amperePlus'";
  if (level === undefined) return result(same ? 'ok' : 'unknown', expected, found);
  if (same || level === 'amperePlus') return result('ok', expected, found);
  const hint = 'Build it with --hardwareCompatibilityLevel=ampere+, or on this kind of GPU.';
  return result('failed', expected, found, hint);
}

/** Whether host code that the plan brings may run. */
export function checkHostCode(facts: PlanFacts, machine: Machine): Result {
  const { leanRuntime } = facts;
  const { engineHostCodeAllowed } = machine;
  const found = `engineHostCodeAllowed: ${engineHostCodeAllowed}`;
  if (leanRuntime === false) return result('ok', 'nothing: the plan brings no host code', found);
  if (engineHostCodeAllowed) return result('ok', 'allowed, if the plan brings host code', found);
  const hint =
    'A version-compatible plan may bring a lean runtime. If you trust its origin, give engineHostCodeAllowed: true.';
  return result('unknown', 'allowed, if the plan brings host code', found, hint);
}

/** The weights of stripped plans are missing. */
export function checkWeights(facts: PlanFacts): Result {
  const { stripped } = facts;
  if (stripped === undefined)
    return result('unknown', 'weights in the plan', 'the plan does not tell');
  if (!stripped) return result('ok', 'weights in the plan', 'they are there');
  const hint =
    'Put the weights in by refitting before the first run; without them results are wrong.';
  return result('warning', 'weights in the plan', 'they were left out (stripped)', hint);
}

/** Device memory: what must be there at least, against what is free. Kernels, inputs and outputs come on top. */
export function checkMemory(facts: PlanFacts, machine: Machine): Result {
  const { weightsBytes, weightStreaming, activationBytesPerProfile, bytes } = facts;
  const { memory } = machine;
  const found = memory === undefined ? machine.missing : `${byteWords(memory.freeBytes)} free`;
  const hint = 'Free device memory (nvidia-smi shows who has it), or build with smaller shapes.';
  if (activationBytesPerProfile === undefined || weightsBytes === undefined) {
    const expected = `what the plan does not tell (it has ${byteWords(bytes)})`;
    if (memory === undefined || bytes <= memory.freeBytes) {
      return result('unknown', expected, found);
    }
    return result('warning', expected, found, hint);
  }
  const weights = weightStreaming === false ? weightsBytes : 0; // streamed weights may stay in host memory
  const least = weights + Math.min(...activationBytesPerProfile);
  const most = weights + Math.max(...activationBytesPerProfile);
  const range = least === most ? byteWords(least) : `${byteWords(least)} to ${byteWords(most)}`;
  const expected = `${range} at least, by profile: weights and activations`;
  if (memory === undefined) return result('unknown', expected, found);
  if (memory.freeBytes < least) return result('failed', expected, found, hint);
  if (memory.freeBytes < most) return result('warning', expected, found, hint);
  return result('ok', expected, found);
}

/** Plans of the reference runtime run wherever it does. */
function referenceChecks(facts: PlanFacts, machine: Machine): PreflightCheck[] {
  const { memory, platform, device } = machine;
  const free = memory === undefined ? machine.missing : `${byteWords(memory.freeBytes)} free`;
  const rows: [PreflightCheckName, string, string][] = [
    ['version', 'any version', platform === undefined ? '' : versionWords(platform.version)],
    ['version-compatible', 'nothing', 'all plans are'],
    ['device', 'a CPU', device?.name ?? machine.missing],
    ['hardware-compatibility', 'nothing', 'all plans are'],
    ['host-code', 'nothing: the plan brings no host code', 'none'],
    ['plugins', 'none', 'none'],
    ['memory', 'host memory', free],
  ];
  return [
    ...rows.map(([check, expected, found]) => ({ check, ...result('ok', expected, found) })),
    { check: 'weights', ...checkWeights(facts) },
  ];
}

/** All checks, up to one after which the others mean nothing. */
export function checksOf(facts: PlanFacts, machine: Machine): PreflightCheck[] {
  const file: PreflightCheck = { check: 'file', ...checkFile(facts) };
  if (file.status === 'failed') return [file];
  const runtime: PreflightCheck = { check: 'runtime', ...checkRuntime(facts, machine) };
  if (runtime.status === 'failed') return [file, runtime];
  if (facts.runtime === 'reference') {
    return [file, runtime, ...(runtime.status === 'ok' ? referenceChecks(facts, machine) : [])];
  }
  return [
    file,
    runtime,
    { check: 'version', ...checkVersion(facts, machine) },
    { check: 'version-compatible', ...checkVersionCompatible(facts, machine) },
    { check: 'device', ...checkDevice(facts, machine) },
    { check: 'hardware-compatibility', ...checkHardwareCompatibility(facts, machine) },
    { check: 'host-code', ...checkHostCode(facts, machine) },
    {
      check: 'plugins',
      ...result('unknown', 'the plugins that it uses', 'the plan does not tell them'),
    },
    { check: 'weights', ...checkWeights(facts) },
    { check: 'memory', ...checkMemory(facts, machine) },
  ];
}
