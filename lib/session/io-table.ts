// IoTable: what a session must know of its inputs and outputs for each run, computed once.

import { type DTypeInfo, dtypeInfo } from '../dtype.js';
import type { NativeEngineInfo, NativePlatform } from '../native.js';
import { type TensorInfo, tensorInfo } from '../runtime/engine-info.js';
import type { TensorDescription } from './types.js';

/** One input. */
export interface InputRow {
  readonly name: string;
  /** "input 'x'", for messages. */
  readonly who: string;
  readonly info: DTypeInfo;
  readonly shape: readonly number[];
  readonly rank: number;
  /** Number of dynamic dimensions. */
  readonly dynamicCount: number;
  /** The dynamic dimension if there is exactly one, else -1. */
  readonly dynamicAxis: number;
  /** Product of the static dimensions. */
  readonly staticVolume: number;
  /** A shape tensor: its values are read on the host. */
  readonly onHost: boolean;
  readonly tensor: TensorInfo;
}

/** One output. */
export interface OutputRow {
  readonly name: string;
  readonly who: string;
  readonly index: number;
  readonly info: DTypeInfo;
  readonly onHost: boolean;
  readonly tensor: TensorInfo;
}

/** All that the runs of a session share. */
export interface IoTable {
  readonly platform: NativePlatform;
  readonly devices: readonly number[];
  readonly inputs: readonly InputRow[];
  readonly outputs: readonly OutputRow[];
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly outputsByName: ReadonlyMap<string, OutputRow>;
  readonly numProfiles: number;
  /** For each input null: no values. */
  readonly noValues: readonly null[];
  readonly hasHostInputs: boolean;
}

function inputRow(tensor: TensorInfo): InputRow {
  const { shape, name } = tensor;
  const dynamicCount = shape.filter((extent) => extent < 0).length;
  return {
    name,
    who: `input '${name}'`,
    info: dtypeInfo(tensor.dtype),
    shape,
    rank: shape.length,
    dynamicCount,
    dynamicAxis: dynamicCount === 1 ? shape.findIndex((extent) => extent < 0) : -1,
    staticVolume: shape.reduce((product, extent) => (extent < 0 ? product : product * extent), 1),
    onHost: tensor.location === 'host',
    tensor,
  };
}

/** The table of an engine. */
export function ioTable(
  platform: NativePlatform,
  devices: readonly number[],
  native: NativeEngineInfo,
): IoTable {
  const tensors = native.tensors.map(tensorInfo);
  const inputs = tensors.filter((tensor) => tensor.mode === 'input').map(inputRow);
  const outputs = tensors
    .filter((tensor) => tensor.mode === 'output')
    .map((tensor, index) => ({
      name: tensor.name,
      who: `output '${tensor.name}'`,
      index,
      info: dtypeInfo(tensor.dtype),
      onHost: tensor.location === 'host',
      tensor,
    }));
  return {
    platform,
    devices,
    inputs,
    outputs,
    inputNames: inputs.map((row) => row.name),
    outputNames: outputs.map((row) => row.name),
    outputsByName: new Map(outputs.map((row) => [row.name, row])),
    numProfiles: native.numOptimizationProfiles,
    noValues: inputs.map(() => null),
    hasHostInputs: inputs.some((row) => row.onHost),
  };
}

/** The public description of an input or output. */
export function describeTensor(tensor: TensorInfo): TensorDescription {
  const { name, dtype, shape, location, profiles } = tensor;
  const isShapeTensor = location === 'host' || tensor.isShapeInferenceIO;
  return { name, dtype, shape, location, isShapeTensor, profiles };
}
