// Checks dynamic_batching and sequence_batching of a config.

import { configError } from './config-error.js';
import type {
  ModelConfig,
  ModelQueuePolicy,
  ModelSequenceBatching,
  ModelSequenceBatchingControl,
  ModelSequenceBatchingControlKind,
} from './model-config.js';

function failure(config: ModelConfig, reason: string, hint = 'Correct it in the configuration.') {
  return configError(`${reason} for ${config.name}`, hint);
}

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkDynamicBatching(config: ModelConfig): void {
  const batching = config.dynamic_batching;
  if (batching === undefined) return;
  checkPreferred(config, batching.preferred_batch_size, 'dynamic batching preferred size');
  const { priority_levels: levels, default_priority_level: level } = batching;
  const policies = Object.entries(batching.priority_queue_policy);
  if (levels !== 0) {
    if (level === 0 || level > levels) {
      throw failure(
        config,
        `default priority level must be in range [1, ${levels}]`,
        `default_priority_level is ${level}.`,
      );
    }
    for (const [key] of policies) {
      if (Number(key) >= 1 && Number(key) <= levels) continue;
      throw failure(
        config,
        `priority queue policy must have priority level in range [1, ${levels}]`,
        `There is one of level ${key}.`,
      );
    }
  }
  if (!batching.preserve_ordering) return;
  if (levels > 1) {
    throw failure(
      config,
      "Only one priority level is allowed when 'preserve_ordering' is true",
      `priority_levels is ${levels}.`,
    );
  }
  const delays = (policy: ModelQueuePolicy | undefined) =>
    policy?.timeout_action === 'DELAY' && policy.default_timeout_microseconds !== 0;
  if (delays(batching.default_queue_policy) || policies.some(([, policy]) => delays(policy))) {
    throw failure(
      config,
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true",
      'Use REJECT, or remove preserve_ordering.',
    );
  }
}

function checkPreferred(config: ModelConfig, sizes: readonly number[], what: string): void {
  for (const size of sizes) {
    if (size <= 0) throw failure(config, `${what} must be positive`, `It is ${size}.`);
    if (size > config.max_batch_size) {
      throw failure(
        config,
        `${what} must be <= max batch size`,
        `It is ${size}, and max_batch_size ${config.max_batch_size}.`,
      );
    }
  }
}

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkSequenceBatching(config: ModelConfig): void {
  const batching = config.sequence_batching;
  if (batching === undefined) return;
  if (config.response_cache?.enable === true) {
    throw configError(
      `Response Cache does not currently support model ${config.name} with sequence batching scheduler. Please disable the response cache.`,
      'Remove response_cache.',
    );
  }
  checkControls(config, batching);
  checkStates(config, batching);
  const { oldest, direct } = batching;
  if (oldest !== undefined) {
    checkPreferred(config, oldest.preferred_batch_size, 'sequence batching preferred batch size');
    if (oldest.max_candidate_sequences < 1) {
      throw failure(config, "sequence batching 'max_candidate_sequences' must be positive");
    }
  }
  const utilization = direct?.minimum_slot_utilization ?? 0;
  if (!(utilization >= 0 && utilization <= 1)) {
    throw failure(
      config,
      'sequence batching minimum slot utilization must be in range (0.0, 1.0]',
      `It is ${utilization}.`,
    );
  }
}

const corridTypes = ['TYPE_UINT64', 'TYPE_INT64', 'TYPE_UINT32', 'TYPE_INT32', 'TYPE_STRING'];

function checkControls(config: ModelConfig, batching: ModelSequenceBatching): void {
  const tensors = new Set<string>();
  const kinds = new Set<ModelSequenceBatchingControlKind>();
  for (const { name, control } of batching.control_input) {
    if (name === '') {
      throw failure(config, 'sequence batching control tensor must have a name');
    }
    if (tensors.has(name) || control.length > 1) {
      throw failure(
        config,
        `sequence batching control tensor '${name}' is specified for multiple control kinds`,
      );
    }
    tensors.add(name);
    for (const each of control) {
      if (kinds.has(each.kind)) {
        throw failure(config, `sequence batching specifies multiple ${each.kind} tensors`);
      }
      kinds.add(each.kind);
      if (each.kind === 'CONTROL_SEQUENCE_CORRID') checkCorrid(config, each);
      else checkBoolean(config, each);
    }
  }
}

const valueLists = ['int32_false_true', 'fp32_false_true', 'bool_false_true'] as const;

function checkBoolean(config: ModelConfig, control: ModelSequenceBatchingControl): void {
  const { kind } = control;
  const given = valueLists.filter((list) => control[list].length > 0);
  const [list] = given;
  if (list === undefined) {
    throw failure(
      config,
      `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind}`,
    );
  }
  if (given.length > 1) {
    throw failure(
      config,
      `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind}`,
    );
  }
  if (control[list].length !== 2) {
    throw failure(
      config,
      `sequence batching control '${list}' must have exactly 2 entries for ${kind}`,
    );
  }
}

function checkCorrid(config: ModelConfig, control: ModelSequenceBatchingControl): void {
  if (valueLists.some((list) => control[list].length > 0)) {
    throw failure(
      config,
      `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${control.kind}`,
    );
  }
  if (corridTypes.includes(control.data_type)) return;
  throw configError(
    `unexpected data type for control ${control.kind} for ${config.name}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING`,
    `It is ${control.data_type}.`,
  );
}

function checkStates(config: ModelConfig, batching: ModelSequenceBatching): void {
  const names = new Set<string>();
  for (const state of batching.state) {
    for (const [field, name] of [
      ['input_name', state.input_name],
      ['output_name', state.output_name],
    ] as const) {
      if (name === '') throw failure(config, `sequence batching state must specify '${field}'`);
      const key = `${field} '${name}'`;
      if (names.has(key)) {
        throw failure(config, `sequence batching states have the same ${key}`);
      }
      names.add(key);
    }
    const what = `sequence batching state '${state.input_name}'`;
    if (state.data_type === 'TYPE_INVALID') {
      throw failure(config, `${what} must specify 'data_type'`);
    }
    if (state.dims.length === 0 || state.dims.some((size) => size < 1 && size !== -1)) {
      throw failure(
        config,
        `${what} must specify 'dims' of integers >= 1, or -1 to indicate a variable-size dimension`,
      );
    }
    for (const initial of state.initial_state) checkInitialState(config, what, state, initial);
  }
}

function checkInitialState(
  config: ModelConfig,
  what: string,
  state: ModelSequenceBatching['state'][number],
  initial: ModelSequenceBatching['state'][number]['initial_state'][number],
): void {
  if (initial.zero_data === undefined && initial.data_file === undefined) {
    throw failure(config, `initial state of ${what} must specify 'zero_data' or 'data_file'`);
  }
  if (initial.data_type !== state.data_type) {
    throw failure(
      config,
      `initial state of ${what} has data type ${initial.data_type}, and the state ${state.data_type}`,
    );
  }
  const fits =
    initial.dims.length === state.dims.length &&
    initial.dims.every((size, index) => size >= 1 && [-1, size].includes(state.dims[index] ?? 0));
  if (!fits) {
    throw failure(
      config,
      `initial state of ${what} has dims [${initial.dims.join(',')}], and the state [${state.dims.join(',')}]`,
      'Give an initial state all dimensions, as numbers above 0 that fit the state.',
    );
  }
}
