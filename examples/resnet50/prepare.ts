// Makes work/model_repository: the plan, built here, beside the report's config.pbtxt. It is what `npm start` runs and `npm run serve` serves.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatModelConfig, parseModelConfig } from 'trt-node';
import { type ExampleModel, exampleFolder } from '../kit/models.ts';
import { ensurePlan } from '../kit/plan.ts';
import { chooseRuntime } from '../kit/runtime.ts';

const { root, work } = exampleFolder(import.meta.url);

export interface Prepared {
  readonly repository: string;
  readonly plan: string;
}

/** The model's class names, where it was exported with some. */
export function readLabels(model: ExampleModel): string[] | undefined {
  const file = model.file('labels.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split(/\r?\n/) : undefined;
}

export async function prepare(model: ExampleModel): Promise<Prepared> {
  chooseRuntime();
  const repository = path.join(work, 'model_repository');
  const folder = path.join(repository, 'resnet50');
  const plan = path.join(folder, '1', 'model.plan');
  mkdirSync(folder, { recursive: true });
  let config = readFileSync(path.join(root, 'model_repository/resnet50/config.pbtxt'), 'utf8');
  if (existsSync(model.file('labels.txt'))) {
    copyFileSync(model.file('labels.txt'), path.join(folder, 'labels.txt'));
    const parsed = parseModelConfig(config, 'config.pbtxt');
    for (const output of parsed.output) output.label_filename = 'labels.txt';
    config = formatModelConfig(parsed);
  }
  writeFileSync(path.join(folder, 'config.pbtxt'), config);
  await ensurePlan(model.file('ResNet50.onnx'), plan);
  return { repository, plan };
}
