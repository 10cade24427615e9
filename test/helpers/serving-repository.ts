// Model repositories for tests of whole servers: the fixture models with configs of the test's own.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { referencePlan } from './reference.js';
import { tempFolder } from './temp.js';

/** One model: the fixture whose plan it has, its config's text (without the name), and its versions. */
export interface FolderModel {
  /** Of test/fixtures/onnx; undefined: no plan. */
  readonly fixture?: string;
  readonly config?: string;
  readonly versions?: readonly string[];
  /** More files, by their path in the model's folder. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** Writes one model into `folder`. */
export async function writeModel(folder: string, name: string, model: FolderModel): Promise<void> {
  const write = (file: string, content: string | Uint8Array): void => {
    const target = path.join(folder, name, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, content);
  };
  for (const version of model.versions ?? ['1']) {
    mkdirSync(path.join(folder, name, version), { recursive: true });
    if (model.fixture !== undefined) {
      write(`${version}/model.plan`, await referencePlan(model.fixture));
    }
  }
  if (model.config !== undefined) write('config.pbtxt', `name: "${name}"\n${model.config}`);
  for (const [file, content] of Object.entries(model.files ?? {})) write(file, content);
}

/** A repository of its own, removed when the calling test ends. */
export async function repositoryFolder(
  models: Readonly<Record<string, FolderModel>>,
): Promise<string> {
  const folder = tempFolder();
  for (const [name, model] of Object.entries(models)) await writeModel(folder, name, model);
  return folder;
}

/** A model of the js backend that waits as many milliseconds as its input says. */
export const slowModel: FolderModel = {
  config: `backend: "js"
max_batch_size: 1
input [ { name: "MS" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "WAITED" data_type: TYPE_INT32 dims: [ 1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
dynamic_batching { default_queue_policy { max_queue_size: 8 } }
`,
  files: {
    '1/model.cjs': `exports.execute = (requests) => Promise.all(requests.map(async ({ inputs }) => {
  await new Promise((resolve) => setTimeout(resolve, inputs.MS.data[0]));
  return { outputs: { WAITED: inputs.MS } };
}));
`,
  },
};
