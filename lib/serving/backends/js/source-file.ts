// SourceFile: finds the module of a js model, in the model's own folder and nowhere else.

import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { ServingError } from '../../../errors.js';
import type { VersionSource } from '../../model/loading.js';

const defaultNames = ['model.js', 'model.mjs', 'model.cjs'];

/**
 * Real path of the module.
 *
 * @throws {@link ServingError} ERR_TRT_REQUEST_UNSUPPORTED for files that came with a load request; ERR_TRT_MODEL_CONFIG for a name that is a path;
 *   ERR_TRT_MODEL_LOAD when there is no such file, or a link leads out of the folder
 */
export async function findSourceFile(source: VersionSource): Promise<string> {
  const { name, version, folder, files } = source;
  if (files !== undefined || folder === undefined) {
    throw new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `failed to load '${name}': files of a load request cannot hold a js model, as that would let clients execute code in the server`,
      "Put the model's module into the repository's folder.",
    );
  }
  const given = source.config?.default_model_filename ?? '';
  if (given !== '' && (!/\.[cm]?js$/.test(given) || path.basename(given) !== given)) {
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `model '${name}': expected the name of a .js, .mjs or .cjs file as default_model_filename, got '${given}'`,
      "Name a file in the version's folder.",
    );
  }
  const names = given === '' ? defaultNames : [given];
  for (const file of names) {
    const real = await realpath(path.join(folder, version, file)).catch(() => undefined);
    if (real === undefined) continue;
    if (real.startsWith(folder + path.sep)) return real;
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `failed to load '${name}': '${version}/${file}' leads out of the model's folder`,
      'Copy the module into the folder: code is executed from there only.',
    );
  }
  throw new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `failed to load '${name}': there is no ${names.join(', ')} in the folder of version ${version}`,
    'Add the module that exports execute(), or name it with default_model_filename.',
  );
}
