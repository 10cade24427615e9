// Plans: the report's with its one profile, the same with a second profile for what is really run, and that second one alone in FP16.
import path from 'node:path';
import type { BuildProfile } from 'trt-node';
import type { ExampleModel } from '../kit/models.ts';
import { type PlanRecipe, ensurePlan } from '../kit/plan.ts';

type Shape = readonly [batch: number, length: number];

const profile = (min: Shape, opt: Shape, max: Shape): BuildProfile => ({
  input_ids: { min, opt, max },
  segment_ids: { min, opt, max },
});

/** --minShapes=…:1x1 --optShapes=…:20x512 --maxShapes=…:20x512, the report's. */
const reported = profile([1, 1], [20, 512], [20, 512]);
/** For one sentence of `length` tokens. */
const single = (length: number): BuildProfile => profile([1, 1], [1, length], [1, 512]);

/** The report's --workspace=10000. */
const workspaceBytes = 10_000 * 2 ** 20;

const recipes = {
  'one-profile': (): PlanRecipe => ({ workspaceBytes, profiles: [reported] }),
  'two-profiles': (length: number): PlanRecipe => ({
    workspaceBytes,
    profiles: [reported, single(length)],
  }),
  fp16: (length: number): PlanRecipe => ({
    workspaceBytes,
    fp16: true,
    profiles: [single(length)],
  }),
};

/** Builds a plan of the model in `work`, or finds it there. @returns Its path. */
export async function planOf(
  model: ExampleModel,
  work: string,
  name: keyof typeof recipes,
  length = 200,
): Promise<string> {
  const suffix = name === 'one-profile' ? '' : `-${length}`;
  const plan = path.join(work, 'plans', `${model.size}-${name}${suffix}.plan`);
  // Kernels timed for one plan are not timed again for the next.
  const timingCacheFile = path.join(work, 'plans', 'timing.cache');
  await ensurePlan(model.file('model.onnx'), plan, { ...recipes[name](length), timingCacheFile });
  return plan;
}
