// Checks an ensemble's config: every tensor is written once, is used, and can be computed from the ensemble's inputs.

import { configError } from './config-error.js';
import type { ModelConfig, ModelEnsembling } from './model-config.js';

function failure(config: ModelConfig, reason: string) {
  return configError(reason, `Correct the steps of '${config.name}'.`);
}

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkEnsemble(config: ModelConfig): void {
  const { name, ensemble_scheduling: scheduling } = config;
  if (scheduling === undefined) {
    throw failure(
      config,
      `ensemble scheduling must be set for ensemble ${name} whose platform is ensemble`,
    );
  }
  if (config.instance_group.length > 0) {
    throw failure(config, `instance group should not be specified for ensemble '${name}'`);
  }
  if (config.optimization !== undefined) {
    throw failure(config, `optimization should not be specified for ensemble '${name}'`);
  }
  if (config.model_warmup.length > 0) {
    throw failure(config, `model_warmup can not be specified for ensemble '${name}'`);
  }
  if (scheduling.step.length === 0) {
    throw failure(config, `must specify 'step' for ensemble '${name}'`);
  }
  const tensors = tensorsOf(config, scheduling);
  checkFlow(config, tensors);
}

/** A step, and how many of the tensors that it reads are not ready. */
interface Step {
  readonly inputs: readonly EnsembleTensor[];
  readonly outputs: EnsembleTensor[];
  waitsFor: number;
}

interface EnsembleTensor {
  readonly name: string;
  writer: Step | undefined;
  readonly readers: Step[];
  ready: boolean;
}

function tensorsOf(
  config: ModelConfig,
  scheduling: ModelEnsembling,
): ReadonlyMap<string, EnsembleTensor> {
  const tensors = new Map<string, EnsembleTensor>();
  const tensorOf = (name: string): EnsembleTensor => {
    let tensor = tensors.get(name);
    if (tensor === undefined) {
      tensor = { name, writer: undefined, readers: [], ready: false };
      tensors.set(name, tensor);
    }
    return tensor;
  };
  scheduling.step.forEach((step, index) => {
    const missing =
      step.model_name === ''
        ? 'model_name'
        : Object.keys(step.input_map).length === 0
          ? 'input_map'
          : Object.keys(step.output_map).length === 0
            ? 'output_map'
            : undefined;
    if (missing !== undefined) {
      throw failure(
        config,
        `must specify '${missing}' in step ${index} of ensemble '${config.name}'`,
      );
    }
    if (step.model_name === config.name) {
      throw failure(config, `step ${index} of ensemble '${config.name}' is the ensemble itself`);
    }
    if (step.model_version < -1) {
      throw failure(
        config,
        `'model_version' ${step.model_version} in step ${index} of ensemble '${config.name}' is no version`,
      );
    }
    const inputs = Object.values(step.input_map).map(tensorOf);
    const node: Step = { inputs, outputs: [], waitsFor: inputs.length };
    for (const input of inputs) input.readers.push(node);
    for (const name of Object.values(step.output_map)) {
      const output = tensorOf(name);
      if (output.writer !== undefined) {
        throw failure(
          config,
          `ensemble tensor '${name}' can appear in an output map only once for ensemble '${config.name}' step ${index}`,
        );
      }
      output.writer = node;
      node.outputs.push(output);
    }
  });
  return tensors;
}

function checkFlow(config: ModelConfig, tensors: ReadonlyMap<string, EnsembleTensor>): void {
  const queue: EnsembleTensor[] = [];
  for (const { name } of config.input) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      throw failure(config, `ensemble input '${name}' for ensemble '${config.name}' is not used`);
    }
    if (tensor.writer !== undefined) {
      throw failure(
        config,
        `ensemble tensor '${name}' is an input of ensemble '${config.name}' and written by a step`,
      );
    }
    queue.push(tensor);
  }
  for (let tensor = queue.pop(); tensor !== undefined; tensor = queue.pop()) {
    tensor.ready = true;
    for (const step of tensor.readers) {
      step.waitsFor--;
      if (step.waitsFor === 0) for (const output of step.outputs) queue.push(output);
    }
  }
  const outputs = new Set(config.output.map((output) => output.name));
  for (const name of outputs) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      throw failure(config, `ensemble output '${name}' for ensemble '${config.name}' is not used`);
    }
    if (!tensor.ready) throw failure(config, notWritten(config, tensor));
  }
  for (const tensor of tensors.values()) {
    if (outputs.has(tensor.name) || (tensor.ready && tensor.readers.length > 0)) continue;
    throw failure(
      config,
      `ensemble tensor '${tensor.name}' is unused in ensemble '${config.name}'`,
    );
  }
}

/** Follows what is not ready to where it begins. */
function notWritten(config: ModelConfig, output: EnsembleTensor): string {
  const seen = new Set([output]);
  let last = output;
  for (;;) {
    const next = last.writer?.inputs.find((each) => !each.ready && !seen.has(each));
    if (next === undefined) break;
    seen.add(next);
    last = next;
  }
  const cause =
    last === output
      ? ''
      : `: at least one of its depending tensors, '${last.name}', is not connected`;
  return `output '${output.name}' for ensemble '${config.name}' is not written${cause}`;
}
