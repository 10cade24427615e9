// Opens models of the onnxruntime backend.

import { ServingError } from '../../../errors.js';
import type { OpenModel } from '../../model/loading.js';

/** Placeholder until the backend is merged. @internal */
export const openOnnxRuntime: OpenModel = (source) =>
  Promise.reject(
    new ServingError(
      'ERR_TRT_REQUEST_UNSUPPORTED',
      `${source.name}: ONNX Runtime is not there yet`,
      '',
    ),
  );
