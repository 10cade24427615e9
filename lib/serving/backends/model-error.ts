// ModelError: what went wrong in a model or below it, as the error of its requests.

import { ServingError, isTensorRTError } from '../../errors.js';

/**
 * An error of this package stays what it is; one with the code ERR_TRT_REQUEST counts as the client's fault, everything else as the model's.
 * @internal
 */
export function modelError(model: string, thrown: Error): ServingError {
  if (thrown instanceof ServingError) return thrown;
  if ((thrown as { code?: unknown }).code === 'ERR_TRT_REQUEST') {
    return new ServingError(
      'ERR_TRT_REQUEST',
      thrown.message,
      'Change the request as the message says.',
      { cause: thrown },
    );
  }
  return new ServingError(
    'ERR_TRT_MODEL_BACKEND',
    thrown.message,
    `It is model '${model}' that says so; see \`cause\`.`,
    { cause: thrown },
  );
}

/** What failed below a model: TensorRT or CUDA. @internal */
export function backendError(cause: Error): ServingError {
  if (cause instanceof ServingError) return cause;
  const { reason, hint, log } = isTensorRTError(cause)
    ? cause
    : { reason: cause.message, hint: '', log: [] };
  return new ServingError('ERR_TRT_MODEL_BACKEND', reason, hint, { cause, log });
}
