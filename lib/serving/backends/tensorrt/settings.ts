// Settings: what instance groups, optimization, parameters and --backend-config=tensorrt mean for a plan's session.

import { ServingError } from '../../../errors.js';
import type { GatheredOptions, SlotGroup } from '../../../session/gathered.js';
import type { ModelConfig, ModelInstanceGroup } from '../../config/model-config.js';
import type { LoadContext } from '../../model/loading.js';

function configError(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_MODEL_CONFIG', reason, hint);
}

/** A group of instances with the profiles that they use. */
export interface InstanceGroup {
  readonly name: string;
  readonly profiles: readonly number[];
  readonly slots: readonly SlotGroup[];
}

/** Indices of profiles that a group names; none: all of the plan (Triton: only the first). */
function profilesOf(model: string, group: ModelInstanceGroup, count: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (group.profile.length === 0) return all;
  return group.profile.map((text) => {
    const index = Number(text);
    if (/^\d+$/.test(text) && index < count) return index;
    throw configError(
      `unable to load model '${model}': instance group '${group.name}' names optimization profile '${text}', but the plan has ${count}`,
      `Profiles are numbered from 0 to ${count - 1}.`,
    );
  });
}

/** Devices that the instance groups need, before the config is complete. */
export function devicesOf(
  config: ModelConfig | undefined,
  devices: readonly number[],
): readonly number[] {
  const named = (config?.instance_group ?? []).flatMap((group) =>
    group.gpus.length > 0 ? group.gpus : devices,
  );
  return [...new Set(named.length > 0 ? named : devices)];
}

/** @throws ERR_TRT_MODEL_CONFIG */
export function instanceGroups(
  config: ModelConfig,
  devices: readonly number[],
  profiles: number,
): InstanceGroup[] {
  return config.instance_group.map((group, index) => {
    const gpus = group.gpus.length > 0 ? group.gpus : devices;
    return {
      name: group.name === '' ? `${config.name}_${index}` : group.name,
      profiles: profilesOf(config.name, group, profiles),
      slots: gpus.map((device) => ({ device, group: index, count: Math.max(1, group.count) })),
    };
  });
}

const priorities = { PRIORITY_DEFAULT: 0, PRIORITY_MAX: -1000, PRIORITY_MIN: 1000 } as const;

/** CUDA graphs that are kept on a slot at least, and at most by themselves. */
const [fewestGraphs, mostGraphs] = [8, 128];

function strategyOf(config: ModelConfig): number {
  const given = config.parameters.execution_context_allocation_strategy?.string_value;
  switch (given) {
    case undefined:
    case '':
      return 2;
    case 'STATIC':
      return 0;
    case 'ON_PROFILE_CHANGE':
      return 1;
    default:
      throw configError(
        `unable to load model '${config.name}': expected parameter execution_context_allocation_strategy STATIC or ON_PROFILE_CHANGE, got '${given}'`,
        'Leave it out for memory that all instances lend to each other.',
      );
  }
}

/** Whether a parameter is on: "true", "1", "on". */
function flag(value: string | undefined, fallback: boolean): boolean {
  if (value === undefined || value === '') return fallback;
  return ['true', '1', 'on'].includes(value.toLowerCase());
}

/** @throws ERR_TRT_MODEL_CONFIG */
export function sessionOptions(
  config: ModelConfig,
  groups: readonly InstanceGroup[],
  timing: boolean,
): GatheredOptions {
  const { cuda, priority } = config.optimization ?? {};
  const sizes = Math.max(config.max_batch_size, 1) + (cuda?.graph_spec.length ?? 0);
  const graphs = Math.min(mostGraphs, Math.max(fewestGraphs, sizes));
  return {
    priority: priorities[priority ?? 'PRIORITY_DEFAULT'],
    profile: groups[0]?.profiles[0] ?? 0,
    // 1: at the first time a combination comes; 0: at the second.
    cudaGraph: cuda?.graphs === true ? 1 : 0,
    maxCudaGraphs: timing ? 2 * graphs : graphs, // timed batches have their own
    allocationStrategy: strategyOf(config),
    completion: cuda?.busy_wait_events === true ? 1 : 0,
    timing,
  };
}

/** Whether the GPU's phases are timed: parameter or --backend-config `phase_timing`, default true. */
export function wantsTiming(config: ModelConfig, context: LoadContext): boolean {
  const given =
    config.parameters.phase_timing?.string_value ?? context.backendConfig.tensorrt?.phase_timing;
  return flag(given, true);
}

/** Of --backend-config=tensorrt: plugin libraries, and whether plans may bring host code. */
export function runtimeSettings(context: LoadContext): {
  pluginLibraries: readonly string[] | undefined;
  engineHostCodeAllowed: boolean;
} {
  const given = context.backendConfig.tensorrt ?? {};
  const plugins = (given.plugins ?? '').split(';').filter((name) => name !== '');
  return {
    pluginLibraries:
      plugins.length === 0
        ? context.platform.pluginLibraries
        : [...(context.platform.pluginLibraries ?? []), ...plugins],
    engineHostCodeAllowed: flag(given['version-compatible'], false),
  };
}
