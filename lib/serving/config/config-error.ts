// The error of a config that cannot be served, wherever it is found.

import { ServingError } from '../../errors.js';

/** @internal */
export function configError(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_MODEL_CONFIG', reason, hint);
}

/** A shape as Triton writes it: [1,3,224,224]. @internal */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}
