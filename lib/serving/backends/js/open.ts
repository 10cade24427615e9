// Opens models of the js backend.

import { ServingError } from '../../../errors.js';
import type { OpenModel } from '../../model/loading.js';

/** Placeholder until the backend is merged. @internal */
export const openJs: OpenModel = (source) =>
  Promise.reject(
    new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `${source.name}: JavaScript is not there yet`,
      '',
    ),
  );
