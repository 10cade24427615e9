// Files of a model besides its versions: labels and warm-up data, in its folder or handed over with it.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { ServingError } from '../../errors.js';
import type { VersionSource } from './loading.js';

function outside(source: VersionSource, file: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `file '${file}' of model '${source.name}' is not inside of the folder of the model`,
    'Give a path below the folder of the model, without "..".',
  );
}

/** The real path of a file in the model's folder, or its bytes. @throws ERR_TRT_MODEL_LOAD when it is not there, or leads out of it */
export function fileInModel(source: VersionSource, file: string): string | Uint8Array {
  const missing = new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `unable to find '${file}' for model '${source.name}'`,
    'Put it into the folder of the model.',
  );
  const normal = path.posix.normalize(file);
  if (path.isAbsolute(file) || normal === '..' || normal.startsWith('../'))
    throw outside(source, file);
  if (source.folder === undefined) {
    const bytes = source.files?.get(normal);
    if (bytes === undefined) throw missing;
    return bytes;
  }
  let real: string;
  try {
    real = realpathSync(path.join(source.folder, normal));
  } catch {
    throw missing;
  }
  if (!real.startsWith(`${source.folder}${path.sep}`)) throw outside(source, file);
  return real;
}
