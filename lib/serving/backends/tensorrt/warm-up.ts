// Warm-up: runs every instance in every profile and size that requests will ask for, so that contexts, memory and CUDA graphs are there before the first.

import { ExecutionError, asError } from '../../../errors.js';
import type { Arrangement, GatheredSession, GatheredSlot } from '../../../session/gathered.js';
import type { NativeOutputTarget } from '../../../native.js';
import type { ModelConfig } from '../../config/model-config.js';
import type { Arranger, BatchArrangement } from './arrange.js';
import type { Bindings } from './bindings.js';
import type { InstanceGroup } from './settings.js';

/** Runs of each combination, timed and not: the second captures a CUDA graph, the third launches it. */
const runsOfEach = 3;

/** Batch sizes to be ready for: 1, the preferred ones, those of graph_spec, and the largest. */
export function warmUpSizes(config: ModelConfig): number[] {
  const most = config.max_batch_size;
  if (most === 0) return [1];
  const sizes = [
    1,
    ...(config.dynamic_batching?.preferred_batch_size ?? []),
    ...(config.sequence_batching?.oldest?.preferred_batch_size ?? []),
    ...(config.optimization?.cuda?.graph_spec ?? []).map(({ batch_size }) => batch_size),
    most,
  ];
  return [...new Set(sizes)].filter((size) => size >= 1 && size <= most).sort((a, b) => a - b);
}

function runOnce(
  session: GatheredSession,
  slot: GatheredSlot,
  arrangement: Arrangement,
  targets: readonly NativeOutputTarget[],
  timed: boolean,
): Promise<void> {
  if (!session.takeSlot(slot)) return Promise.resolve(); // its device was lost meanwhile
  return new Promise<void>((resolve, reject) => {
    const run = {
      ended: (_: GatheredSlot, error: Error | undefined): void => {
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    try {
      const staged = slot.prepare(arrangement);
      for (const bytes of staged.inputBytes) bytes.fill(0);
      slot.start(run, staged.bindings, targets, timed);
    } catch (error) {
      session.giveBack(slot, error);
      reject(asError(error));
    }
  });
}

/** Whether the plan takes these shapes together: ranges of a profile do not tell what its layers demand of one another. */
function takes(session: GatheredSession, slot: GatheredSlot, arrangement: Arrangement): boolean {
  if (!session.takeSlot(slot)) return false;
  try {
    slot.prepare(arrangement);
    session.giveBack(slot);
    return true;
  } catch (error) {
    session.giveBack(slot, error);
    if (error instanceof ExecutionError) return false;
    throw error;
  }
}

/** The combinations of a group: each size, in each of its profiles, where requests of such shapes would run in it. */
function combinations(
  arranger: Arranger,
  group: InstanceGroup,
  sizes: readonly number[],
): BatchArrangement[] {
  return group.profiles.flatMap((profile) =>
    sizes.flatMap((size) => arranger.arrangeOptimum(profile, size) ?? []),
  );
}

/** @returns How many combinations were run on each instance. Rejects with the first failure; all that was started has ended then. */
export async function warmUp(
  session: GatheredSession,
  bindings: Bindings,
  groups: readonly InstanceGroup[],
  arrangers: readonly Arranger[],
  config: ModelConfig,
): Promise<number> {
  const sizes = warmUpSizes(config);
  const targets = bindings.outputOf.map((binding, index) =>
    binding !== undefined || session.table.outputs[index]?.onHost === true ? 'host' : 'device',
  ) as NativeOutputTarget[];
  const plans = groups.map((group, index) =>
    combinations(arrangers[index] as Arranger, group, sizes),
  );
  const warm = async (slot: GatheredSlot): Promise<void> => {
    for (const arrangement of plans[slot.group] ?? []) {
      if (!takes(session, slot, arrangement)) continue;
      for (const timed of slot.clock === undefined ? [false] : [false, true]) {
        for (let run = 0; run < runsOfEach; run++) {
          await runOnce(session, slot, arrangement, targets, timed);
        }
      }
    }
    slot.starts = 0; // what counts is what requests start
  };
  const results = await Promise.allSettled(session.slots.map(warm));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return Math.max(0, ...plans.map(({ length }) => length));
}
