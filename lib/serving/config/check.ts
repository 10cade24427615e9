// Checks a complete config for what cannot be served, whatever the model file says. Triton's rules, in its words where it has them.

import { ServingError } from '../../errors.js';
import { checkEnsemble } from './check-ensemble.js';
import { checkInstanceGroups } from './check-instances.js';
import { checkDynamicBatching, checkSequenceBatching } from './check-scheduling.js';
import { checkBatchTensors, checkTensors } from './check-tensors.js';
import { checkWarmup } from './check-warmup.js';
import { configError } from './config-error.js';
import type { ModelConfig } from './model-config.js';
import { backendOf } from './platform.js';

/**
 * @param config - As {@link completeConfig} gave it.
 * @throws {@link ServingError} ERR_TRT_MODEL_CONFIG; ERR_TRT_REQUEST_UNSUPPORTED for what Triton can and we cannot
 * @internal
 */
export function checkConfig(config: ModelConfig): void {
  const { name } = config;
  if (name === '') throw configError("model configuration must specify 'name'", 'Give `name`.');
  if (config.platform === '' && config.backend === '') {
    throw configError(
      `must specify 'platform' or 'backend' for '${name}'`,
      'Give one of the two, or complete the configuration first.',
    );
  }
  const backend = backendOf(config);
  checkUnsupported(config);
  if (config.max_batch_size < 0) {
    throw configError(
      `'max_batch_size' must be non-negative value for ${name}`,
      `Give 0 for no batch dimension; it is ${config.max_batch_size}.`,
    );
  }
  checkVersionPolicy(config);
  checkFiles(config);
  if (backend === 'js' && (config.input.length === 0 || config.output.length === 0)) {
    throw configError(
      `model configuration of '${name}' must specify 'input' and 'output', as a JavaScript model does not tell them`,
      'Give name, data_type and dims of each.',
    );
  }
  checkTensors(config);
  checkBatchTensors(config);
  checkDynamicBatching(config);
  checkSequenceBatching(config);
  if (backend === 'ensemble') checkEnsemble(config);
  else if (config.ensemble_scheduling !== undefined) {
    throw configError(
      `ensemble scheduling cannot be set for model '${name}' whose platform is not ensemble`,
      'Set `platform: "ensemble"`, or remove ensemble_scheduling.',
    );
  } else checkInstanceGroups(config, backend);
  checkWarmup(config);
  checkMetrics(config);
}

/** What would change results if it were passed over. */
function checkUnsupported(config: ModelConfig): void {
  const { name } = config;
  const refused: readonly (readonly [set: boolean, what: string, hint: string])[] = [
    [
      config.model_transaction_policy?.decoupled ?? false,
      "'decoupled' transaction policy",
      'A request has one response; remove model_transaction_policy.',
    ],
    [
      config.sequence_batching?.iterative_sequence ?? false,
      "'iterative_sequence'",
      'Send a request for each step of the sequence.',
    ],
    [
      (config.model_operations?.op_library_filename.length ?? 0) > 0,
      "'model_operations'",
      'Load plugins when the server starts (`plugins`), and remove model_operations.',
    ],
    [
      (config.model_repository_agents?.agents.length ?? 0) > 0,
      "'model_repository_agents'",
      'Prepare the repository beforehand, and remove model_repository_agents.',
    ],
    [
      config.ensemble_scheduling?.step.some((step) => step.model_namespace !== '') ?? false,
      "'model_namespace'",
      'Models of one server have one namespace; remove it.',
    ],
  ];
  for (const [set, what, hint] of refused) {
    if (!set) continue;
    throw new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `${what} of model '${name}' is not supported`,
      hint,
    );
  }
}

function checkVersionPolicy(config: ModelConfig): void {
  const { latest, specific, all } = config.version_policy ?? {};
  if ((latest ?? specific ?? all) === undefined) {
    throw configError(
      `must specify 'version policy' for ${config.name}`,
      'Give latest, all or specific.',
    );
  }
  if (latest?.num_versions === 0) {
    throw configError(
      `version policy 'latest' must specify 'num_versions' >= 1 for ${config.name}`,
      'Write `latest { num_versions: 1 }`.',
    );
  }
  if (specific?.versions.length === 0) {
    throw configError(
      `version policy 'specific' must specify one or more 'versions' for ${config.name}`,
      'Write `specific { versions: [ 1 ] }`, or use `all { }`.',
    );
  }
  const wrong = specific?.versions.find((version) => version < 1);
  if (wrong !== undefined) {
    throw configError(
      `version policy 'specific' names version ${wrong} for ${config.name}, versions are positive`,
      'Name versions as their folders are named.',
    );
  }
}

/** Files are within the model's folder, whoever wrote the config: one can come with a load request. */
function checkFiles(config: ModelConfig): void {
  const check = (field: string, file: string) => {
    const parts = file.split('/');
    if (!file.startsWith('/') && !parts.includes('..') && !/[\0\\]/.test(file)) return;
    throw configError(
      `'${field}' of model '${config.name}' is ${JSON.stringify(file)}, which is not within the model's folder`,
      "Give a path relative to the folder, without '..' and backslashes.",
    );
  };
  check('default_model_filename', config.default_model_filename);
  for (const file of Object.values(config.cc_model_filenames)) check('cc_model_filenames', file);
  for (const output of config.output) check('label_filename', output.label_filename);
  for (const warmup of config.model_warmup) {
    for (const input of Object.values(warmup.inputs)) {
      check('input_data_file', input.input_data_file ?? '');
    }
  }
  for (const state of config.sequence_batching?.state ?? []) {
    for (const initial of state.initial_state) check('data_file', initial.data_file ?? '');
  }
}

function checkMetrics(config: ModelConfig): void {
  for (const control of config.model_metrics?.metric_control ?? []) {
    const { metric_identifier: identifier, histogram_options: options } = control;
    const missing =
      identifier === undefined
        ? "metric control must specify 'metric_identifier'"
        : identifier.family === ''
          ? "metric identifier must specify non-empty 'family'"
          : options === undefined
            ? "metric control must specify 'histogram_options'"
            : options.buckets.length === 0
              ? "histogram options must specify non-empty 'buckets'"
              : undefined;
    if (missing !== undefined) {
      throw configError(`${missing} for ${config.name}`, 'Give it, or remove the metric_control.');
    }
  }
}
