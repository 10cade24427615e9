// Opens models of the js backend: modules that the repository's owner wrote, for pre- and post-processing beside plans.

import { ServingError } from '../../../errors.js';
import type { OpenModel } from '../../model/loading.js';
import { JsBackend } from './backend.js';
import { InProcess } from './in-process.js';
import { InWorkers } from './in-workers.js';
import { jsSettings } from './settings.js';
import { findSourceFile } from './source-file.js';

/** A module tells nothing of its tensors, so that the config must. @internal */
export const openJs: OpenModel = async (source, context) => {
  const file = await findSourceFile(source);
  let backend: JsBackend | undefined;
  return {
    facts: undefined,
    async start(config) {
      if (config.output.length === 0) {
        throw new ServingError(
          'ERR_TRT_MODEL_CONFIG',
          `model '${source.name}': expected inputs and outputs in config.pbtxt: a module does not tell them`,
          'Add `output` (and `input`) with names, types and dims.',
        );
      }
      const settings = jsSettings(config);
      const parts = { source, file, config, settings, context };
      const runner = await (settings.execution === 'worker'
        ? InWorkers.start(parts)
        : InProcess.start(parts));
      backend = new JsBackend(config, runner);
      return backend;
    },
    async close() {
      await backend?.close();
    },
  };
};
