// Labels: names of classes, from the files that label_filename names.

import { readFile } from 'node:fs/promises';
import { ServingError } from '../../errors.js';
import type { VersionSource } from './loading.js';
import type { ModelConfig } from '../config/model-config.js';
import { fileInModel } from './model-files.js';

/** Labels by output: one a line. @throws ERR_TRT_MODEL_LOAD */
export async function loadLabels(
  config: ModelConfig,
  source: VersionSource,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  for (const { name, label_filename: file } of config.output) {
    if (file === '') continue;
    const found = fileInModel(source, file);
    try {
      const text =
        typeof found === 'string' ? await readFile(found, 'utf8') : Buffer.from(found).toString();
      labels.set(name, text.replace(/\r?\n$/, '').split(/\r?\n/));
    } catch (cause) {
      throw new ServingError(
        'ERR_TRT_MODEL_LOAD',
        `unable to read label file '${file}' of output '${name}' for model '${config.name}'`,
        'Put it into the folder of the model, one label a line.',
        { cause },
      );
    }
  }
  return labels;
}
