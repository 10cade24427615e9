// Raw binary requests: the whole body is the one input's data, and the model's config says what it is.

import { datatypeOfConfig, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import type { InferenceService } from '../service.js';
import type { ParsedRequest } from './infer-request.js';
import { badRequest } from './json-access.js';

/**
 * The request of a body without JSON (Inference-Header-Content-Length: 0). All outputs are binary.
 *
 * @throws ERR_TRT_REQUEST in Triton's words when the input cannot be deduced, and as {@link InferenceService.model} @internal
 */
export function rawInferRequest(
  body: Buffer,
  service: InferenceService,
  model: string,
  version: string | undefined,
): ParsedRequest {
  const { config } = service.model(model, version);
  const [input] = config.input;
  const datatype = input && datatypeOfConfig(input.data_type);
  if (config.input.length !== 1 || input === undefined || datatype === undefined) {
    throw badRequest(
      `Raw request must only have 1 input (found 1) to be deduced but got ${config.input.length} inputs in '${model}' model configuration`,
      'Send a JSON header before the data.',
    );
  }
  const shape = config.max_batch_size > 0 ? [1, ...input.dims] : [...input.dims];
  const dynamic = shape.filter((extent) => extent < 0).length;
  if (dynamic > 1) {
    throw badRequest(
      `The shape of the raw input '${input.name}' can not be deduced because there are more than one variable-sized dimension`,
      'Send a JSON header before the data.',
    );
  }
  const fixed = shape.reduce((product, extent) => (extent < 0 ? product : product * extent), 1);
  let tensor: InferTensor;
  if (datatype === 'BYTES') {
    if (dynamic > 0 || fixed !== 1) {
      throw badRequest(
        'For BYTES datatype raw input, the model must have input shape [1]',
        'Send a JSON header before the data.',
      );
    }
    tensor = new InferTensor(datatype, [body], shape);
  } else {
    const elements = body.length / datatypeTable[datatype].bytes;
    const extent = fixed === 0 ? 0 : elements / fixed;
    const known = shape.map((each) => (each < 0 ? extent : each));
    if (!Number.isInteger(extent) || (dynamic === 0 && elements !== fixed)) {
      throw badRequest(
        `input byte size mismatch for input '${input.name}' for model '${model}'. Expected ${dynamic > 0 ? 'a multiple of ' : ''}${fixed * datatypeTable[datatype].bytes}, got ${body.length}`,
        'Send as many bytes as the shape and the datatype say.',
      );
    }
    tensor = InferTensor.fromBytes(datatype, body, known);
  }
  return {
    request: { modelName: model, version, inputs: { [input.name]: tensor } },
    binaryByDefault: true,
    wishes: new Map(),
    ranges: [],
  };
}
