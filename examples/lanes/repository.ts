// Makes the model repository ready: the configuration files of this folder, with plans built for this machine.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type PlanRecipe, ensurePlan } from '../kit/plan.ts';
import { exampleFolder } from '../kit/models.ts';

const { root, work } = exampleFolder(import.meta.url);

/** The network that was set by hand and finds lanes; the full one has seeded weights unless you have real ones. */
export const painted = path.join(root, 'small');

/** Plans in FP32 and FP16 of the ONNX models in `folder`, kept in `work`. */
export async function ensurePlans(
  folder: string,
  recipe: PlanRecipe = {},
): Promise<{ fp32: string; fp16: string }> {
  const name = path.basename(folder);
  const plan = (type: string): string => path.join(work, 'plans', `${name}-${type}.plan`);
  const plans = { fp32: plan('fp32'), fp16: plan('fp16') };
  await ensurePlan(path.join(folder, 'model.onnx'), plans.fp32, recipe);
  await ensurePlan(path.join(folder, 'model_fp16.onnx'), plans.fp16, { ...recipe, fp16: true });
  return plans;
}

/** A repository with these plans, in work/model_repository. */
export function makeRepository(plans: { fp32: string; fp16: string }): string {
  const repository = path.join(work, 'model_repository');
  rmSync(repository, { recursive: true, force: true });
  cpSync(path.join(root, 'model_repository'), repository, { recursive: true });
  for (const model of ['laneDetect_model', 'LaneDet_fp16', 'lane_pipeline']) {
    mkdirSync(path.join(repository, model, '1'));
  }
  cpSync(plans.fp32, path.join(repository, 'laneDetect_model/1/model.plan'));
  cpSync(plans.fp16, path.join(repository, 'LaneDet_fp16/1/model.plan'));
  return repository;
}
