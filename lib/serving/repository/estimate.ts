// Estimate: how much device memory a version will need, before it is loaded.

import { readPlanFacts } from '../../inspect/plan-header.js';
import type { Machine } from '../../inspect/preflight-checks.js';
import type { VersionSource } from '../model/loading.js';
import { chooseModelFile, readModelHead } from '../model/model-file.js';

/** Devices that the config's groups name, or `devices`; and how many instances there are on each. */
function placement(
  source: VersionSource,
  devices: readonly number[],
): { device: number; instances: number }[] {
  const groups = (source.config?.instance_group ?? []).filter(({ kind }) => kind !== 'KIND_CPU');
  const counts = new Map<number, number>();
  if (groups.length === 0) for (const device of devices) counts.set(device, 1);
  for (const { gpus, count } of groups) {
    for (const device of gpus.length > 0 ? gpus : devices) {
      counts.set(device, (counts.get(device) ?? 0) + Math.max(1, count));
    }
  }
  return [...counts].map(([device, instances]) => ({ device, instances }));
}

/**
 * Bytes on all devices together: each has the plan's weights (its size, where the plan does not tell) once, and an instance each the largest profile's activations.
 * 0 for what is no plan, and for what cannot be read: loading it tells.
 */
export async function estimateDeviceBytes(
  source: VersionSource,
  devices: readonly number[],
  machine: (device: number) => Machine,
): Promise<number> {
  if (source.config?.ensemble_scheduling !== undefined) return 0;
  const { backend = '', platform = '' } = source.config ?? {};
  if (![backend, platform].every((word) => word === '' || word.startsWith('tensorrt'))) return 0;
  let sum = 0;
  for (const { device, instances } of placement(source, devices)) {
    const file = await chooseModelFile(source, source.config, 'model.plan', machine(device));
    const found = await readModelHead(source, file);
    if (found === undefined) continue;
    const facts = readPlanFacts(found.head, found.bytes);
    if (facts === undefined) continue;
    const activations = Math.max(0, ...(facts.activationBytesPerProfile ?? []));
    sum += (facts.weightsBytes ?? found.bytes) + activations * instances;
  }
  return sum;
}
