// doctor(): what this machine has and lacks for trt-node, and how to mend it.

import { existsSync, readFileSync } from 'node:fs';
import { asError, isTensorRTError } from '../errors.js';
import { glibcVersion, loadAddon } from '../load.js';
import { packageVersion } from '../package-version.js';
import {
  type PlatformOptions,
  findOnnxRuntime,
  findReferenceLibrary,
  openPlatform,
} from '../platform.js';
import { type DeviceInfo, versionText } from '../runtime/runtime.js';
import { checkOptions } from '../validate.js';
import { type FoundLibrary, findTensorRTLibraries } from './libraries.js';

/** Something that is missing or wrong. */
export interface DoctorProblem {
  /** What it concerns. */
  readonly part: 'node' | 'platform' | 'addon' | 'driver' | 'tensorrt' | 'reference';
  /** The error's code, where an error told it. */
  readonly code: string | undefined;
  readonly what: string;
  /** What to do. */
  readonly hint: string;
}

/** The result of {@link doctor}; docs/cli.md explains the fields. */
export interface DoctorReport {
  /** Whether engines can run on a GPU here. */
  readonly ok: boolean;
  /** Version of trt-node. */
  readonly version: string;
  readonly node: { readonly version: string; readonly ok: boolean };
  readonly platform: {
    readonly os: string;
    readonly arch: string;
    /** '' where there is none (musl). */
    readonly glibc: string;
    readonly ok: boolean;
  };
  readonly addon: { readonly ok: boolean; readonly path: string | undefined };
  readonly driver: {
    readonly ok: boolean;
    /** CUDA's version that the driver supports, for example "12.8". */
    readonly cudaVersion: string | undefined;
    /** Version of NVIDIA's kernel module, for example "580.65.06". */
    readonly kernelModule: string | undefined;
  };
  readonly devices: readonly DeviceInfo[];
  /** By device and device: whether the first can access the second's memory directly (NVLink, PCIe). */
  readonly peerAccess: readonly (readonly boolean[])[];
  readonly tensorrt: {
    readonly ok: boolean;
    readonly path: string | undefined;
    readonly version: string | undefined;
    readonly flavor: 'full' | 'lean' | 'dispatch' | undefined;
    /** Whether plans can be built, and ONNX models parsed. */
    readonly builder: boolean;
    readonly parser: boolean;
    readonly plugins: readonly string[];
    readonly warnings: readonly string[];
    /** All TensorRT libraries found in the usual places, opened or not. */
    readonly found: readonly FoundLibrary[];
  };
  readonly reference: {
    readonly ok: boolean;
    readonly library: string | undefined;
    readonly version: string | undefined;
    readonly onnxruntime:
      { readonly path: string; readonly version: string | undefined } | undefined;
  };
  readonly problems: readonly DoctorProblem[];
}

type Problems = DoctorProblem[];

function report(problems: Problems, part: DoctorProblem['part'], error: unknown): void {
  const { message } = asError(error);
  const known = isTensorRTError(error) ? error : undefined;
  problems.push({
    part,
    code: known?.code,
    what: known?.reason ?? message,
    hint: known?.hint ?? '',
  });
}

function checkNode(problems: Problems): DoctorReport['node'] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 17);
  if (!ok) {
    problems.push({
      part: 'node',
      code: undefined,
      what: `expected Node.js 20.17 or later, got ${process.versions.node}`,
      hint: 'Install a newer Node.js.',
    });
  }
  return { version: process.versions.node, ok };
}

function checkSystem(problems: Problems): DoctorReport['platform'] {
  const glibc = glibcVersion();
  const { platform: os, arch } = process;
  const ok = os === 'linux' && (arch === 'x64' || arch === 'arm64') && glibc !== '';
  if (!ok) {
    problems.push({
      part: 'platform',
      code: undefined,
      what: `expected Linux with glibc on x64 or arm64, got ${os} on ${arch}${glibc === '' ? ' without glibc' : ''}`,
      hint: 'Use such a machine: TensorRT does not exist for others.',
    });
  }
  return { os, arch, glibc, ok };
}

/** Version of NVIDIA's kernel module, where it is loaded. @internal */
export function kernelModule(): string | undefined {
  const file = '/proc/driver/nvidia/version';
  if (!existsSync(file)) return undefined;
  return /Kernel Module[^\d]*([\d.]+)/.exec(readFileSync(file, 'utf8'))?.[1];
}

function checkTensorRT(
  options: PlatformOptions,
  problems: Problems,
): Pick<DoctorReport, 'driver' | 'devices' | 'peerAccess' | 'tensorrt'> {
  const found = findTensorRTLibraries();
  const module = kernelModule();
  try {
    const { library, pluginLibraries } = options;
    const platform = openPlatform({ runtime: 'tensorrt', library, pluginLibraries });
    const checked = checkDevices(platform, problems, module);
    return {
      ...checked,
      tensorrt: {
        ok: true,
        path: platform.libraryPath,
        version: versionText(platform.version),
        flavor: platform.flavor,
        builder: platform.hasBuilder,
        parser: platform.hasParser,
        plugins: platform.pluginLibraries,
        warnings: platform.warnings,
        found,
      },
    };
  } catch (error) {
    report(problems, 'tensorrt', error);
    if (module === undefined) {
      problems.push({
        part: 'driver',
        code: 'ERR_TRT_NO_DRIVER',
        what: "expected NVIDIA's driver, but its kernel module is not loaded",
        hint: 'Install the driver; in a container, start it with --gpus all and the NVIDIA Container Toolkit.',
      });
    }
    return {
      driver: { ok: false, cudaVersion: undefined, kernelModule: module },
      devices: [],
      peerAccess: [],
      tensorrt: {
        ok: false,
        path: undefined,
        version: undefined,
        flavor: undefined,
        builder: false,
        parser: false,
        plugins: [],
        warnings: [],
        found,
      },
    };
  }
}

function checkDevices(
  platform: ReturnType<typeof openPlatform>,
  problems: Problems,
  module: string | undefined,
): Pick<DoctorReport, 'driver' | 'devices' | 'peerAccess'> {
  try {
    const devices = platform.devices();
    return {
      devices,
      peerAccess: devices.map(({ index }) =>
        devices.map((peer) => peer.index === index || platform.canAccessPeer(index, peer.index)),
      ),
      driver: { ok: true, cudaVersion: cudaText(platform.driverVersion), kernelModule: module },
    };
  } catch (error) {
    report(problems, 'driver', error);
    return {
      devices: [],
      peerAccess: [],
      driver: { ok: false, cudaVersion: undefined, kernelModule: module },
    };
  }
}

/** CUDA's number, 12080, as "12.8". @internal */
export function cudaText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

function checkReference(problems: Problems): DoctorReport['reference'] {
  let library: string | undefined;
  let onnxruntime: ReturnType<typeof findOnnxRuntime> | undefined;
  try {
    library = findReferenceLibrary();
    onnxruntime = findOnnxRuntime();
    const platform = openPlatform({ runtime: 'reference' });
    platform.devices();
    return { ok: true, library, version: versionText(platform.version), onnxruntime };
  } catch (error) {
    report(problems, 'reference', error);
    return { ok: false, library, version: undefined, onnxruntime };
  }
}

/**
 * Looks at this machine: Node.js, platform, addon, driver, devices, TensorRT, reference runtime. Opens what it finds, runs nothing.
 *
 * @param options - `library` and `pluginLibraries` to look at instead of a search; `runtime` is not heeded: both are looked at.
 * @returns What there is, and for what is missing how to mend it.
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong options only
 */
export function doctor(options: PlatformOptions = {}): DoctorReport {
  checkOptions(options, ['runtime', 'library', 'pluginLibraries'], 'doctor');
  const problems: Problems = [];
  const node = checkNode(problems);
  const platform = checkSystem(problems);
  const base = { version: packageVersion(), node, platform };
  let path: string;
  try {
    ({ path } = loadAddon());
  } catch (error) {
    report(problems, 'addon', error);
    return {
      ok: false,
      ...base,
      addon: { ok: false, path: undefined },
      driver: { ok: false, cudaVersion: undefined, kernelModule: kernelModule() },
      devices: [],
      peerAccess: [],
      tensorrt: {
        ok: false,
        path: undefined,
        version: undefined,
        flavor: undefined,
        builder: false,
        parser: false,
        plugins: [],
        warnings: [],
        found: findTensorRTLibraries(),
      },
      reference: { ok: false, library: undefined, version: undefined, onnxruntime: undefined },
      problems,
    };
  }
  const gpu = checkTensorRT(options, problems);
  const reference = checkReference(problems);
  const ok = node.ok && platform.ok && gpu.driver.ok && gpu.tensorrt.ok;
  return { ok, ...base, addon: { ok: true, path }, ...gpu, reference, problems };
}
