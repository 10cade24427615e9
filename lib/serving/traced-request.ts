// A request whose steps and tensors are noted in a trace, through either door.

import { InferTensor } from './infer-tensor.js';
import type { InferRequest, InferResponse } from './request.js';
import type { InferenceService } from './service.js';
import type { Trace } from './tracer.js';

/** {@link InferenceService.request} with the stamps from REQUEST_START to INFER_RESPONSE_COMPLETE. Rejects as it does. @internal */
export async function requestTraced(
  service: InferenceService,
  request: InferRequest,
  trace: Trace,
): Promise<InferResponse> {
  trace.request(request.modelName, String(request.version ?? ''), request.id ?? '');
  for (const [name, tensor] of Object.entries(request.inputs)) {
    if (tensor instanceof InferTensor) trace.tensor('TENSOR_QUEUE_INPUT', name, tensor);
  }
  request.trace = (activity, at) => {
    trace.stamp(activity, at);
  };
  trace.stamp('REQUEST_START');
  let answer: InferResponse;
  try {
    answer = await service.request(request);
  } finally {
    trace.stamp('REQUEST_END');
  }
  for (const [name, tensor] of Object.entries(answer.outputs)) {
    trace.tensor('TENSOR_BACKEND_OUTPUT', name, tensor);
  }
  trace.stamp('INFER_RESPONSE_COMPLETE');
  return answer;
}
