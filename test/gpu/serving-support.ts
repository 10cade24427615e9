// Model repositories of the GPU tests: the fixture plans with configs of the test's own.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ModelRepository, type RepositoryOptions } from 'trt-node';
import { plan } from './support.js';

/** Opens a repository of these models; its folder is removed when the file's tests have ended. */
export async function openRepository(
  models: Readonly<Record<string, { plan?: string; config?: string }>>,
  options: RepositoryOptions = {},
): Promise<ModelRepository> {
  const folder = mkdtempSync(join(tmpdir(), 'trt-node-gpu-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [name, { plan: file, config }] of Object.entries(models)) {
    mkdirSync(join(folder, name, '1'), { recursive: true });
    if (file !== undefined) copyFileSync(plan(file), join(folder, name, '1/model.plan'));
    if (config !== undefined) {
      writeFileSync(join(folder, name, 'config.pbtxt'), `name: "${name}"\n${config}\n`);
    }
  }
  return ModelRepository.open(folder, options);
}
