// What TensorRT's inspector writes, by version, made up for tests: the form is TensorRT's, the network is ours. And a plan's description around it.

import type { PlanInfo, TensorInfo } from 'trt-node';
import { parseLayers } from '../../lib/inspect/layers.js';

type Json = Readonly<Record<string, unknown>>;

/** A tensor as TensorRT 10 writes it. */
export function tensor10(name: string, type: string, ...dimensions: number[]): Json {
  return { Name: name, Location: 'Device', Dimensions: dimensions, 'Format/Datatype': type };
}

/** A layer as TensorRT 10 writes it. */
export function layer10(
  name: string,
  type: string,
  inputs: readonly Json[],
  outputs: readonly Json[],
  more: Json = {},
): Json {
  return {
    Name: name,
    LayerType: type,
    Inputs: inputs,
    Outputs: outputs,
    TacticName: `sm90_${type}`,
    StreamId: 0,
    Metadata: '',
    ...more,
  };
}

/** An input or output of an engine. */
export function ioTensor(name: string, mode: 'input' | 'output', shape: number[]): TensorInfo {
  return {
    name,
    mode,
    dtype: 'float32',
    shape,
    location: 'device',
    isShapeInferenceIO: false,
    isDebugTensor: false,
    layouts: [],
    profiles: mode === 'input' ? [{ min: shape, opt: shape, max: shape }] : [],
  };
}

/** A plan with these layers, as inspect() tells of it; without layers: not inspected for them. */
export function planInfo(
  layers: readonly unknown[] | undefined,
  engine: Partial<NonNullable<PlanInfo['engine']>> = {},
): PlanInfo {
  const tensors = [ioTensor('x', 'input', [1, 8]), ioTensor('y', 'output', [1, 4])];
  const numOptimizationProfiles = engine.numOptimizationProfiles ?? 1;
  return {
    kind: 'plan',
    header: { runtime: 'tensorrt', version: '10.6.0.26', computeCapability: [9, 0], bytes: 1000 },
    runtime: 'tensorrt',
    runtimeVersion: '10.6.0',
    error: undefined,
    engine: {
      name: 'net',
      numOptimizationProfiles,
      numLayers: layers?.length ?? 0,
      numAuxStreams: 0,
      capability: 'standard',
      profilingVerbosity: 'detailed',
      hardwareCompatibilityLevel: 'none',
      refittable: false,
      deviceMemoryBytes: 4096,
      deviceMemoryBytesPerProfile: [4096],
      streamableWeightsBytes: 0,
      inputs: tensors.slice(0, 1),
      outputs: tensors.slice(1),
      tensors,
      layers:
        layers &&
        parseLayers(
          (index) => JSON.stringify(layers[index]),
          layers.length,
          numOptimizationProfiles,
        ),
      ...engine,
    },
  };
}
