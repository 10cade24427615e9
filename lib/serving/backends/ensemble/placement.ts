// Placement: which tensors of an ensemble stay on the device, because plans of one device write and read them.

import type { ModelConfig } from '../../config/model-config.js';
import type { EnsembleGraph, EnsembleStep } from './graph.js';

/** The one device that a plan runs on; undefined: it is no plan, or has several. */
function deviceOf(config: ModelConfig, devices: readonly number[]): number | undefined {
  if (config.platform !== 'tensorrt_plan' && config.backend !== 'tensorrt') return undefined;
  const used = new Set<number>();
  for (const { kind, gpus } of config.instance_group) {
    if (kind === 'KIND_CPU') return undefined;
    for (const gpu of gpus.length > 0 ? gpus : devices) used.add(gpu);
  }
  if (used.size === 0) for (const device of devices) used.add(device);
  const [device] = used;
  return used.size === 1 ? device : undefined;
}

/**
 * Outputs of `step`, by the names of its model, that only plans of the same device read.
 *
 * @param wanted - Tensors that the ensemble gives back: they go to the host.
 * @param configOf - Config of a step's model.
 * @internal
 */
export function outputsOnDevice(
  graph: EnsembleGraph,
  step: EnsembleStep,
  wanted: ReadonlySet<string>,
  devices: readonly number[],
  configOf: (step: EnsembleStep) => ModelConfig,
): string[] {
  const here = deviceOf(configOf(step), devices);
  if (here === undefined) return [];
  return step.outputs
    .filter(({ ensemble }) => {
      const readers = graph.readers.get(ensemble) ?? [];
      return (
        !wanted.has(ensemble) &&
        readers.length > 0 &&
        readers.every((reader) => deviceOf(configOf(reader), devices) === here)
      );
    })
    .map(({ model }) => model);
}
