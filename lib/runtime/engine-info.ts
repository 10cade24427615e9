// What an engine tells of itself, as public values: tensors, profiles, enumerations by name.

import type { DType } from '../dtype.js';
import type { NativeEngineInfo, NativeProfileShape, NativeTensorInfo } from '../native.js';

/** What one optimization profile takes on one input. */
export interface ProfileShape {
  /** The smallest dimensions. */
  readonly min: readonly number[];
  /** The dimensions that the kernels were chosen for. */
  readonly opt: readonly number[];
  /** The largest dimensions. */
  readonly max: readonly number[];
  /** The smallest values, for shape tensors only. */
  readonly minValues?: readonly number[];
  /** The optimal values, for shape tensors only. */
  readonly optValues?: readonly number[];
  /** The largest values, for shape tensors only. */
  readonly maxValues?: readonly number[];
}

/** How a tensor lies in memory. */
export interface TensorLayout {
  /** TensorRT's TensorFormat as a number; 0 is row-major linear. */
  readonly format: number;
  /** For example "Row major linear FP32 format (kLINEAR)". */
  readonly formatDescription: string;
  /** -1: not vectorized. */
  readonly bytesPerComponent: number;
  /** -1: not vectorized. */
  readonly componentsPerElement: number;
  /** -1: not vectorized. */
  readonly vectorizedDim: number;
}

/** One input or output of an engine. */
export interface TensorInfo {
  readonly name: string;
  readonly mode: 'input' | 'output';
  readonly dtype: DType;
  /** The dimensions, -1 where dynamic. */
  readonly shape: readonly number[];
  /** 'host': TensorRT reads or writes it on the host (shape tensors). */
  readonly location: 'device' | 'host';
  /** Whether its *values* take part in computing shapes. */
  readonly isShapeInferenceIO: boolean;
  /** Whether it was marked for debugging. */
  readonly isDebugTensor: boolean;
  /** By profile. */
  readonly layouts: readonly TensorLayout[];
  /** By profile; empty for outputs. */
  readonly profiles: readonly ProfileShape[];
}

const capabilities = ['standard', 'safety', 'dlaStandalone'] as const;
const verbosities = ['layerNamesOnly', 'none', 'detailed'] as const;
const compatibilities = ['none', 'amperePlus', 'sameComputeCapability'] as const;

/** For which kind of use an engine was built. */
export type EngineCapability = (typeof capabilities)[number];
/** How much an engine tells of its layers. */
export type ProfilingVerbosity = (typeof verbosities)[number];
/** On which GPUs an engine runs besides the kind that it was built on. */
export type HardwareCompatibilityLevel = (typeof compatibilities)[number];

/** Everything that an engine tells of itself, except its tensors. */
export interface EngineProperties {
  readonly name: string;
  readonly numOptimizationProfiles: number;
  /** Of all profiles together. */
  readonly numLayers: number;
  readonly numAuxStreams: number;
  readonly capability: EngineCapability;
  readonly profilingVerbosity: ProfilingVerbosity;
  readonly hardwareCompatibilityLevel: HardwareCompatibilityLevel;
  readonly refittable: boolean;
  /** Activation memory of an execution context, the most of all profiles, in bytes. */
  readonly deviceMemoryBytes: number;
  /** The same for each profile. */
  readonly deviceMemoryBytesPerProfile: readonly number[];
  /** Weights that can be streamed, in bytes. */
  readonly streamableWeightsBytes: number;
}

/** TensorRT's number for a word, for the builder. @internal */
export const verbosityNumber = (word: ProfilingVerbosity): number => verbosities.indexOf(word);
/** TensorRT's number for a word, for the builder. @internal */
export const compatibilityNumber = (word: HardwareCompatibilityLevel): number =>
  compatibilities.indexOf(word);
/** @internal */
export const profilingVerbosities = verbosities;
/** @internal */
export const hardwareCompatibilityLevels = compatibilities;

function profileShape(native: NativeProfileShape): ProfileShape {
  const { min, opt, max } = native;
  if (native.minValues.length === 0) return { min, opt, max };
  const { minValues, optValues, maxValues } = native;
  return { min, opt, max, minValues, optValues, maxValues };
}

/** @internal */
export function tensorInfo(native: NativeTensorInfo): TensorInfo {
  return {
    name: native.name,
    mode: native.mode,
    dtype: native.dtype as DType,
    shape: native.shape,
    location: native.location,
    isShapeInferenceIO: native.isShapeInferenceIO,
    isDebugTensor: native.isDebugTensor,
    layouts: native.layouts,
    profiles: native.mode === 'input' ? native.profiles.map(profileShape) : [],
  };
}

/** @internal */
export function engineProperties(native: NativeEngineInfo): EngineProperties {
  return {
    name: native.name,
    numOptimizationProfiles: native.numOptimizationProfiles,
    numLayers: native.numLayers,
    numAuxStreams: native.numAuxStreams,
    capability: capabilities[native.capability] ?? 'standard',
    profilingVerbosity: verbosities[native.profilingVerbosity] ?? 'layerNamesOnly',
    hardwareCompatibilityLevel: compatibilities[native.hardwareCompatibilityLevel] ?? 'none',
    refittable: native.refittable,
    deviceMemoryBytes: native.deviceMemoryBytes,
    deviceMemoryBytesPerProfile: native.deviceMemoryBytesPerProfile,
    streamableWeightsBytes: native.streamableWeightsBytes,
  };
}
