// Triton's words for models that cannot be asked.

import { ServingError } from '../../errors.js';
import type { ModelEntry } from './model-entry.js';

/** Why no version of that name and number answers. */
export function unknownModel(
  name: string,
  version: string | undefined,
  entry: ModelEntry | undefined,
): ServingError {
  const start = 'Request for unknown model: ';
  if (entry === undefined || entry.records.size === 0) {
    return new ServingError(
      'ERR_TRT_MODEL_NOT_FOUND',
      `${start}'${name}' is not found`,
      'Check the name, and whether the model was loaded: the repository index tells.',
    );
  }
  if (version === undefined) {
    return new ServingError(
      'ERR_TRT_MODEL_NOT_FOUND',
      `${start}'${name}' has no available versions`,
      'The repository index tells the state of each version, and why.',
    );
  }
  if (!entry.records.has(version)) {
    return new ServingError(
      'ERR_TRT_MODEL_NOT_FOUND',
      `${start}'${name}' version ${version} is not found`,
      'Leave the version out for the newest one; the metadata lists those that are ready.',
    );
  }
  return new ServingError(
    'ERR_TRT_MODEL_UNAVAILABLE',
    `${start}'${name}' version ${version} is not at ready state`,
    'The repository index tells its state, and why.',
  );
}

/** load and unload in the other control modes. */
export function controlRefused(): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_UNAVAILABLE',
    'explicit model load / unload is not allowed if polling is enabled',
    "Open the repository with controlMode: 'explicit' (--model-control-mode=explicit).",
  );
}

/** Anything after close(). */
export function closedRepository(): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_UNAVAILABLE',
    'the model repository is closed',
    'Open it again; nothing is served after close().',
  );
}
