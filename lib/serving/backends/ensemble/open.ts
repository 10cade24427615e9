// Opens models of the ensemble backend.

import { ServingError } from '../../../errors.js';
import type { OpenModel } from '../../model/loading.js';

/** Placeholder until the backend is merged. @internal */
export const openEnsemble: OpenModel = (source) =>
  Promise.reject(
    new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `${source.name}: ensembles is not there yet`,
      '',
    ),
  );
