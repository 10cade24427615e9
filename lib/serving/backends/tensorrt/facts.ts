// Facts: what a plan tells of its inputs, outputs and batch dimension, for its config.

import { ServingError } from '../../../errors.js';
import { type TensorInfo, tensorInfo } from '../../../runtime/engine-info.js';
import type { NativeEngineInfo } from '../../../native.js';
import { datatypeOfDType } from '../../datatype.js';
import type { ModelFacts, TensorFacts } from '../../model/loading.js';

function factsOf(model: string, tensor: TensorInfo): TensorFacts {
  const { name, dtype, shape, location, isShapeInferenceIO } = tensor;
  const datatype = datatypeOfDType(dtype);
  if (datatype === undefined) {
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `unable to load model '${model}': ${tensor.mode} '${name}' is of type ${dtype}, which the inference protocol does not have`,
      'Build the plan with a cast to another type at its border.',
    );
  }
  return { name, datatype, shape, isShapeTensor: location === 'host' || isShapeInferenceIO };
}

/** The first dimensions that a profile takes; undefined: there is no such dimension. */
function capacityOf(inputs: readonly TensorInfo[], profile: number): number {
  let capacity = Infinity;
  for (const { shape, profiles } of inputs) {
    const [first] = shape;
    if (first === undefined) return 0;
    capacity = Math.min(capacity, first >= 0 ? first : (profiles[profile]?.max[0] ?? 0));
  }
  return capacity === Infinity ? 0 : capacity;
}

function maxBatchSize(
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
  profiles: number,
): number {
  const executed = inputs.filter(({ location }) => location === 'device');
  const first = executed[0]?.shape[0];
  const agrees = outputs.every(
    ({ shape, location }) =>
      location === 'host' || (shape[0] !== undefined && (shape[0] === -1 || shape[0] === first)),
  );
  if (!agrees) return 0;
  let most = 0;
  for (let profile = 0; profile < Math.max(1, profiles); profile++) {
    most = Math.max(most, capacityOf(executed, profile));
  }
  return most;
}

/** @throws ERR_TRT_MODEL_LOAD for tensors of types that no request can bring */
export function planFacts(model: string, info: NativeEngineInfo): ModelFacts {
  const tensors = info.tensors.map(tensorInfo);
  const inputs = tensors.filter(({ mode }) => mode === 'input');
  const outputs = tensors.filter(({ mode }) => mode === 'output');
  return {
    platform: 'tensorrt_plan',
    inputs: inputs.map((tensor) => factsOf(model, tensor)),
    outputs: outputs.map((tensor) => factsOf(model, tensor)),
    maxBatchSize: maxBatchSize(inputs, outputs, info.numOptimizationProfiles),
    numProfiles: Math.max(1, info.numOptimizationProfiles),
  };
}
