// EnsembleGraph: the steps of ensemble_scheduling and the tensors between them, checked on their own and against the models that they call.

import { ServingError, asError, isTensorRTError } from '../../../errors.js';
import { formatShape } from '../../../validate.js';
import type { DataType, ModelConfig, ModelEnsemblingStep } from '../../config/model-config.js';
import type { ModelDirectory } from '../../model/loading.js';

/** A tensor of a step's model, and what the ensemble calls it. */
interface Connection {
  readonly model: string;
  readonly ensemble: string;
}

/** One step. @internal */
export interface EnsembleStep {
  readonly index: number;
  readonly model: string;
  /** undefined: the newest. */
  readonly version: string | undefined;
  readonly inputs: readonly Connection[];
  readonly outputs: readonly Connection[];
}

/** @internal */
export interface EnsembleGraph {
  readonly name: string;
  readonly steps: readonly EnsembleStep[];
  /** The steps that read a tensor; every tensor of the ensemble is there. */
  readonly readers: ReadonlyMap<string, readonly EnsembleStep[]>;
  /** The step that writes a tensor; inputs of the ensemble have none. */
  readonly writers: ReadonlyMap<string, EnsembleStep>;
}

function refused(reason: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    reason,
    "Change ensemble_scheduling in the ensemble's config.pbtxt.",
  );
}

function connections(map: Readonly<Record<string, string>>): Connection[] {
  return Object.entries(map).map(([model, ensemble]) => ({ model, ensemble }));
}

function stepOf(given: ModelEnsemblingStep, index: number, name: string): EnsembleStep {
  const missing =
    given.model_name === ''
      ? 'model_name'
      : Object.keys(given.input_map).length === 0
        ? 'input_map'
        : Object.keys(given.output_map).length === 0
          ? 'output_map'
          : undefined;
  if (missing !== undefined) {
    throw refused(`must specify '${missing}' in step ${index} of ensemble '${name}'`);
  }
  if (given.model_name === name) throw refused(`ensemble '${name}' has itself as step ${index}`);
  return {
    index,
    model: given.model_name,
    version: given.model_version > 0 ? String(given.model_version) : undefined,
    inputs: connections(given.input_map),
    outputs: connections(given.output_map),
  };
}

/** Names of all tensors that can be computed from the ensemble's inputs. */
function reachable(config: ModelConfig, steps: readonly EnsembleStep[]): Set<string> {
  const ready = new Set(config.input.map(({ name }) => name));
  let waiting = [...steps];
  for (;;) {
    const runs = waiting.filter(({ inputs }) =>
      inputs.every(({ ensemble }) => ready.has(ensemble)),
    );
    if (runs.length === 0) return ready;
    for (const { outputs } of runs) for (const { ensemble } of outputs) ready.add(ensemble);
    waiting = waiting.filter((step) => !runs.includes(step));
  }
}

/** Builds the graph. @throws ERR_TRT_MODEL_CONFIG for steps that cannot work, in Triton's words @internal */
export function buildGraph(config: ModelConfig): EnsembleGraph {
  const { name } = config;
  const given = config.ensemble_scheduling?.step ?? [];
  if (given.length === 0) throw refused(`must specify 'step' for ensemble '${name}'`);
  const steps = given.map((step, index) => stepOf(step, index, name));
  const readers = new Map<string, EnsembleStep[]>();
  const writers = new Map<string, EnsembleStep>();
  const inputs = new Set(config.input.map((input) => input.name));
  for (const step of steps) {
    for (const { ensemble } of step.outputs) {
      if (writers.has(ensemble) || inputs.has(ensemble)) {
        throw refused(
          `ensemble tensor '${ensemble}' can appear in an output map only once for ensemble '${name}' step ${step.index}`,
        );
      }
      writers.set(ensemble, step);
      if (!readers.has(ensemble)) readers.set(ensemble, []);
    }
    for (const { ensemble } of step.inputs) {
      const list = readers.get(ensemble);
      if (list === undefined) readers.set(ensemble, [step]);
      else if (!list.includes(step)) list.push(step);
    }
  }
  const ready = reachable(config, steps);
  for (const input of inputs) {
    if (!readers.has(input)) {
      throw refused(`ensemble input '${input}' for ensemble '${name}' is not used`);
    }
  }
  const outputs = new Set(config.output.map((output) => output.name));
  for (const output of outputs) {
    if (!readers.has(output)) {
      throw refused(`ensemble output '${output}' for ensemble '${name}' is not used`);
    }
    if (!ready.has(output)) {
      throw refused(`output '${output}' for ensemble '${name}' is not written`);
    }
  }
  for (const [tensor, list] of readers) {
    if (outputs.has(tensor) || (ready.has(tensor) && list.length > 0)) continue;
    throw refused(`ensemble tensor '${tensor}' is unused in ensemble '${name}'`);
  }
  return { name, steps, readers, writers };
}

/** What a tensor must be, and which model says so. */
interface Expectation {
  readonly type: DataType;
  readonly dims: readonly number[];
  /** With the batch dimension. */
  readonly full: readonly number[];
  readonly model: string;
}

function compatible(a: readonly number[], b: readonly number[]): boolean {
  return (
    a.length === b.length &&
    a.every((extent, axis) => extent === b[axis] || extent === -1 || b[axis] === -1)
  );
}

/** Config of a step's model. @throws ERR_TRT_MODEL_LOAD where it is not loaded @internal */
export function stepConfig(step: EnsembleStep, models: ModelDirectory, name: string): ModelConfig {
  try {
    return models.config(step.model, step.version);
  } catch (thrown) {
    const cause = asError(thrown);
    const why = isTensorRTError(thrown) ? thrown.reason : cause.message;
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      step.version === undefined
        ? `ensemble '${name}' depends on '${step.model}' which has no loaded version: ${why}`
        : `ensemble '${name}' depends on '${step.model}' whose required version ${step.version} is not loaded: ${why}`,
      'Load the models of its steps first.',
      { cause },
    );
  }
}

/** Holds the graph against the configs of the models that it calls. @throws ERR_TRT_MODEL_CONFIG, in Triton's words @internal */
export function checkGraph(
  graph: EnsembleGraph,
  config: ModelConfig,
  models: ModelDirectory,
): void {
  const { name } = graph;
  const known = new Map<string, Expectation>();
  const expectation = (
    of: ModelConfig,
    tensor: { data_type: DataType; dims: readonly number[] },
    dims = tensor.dims,
  ): Expectation => ({
    type: tensor.data_type,
    dims,
    full: of.max_batch_size > 0 ? [-1, ...dims] : dims,
    model: of.name,
  });
  const expect = (tensor: string, second: Expectation): void => {
    const first = known.get(tensor);
    if (first === undefined) {
      known.set(tensor, second);
      return;
    }
    const where = `in ensemble ${name}, ensemble tensor ${tensor}: `;
    if (first.type !== second.type) {
      throw refused(
        `${where}inconsistent data type: ${first.type} is inferred from model ${first.model} while ${second.type} is inferred from model ${second.model}`,
      );
    }
    if (!compatible(first.dims, second.dims) && !compatible(first.full, second.full)) {
      throw refused(
        `${where}inconsistent shape: ${formatShape(first.full)} is inferred from model ${first.model} while ${formatShape(second.full)} is inferred from model ${second.model}`,
      );
    }
  };
  for (const tensor of [...config.input, ...config.output]) {
    known.set(tensor.name, expectation(config, tensor, tensor.reshape?.shape ?? tensor.dims));
  }
  for (const step of graph.steps) {
    const model = stepConfig(step, models, name);
    if (model.max_batch_size !== 0 && model.max_batch_size < config.max_batch_size) {
      throw refused(
        `ensemble ${name} allows maximum batch size ${config.max_batch_size}, but it contains model ${step.model} which only allows maximum batch size to be ${model.max_batch_size}`,
      );
    }
    for (const { model: tensor, ensemble } of step.inputs) {
      const input = model.input.find((each) => each.name === tensor);
      if (input === undefined) {
        throw refused(
          `in ensemble ${name}, ensemble tensor ${ensemble} is mapping to non-existing input ${tensor} in model ${step.model}`,
        );
      }
      expect(ensemble, expectation(model, input));
    }
    for (const input of model.input) {
      if (input.optional || step.inputs.some((each) => each.model === input.name)) continue;
      throw refused(
        `in ensemble ${name}, input ${input.name} in model ${step.model} is not mapped to any ensemble tensors`,
      );
    }
    for (const { model: tensor, ensemble } of step.outputs) {
      const output = model.output.find((each) => each.name === tensor);
      if (output === undefined) {
        throw refused(
          `in ensemble ${name}, ensemble tensor ${ensemble} is mapped from non-existing output ${tensor} in model ${step.model}`,
        );
      }
      expect(ensemble, expectation(model, output));
    }
  }
}

/** The steps that the outputs called `wanted` need. @internal */
export function neededSteps(
  graph: EnsembleGraph,
  wanted: readonly string[],
): ReadonlySet<EnsembleStep> {
  const needed = new Set<EnsembleStep>();
  const visit = (tensor: string): void => {
    const step = graph.writers.get(tensor);
    if (step === undefined || needed.has(step)) return;
    needed.add(step);
    for (const { ensemble } of step.inputs) visit(ensemble);
  };
  wanted.forEach(visit);
  return needed;
}
