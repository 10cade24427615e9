// OrtSettings: what a config says of how ONNX Runtime executes a model, as Triton's onnxruntime backend names it.

import { ServingError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';

/** @internal */
export interface OrtSettings {
  readonly instances: number;
  /** Of onnxruntime-node's InferenceSession.create. */
  readonly options: Readonly<Record<string, unknown>>;
}

function unsupported(model: string, what: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_REQUEST_UNSUPPORTED', `model '${model}': ${what}`, hint);
}

function threads(config: ModelConfig, key: string): number | undefined {
  const text = config.parameters[key]?.string_value;
  if (text === undefined) return undefined;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    `model '${config.name}': expected a number of threads for the parameter ${key}, got '${text}'`,
    'Change it in config.pbtxt; 0 lets ONNX Runtime choose.',
  );
}

/** Triton's levels: -1 basic, 1 extended, else all. */
function optimization(config: ModelConfig): string {
  const level = config.optimization?.graph?.level ?? 0;
  return level === -1 ? 'basic' : level === 1 ? 'extended' : 'all';
}

/** Reads and checks them. @throws ERR_TRT_MODEL_CONFIG, ERR_TRT_REQUEST_UNSUPPORTED @internal */
export function ortSettings(config: ModelConfig): OrtSettings {
  const { name, optimization: policy, instance_group: groups, parameters } = config;
  if (groups.some(({ kind }) => kind === 'KIND_GPU')) {
    throw unsupported(
      name,
      'instance_group has KIND_GPU, but ONNX models run on the CPU here',
      'Use KIND_CPU, or build a plan of the model (trt-node build) to run it on a GPU.',
    );
  }
  const { gpu_execution_accelerator: gpu = [], cpu_execution_accelerator: cpu = [] } =
    policy?.execution_accelerators ?? {};
  const [accelerator] = [...gpu, ...cpu];
  if (accelerator !== undefined) {
    throw unsupported(
      name,
      `the execution accelerator '${accelerator.name}' is not supported`,
      'Leave execution_accelerators out, or build a plan of the model (trt-node build).',
    );
  }
  const options: Record<string, unknown> = {
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
    graphOptimizationLevel: optimization(config),
    executionMode: parameters.execution_mode?.string_value === '1' ? 'parallel' : 'sequential',
  };
  const intra = threads(config, 'intra_op_thread_count');
  const inter = threads(config, 'inter_op_thread_count');
  if (intra !== undefined) options.intraOpNumThreads = intra;
  if (inter !== undefined) options.interOpNumThreads = inter;
  const instances = groups.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  return { instances: Math.max(1, instances), options };
}
