// Ensembles in tests: configs, and fake models that they call.

import { onTestFinished } from 'vitest';
import { ServingError } from '../../lib/errors.js';
import { openEnsemble } from '../../lib/serving/backends/ensemble/open.js';
import type { ModelConfig } from '../../lib/serving/config/model-config.js';
import type { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { Backend } from '../../lib/serving/model/backend.js';
import type { InferRequest } from '../../lib/serving/request.js';
import type { TestRequest } from './serving-models.js';
import { fp32, input, loadContext, modelConfig, modelSource, output } from './serving-models.js';

export type Step = NonNullable<ModelConfig['ensemble_scheduling']>['step'][number];
export type Outputs = Record<string, InferTensor>;
/** What a fake model computes. */
export type Compute = (inputs: Outputs, request: InferRequest) => Outputs | Promise<Outputs>;

export function step(
  model: string,
  input_map: Record<string, string>,
  output_map: Record<string, string>,
  model_version = -1,
): Step {
  return { model_name: model, model_version, input_map, output_map, model_namespace: '' };
}

export function ensemble(
  steps: Step[],
  more: Partial<ModelConfig> = {},
  max_inflight_requests = 0,
): ModelConfig {
  return modelConfig({
    name: 'e',
    platform: 'ensemble',
    max_batch_size: 8,
    input: [input('in', 'TYPE_FP32', [2])],
    output: [output('out', 'TYPE_FP32', [2])],
    ensemble_scheduling: { step: steps, max_inflight_requests },
    ...more,
  });
}

/** A model x → y of two numbers. */
export function simple(name: string, more: Partial<ModelConfig> = {}): ModelConfig {
  return modelConfig({
    name,
    max_batch_size: 8,
    input: [input('x', 'TYPE_FP32', [2])],
    output: [output('y', 'TYPE_FP32', [2])],
    ...more,
  });
}

export function map(tensor: InferTensor, change: (value: number) => number): InferTensor {
  return fp32(Array.from(tensor.data as Float32Array, change), tensor.shape);
}

/** Models that an ensemble can call, and the requests that they got. */
export function models(...list: [ModelConfig, Compute][]) {
  const requests: InferRequest[] = [];
  const context = loadContext({
    models: {
      config(name) {
        const found = list.find(([config]) => config.name === name);
        if (found !== undefined) return found[0];
        throw new ServingError(
          'ERR_TRT_MODEL_NOT_FOUND',
          `Request for unknown model: '${name}' is not found`,
          'x',
        );
      },
      async request(request) {
        requests.push(request);
        const [config, compute] = list.find(([each]) => each.name === request.modelName)!;
        const outputs = await compute(request.inputs as Outputs, request);
        return { modelName: config.name, modelVersion: '1', id: '', outputs };
      },
    },
  });
  return { context, requests };
}

export async function start(config: ModelConfig, context = loadContext()): Promise<Backend> {
  const opened = await openEnsemble(modelSource(config), context);
  onTestFinished(() => opened.close());
  return opened.start(config);
}

export async function outputOf(request: TestRequest, index = 0): Promise<number[]> {
  const { outputs } = await request.answer;
  return Array.from(outputs[index]!.data as Float32Array);
}

export const chain = [step('a', { x: 'in' }, { y: 'mid' }), step('b', { x: 'mid' }, { y: 'out' })];
export const addOne: Compute = ({ x }) => ({ y: map(x!, (value) => value + 1) });
export const double: Compute = ({ x }) => ({ y: map(x!, (value) => value * 2) });
