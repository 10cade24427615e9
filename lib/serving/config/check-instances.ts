// Checks the instance groups of a config.

import { configError } from './config-error.js';
import type { ModelConfig, ModelInstanceGroup } from './model-config.js';
import type { BackendName } from './platform.js';

/** More in one group is a mistake, or an attempt to exhaust the machine through a load request. */
const maxInstances = 1000;

/** @throws {@link ServingError} ERR_TRT_MODEL_CONFIG @internal */
export function checkInstanceGroups(config: ModelConfig, backend: BackendName): void {
  if (config.instance_group.length === 0) {
    throw configError(
      `must specify one or more 'instance group's for ${config.name}`,
      'Give one, or complete the configuration first.',
    );
  }
  for (const group of config.instance_group) checkGroup(config, group, backend);
  if (config.instance_group.every((group) => group.passive)) {
    throw configError(
      `all instance groups of model ${config.name} are passive, none takes requests`,
      'Remove `passive` from one.',
    );
  }
}

function checkGroup(config: ModelConfig, group: ModelInstanceGroup, backend: BackendName): void {
  const who = `instance group ${group.name} of model ${config.name}`;
  if (backend === 'tensorrt' && group.kind !== 'KIND_GPU') {
    throw configError(
      `unable to load model '${config.name}', TensorRT backend supports only GPU device`,
      `Its ${who} has kind ${group.kind}; use KIND_GPU, or remove the kind.`,
    );
  }
  if (group.kind === 'KIND_GPU') {
    if (backend === 'js') {
      throw configError(
        `${who} has kind KIND_GPU but JavaScript models run on the CPU`,
        'Use KIND_CPU.',
      );
    }
    if (group.gpus.length === 0) {
      throw configError(
        `${who} has kind KIND_GPU but specifies no GPUs`,
        'Name devices in `gpus`; without it there is none to be taken.',
      );
    }
  } else if (group.gpus.length > 0) {
    throw configError(
      `${who} has kind ${group.kind} but specifies one or more GPUs`,
      'Remove `gpus`, or use KIND_GPU.',
    );
  }
  const wrong = group.gpus.find((device) => device < 0);
  if (wrong !== undefined) {
    throw configError(
      `${who} specifies invalid or unsupported gpu id ${wrong}`,
      'Devices are counted from 0.',
    );
  }
  if (group.count < 1 || group.count > maxInstances) {
    throw configError(
      `${who} must have a count between 1 and ${maxInstances}, got ${group.count}`,
      'Each instance takes memory; a few keep a device busy.',
    );
  }
  checkProfiles(config, group, who);
  for (const resource of group.rate_limiter?.resources ?? []) {
    if (resource.name !== '') continue;
    throw configError(
      `a rate limiter resource of ${who} must specify 'name'`,
      'Name the resource.',
    );
  }
}

function checkProfiles(config: ModelConfig, group: ModelInstanceGroup, who: string): void {
  if (group.profile.length > 0 && config.platform !== 'tensorrt_plan') {
    throw configError(
      `${who} and platform ${config.platform} specifies profile field which is only supported for TensorRT models`,
      'Remove `profile`.',
    );
  }
  for (const profile of group.profile) {
    if (/^[0-9]{1,9}$/.test(profile)) continue;
    throw configError(
      `${who} and platform ${config.platform} specifies invalid profile ${profile}. The field should contain the string representation of a non-negative integer.`,
      'Write `profile: [ "0" ]`.',
    );
  }
}
