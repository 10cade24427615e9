// Makes the model repository ready to be served: the committed config files, and a plan built here from the exported model.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { ensurePlan } from '../kit/plan.ts';
import { type ExampleModel, exampleFolder } from '../kit/models.ts';

/** The report's --minShapes, --optShapes and --maxShapes. */
const shape = { min: [1, 512], opt: [1, 512], max: [20, 512] };

/** @returns The repository's folder. */
export async function prepareRepository({ size, file }: ExampleModel): Promise<string> {
  const { root, work } = exampleFolder(import.meta.url);
  const repository = path.join(work, `model_repository-${size}`);
  cpSync(path.join(root, 'model_repository'), repository, { recursive: true });
  const plan = path.join(repository, 'sentence_classification', '1', 'model.plan');
  await ensurePlan(file('model.onnx'), plan, {
    profiles: [{ input_ids: shape, segment_ids: shape }],
  });
  return repository;
}
