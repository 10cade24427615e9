// Models in service without a repository: folders loaded one after the other, which ensembles can call.

import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ServingError } from '../../lib/errors.js';
import { parseModelConfig } from '../../lib/serving/config/text-format.js';
import { loadModelVersion } from '../../lib/serving/model/load-version.js';
import type { LoadContext, LoadedVersion } from '../../lib/serving/model/loading.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import { reference } from './reference.js';
import { loadContext } from './serving-models.js';
import { tempFolder } from './temp.js';

/** Files by their path in the model's folder. */
type Files = Readonly<Record<string, string | Uint8Array>>;

export class ServedModels {
  readonly context: LoadContext;
  readonly #loaded = new Map<string, LoadedVersion>();

  constructor(more: Partial<LoadContext> = {}) {
    this.context = loadContext({
      platform: reference,
      models: {
        config: (name) => this.get(name).config,
        request: ({ modelName, inputs, ...options }) => this.get(modelName).infer(inputs, options),
      },
      ...more,
    });
    onTestFinished(async () => {
      for (const model of [...this.#loaded.values()].reverse()) await model.close();
    });
  }

  get(name: string): LoadedVersion {
    const model = this.#loaded.get(name);
    if (model !== undefined) return model;
    throw new ServingError('ERR_TRT_MODEL_NOT_FOUND', `unknown model: '${name}'`, 'Load it.');
  }

  /** Loads version 1 of a model: `files`, on top of test/fixtures/serving/NAME where that is there. */
  async load(name: string, files: Files = {}): Promise<LoadedVersion> {
    const folder = path.join(realpathSync(tempFolder()), name);
    const fixture = path.join('test/fixtures/serving', name);
    if (existsSync(fixture)) cpSync(fixture, folder, { recursive: true });
    mkdirSync(path.join(folder, '1'), { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      writeFileSync(path.join(folder, file), content);
    }
    const file = path.join(folder, 'config.pbtxt');
    const config = existsSync(file)
      ? parseModelConfig(readFileSync(file, 'utf8'), file)
      : undefined;
    const statistics = new ModelStatistics();
    const source = { name, version: '1', config, folder, files: undefined, statistics };
    const loaded = await loadModelVersion(source, this.context);
    this.#loaded.set(name, loaded);
    return loaded;
  }
}
