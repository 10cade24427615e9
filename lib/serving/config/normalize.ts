// Normalizes a config: Triton's defaults for what is not said.

import type { ModelConfig, ModelInstanceGroup } from './model-config.js';
import { type BackendName, backendTable } from './platform.js';

/** Triton's, where max_sequence_idle_microseconds is 0. */
const defaultSequenceIdle = 1_000_000;

/** Fills in defaults, in place. @internal */
export function normalizeConfig(
  config: ModelConfig,
  backend: BackendName,
  devices: readonly number[],
): void {
  const row = backendTable[backend];
  if (config.platform === '') config.platform = row.platform;
  if (config.backend === '') config.backend = row.backend;
  if (config.default_model_filename === '') config.default_model_filename = row.file;
  config.version_policy ??= { latest: { num_versions: 1 } };
  normalizeSchedulers(config);
  // Neither belongs to an ensemble, which executes nothing itself.
  if (backend === 'ensemble') return;
  config.optimization ??= {
    priority: 'PRIORITY_DEFAULT',
    gather_kernel_buffer_threshold: 0,
    eager_batching: false,
  };
  config.optimization.input_pinned_memory ??= { enable: true };
  config.optimization.output_pinned_memory ??= { enable: true };
  if (config.instance_group.length === 0) config.instance_group = [groupOf(config.name)];
  config.instance_group.forEach((group, index) => {
    normalizeGroup(group, `${config.name}_${index}`, backend, devices);
  });
}

function normalizeSchedulers(config: ModelConfig): void {
  const preferMax = (batcher: { preferred_batch_size: number[] }) => {
    if (batcher.preferred_batch_size.length > 0 || config.max_batch_size <= 0) return;
    batcher.preferred_batch_size = [config.max_batch_size];
  };
  if (config.dynamic_batching !== undefined) preferMax(config.dynamic_batching);
  const sequence = config.sequence_batching;
  if (sequence === undefined) return;
  if (sequence.max_sequence_idle_microseconds === 0) {
    sequence.max_sequence_idle_microseconds = defaultSequenceIdle;
  }
  if (sequence.oldest !== undefined) preferMax(sequence.oldest);
}

function groupOf(name: string): ModelInstanceGroup {
  return {
    name,
    kind: 'KIND_AUTO',
    count: 0,
    gpus: [],
    secondary_devices: [],
    profile: [],
    passive: false,
    host_policy: '',
  };
}

function normalizeGroup(
  group: ModelInstanceGroup,
  name: string,
  backend: BackendName,
  devices: readonly number[],
): void {
  if (group.name === '') group.name = name;
  if (group.kind === 'KIND_AUTO') {
    // A plan runs on a GPU only; onnxruntime-node and JavaScript on the CPU, unless a GPU is asked for.
    const gpu = backend === 'tensorrt' || group.gpus.length > 0;
    group.kind = gpu ? 'KIND_GPU' : 'KIND_CPU';
  }
  if (group.count < 1) group.count = group.kind === 'KIND_CPU' && backend === 'onnxruntime' ? 2 : 1;
  if (group.kind === 'KIND_GPU' && group.gpus.length === 0) group.gpus = [...devices];
}
