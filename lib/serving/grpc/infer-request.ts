// InferCall: one ModelInferRequest as the service takes it, and its answer as a message; releases the shared memory that it used.

import { decodeBytesTensor } from '../bytes-tensor.js';
import { classify } from '../classification.js';
import { type Datatype, datatypeTable, isDatatype } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import {
  type InferInputs,
  type InferRequest,
  type InferResponse,
  type Parameters,
  outputNamesOf,
} from '../request.js';
import type { InferenceService } from '../service.js';
import type { SharedMemoryRange, SharedMemoryRegistry } from '../shared-memory/registry.js';
import { tensorOfContents } from './infer-contents.js';
import type { DecodedInferRequest, DecodedInput } from './infer-decode.js';
import type { EncodedOutput, EncodedResponse } from './infer-encode.js';
import {
  readClassification,
  readRequestParameters,
  readSharedMemory,
  refused,
} from './parameters.js';

/** What requests are read with. @internal */
export interface InferContext {
  readonly service: InferenceService;
  readonly sharedMemory: SharedMemoryRegistry | undefined;
  /** Inputs, and outputs, that a request may have. */
  readonly maxTensors: number;
}

/** How many elements a shape says. */
function elementsOf(input: DecodedInput, model: string): number {
  let count = 1;
  for (const extent of input.shape) {
    if (extent < 0) {
      throw refused(
        `invalid shape [${input.shape.join(',')}] of input '${input.name}' for model '${model}': dimensions must be 0 or more`,
        'Give the dimensions of the data that is sent.',
      );
    }
    count *= extent;
  }
  if (!Number.isSafeInteger(count)) {
    throw refused(
      `invalid shape [${input.shape.join(',')}] of input '${input.name}' for model '${model}': it has too many elements`,
      'Give the dimensions of the data that is sent.',
    );
  }
  return count;
}

function checkByteSize(input: DecodedInput, model: string, expected: number, got: number): void {
  if (expected === got) return;
  throw refused(
    `input byte size mismatch for input '${input.name}' for model '${model}'. Expected ${expected}, got ${got}`,
    'Send as many bytes as shape and datatype say.',
  );
}

function datatypeOf(input: DecodedInput, model: string): Datatype {
  if (isDatatype(input.datatype)) return input.datatype;
  throw refused(
    `inference input '${input.name}' for model '${model}' has the unknown datatype '${input.datatype}'`,
    `Datatypes are ${Object.keys(datatypeTable).join(', ')}.`,
  );
}

function tensorOfRaw(
  input: DecodedInput,
  datatype: Datatype,
  raw: Buffer,
  model: string,
): InferTensor {
  const count = elementsOf(input, model);
  if (datatype === 'BYTES') {
    const elements = decodeBytesTensor(raw, count, input.name, model);
    return new InferTensor('BYTES', elements, input.shape);
  }
  checkByteSize(input, model, count * datatypeTable[datatype].bytes, raw.length);
  return InferTensor.fromBytes(datatype, raw, input.shape);
}

/** One request between its message and the service. Close it exactly once, when nothing of it is needed any more. @internal */
export class InferCall {
  readonly request: InferRequest;
  /** Of streams: the client wants to be told which response is the last. */
  readonly emptyFinalResponse: boolean;
  readonly #context: InferContext;
  readonly #ranges: SharedMemoryRange[] = [];
  #written: Map<string, SharedMemoryRange> | undefined;
  #classes: Map<string, number> | undefined;

  /** @throws ServingError in Triton's words */
  constructor(decoded: DecodedInferRequest, context: InferContext) {
    this.#context = context;
    try {
      const { options, emptyFinalResponse } = readRequestParameters(decoded.parameters);
      this.emptyFinalResponse = emptyFinalResponse;
      const outputs = this.#readOutputs(decoded);
      this.request = {
        ...options,
        modelName: decoded.modelName,
        version: decoded.modelVersion === '' ? undefined : decoded.modelVersion,
        id: decoded.id,
        inputs: this.#readInputs(decoded),
        outputs,
        onDevice: this.#onDevice(),
      };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #readInputs(decoded: DecodedInferRequest): InferInputs {
    const { modelName: model, raw } = decoded;
    const { maxTensors } = this.#context;
    if (decoded.inputs.length > maxTensors || decoded.outputs.length > maxTensors) {
      throw refused(
        `request for model '${model}' has ${decoded.inputs.length} inputs and ${decoded.outputs.length} outputs; the limit of each is ${maxTensors}`,
        'Send fewer tensors, or raise limits.maxTensors.',
      );
    }
    const inputs: Record<string, InferTensor> = {};
    let next = 0;
    for (const input of decoded.inputs) {
      const { name, contents } = input;
      if (Object.hasOwn(inputs, name)) {
        throw refused(`input '${name}' already exists in request`, 'Send each input once.');
      }
      if (name === '__proto__') {
        throw refused(
          `unexpected inference input '__proto__' for model '${model}'`,
          'Ask for the metadata.',
        );
      }
      const datatype = datatypeOf(input, model);
      const range = readSharedMemory(input.parameters, name, this.#context.sharedMemory);
      if (range !== undefined) {
        this.#ranges.push(range);
        inputs[name] = this.#shared(input, datatype, range, model);
      } else if (contents !== undefined && raw.length > 0) {
        throw refused(
          `contents field must not be specified when using raw_input_contents for '${name}' for model '${model}'`,
          'Send all tensors of a request in the same way.',
        );
      } else if (contents !== undefined) {
        inputs[name] = this.#typed(input, datatype, model);
      } else if (next < raw.length) {
        inputs[name] = tensorOfRaw(input, datatype, raw[next++] as Buffer, model);
      } else {
        throw refused(
          `unable to find data for input tensor '${name}' for model '${model}' in request.`,
          'Send raw_input_contents, contents or a shared memory region for each input.',
        );
      }
    }
    if (next < raw.length) {
      throw refused(
        `request for model '${model}' has ${raw.length} raw_input_contents for ${next} inputs`,
        'Send one for each input that is not in shared memory.',
      );
    }
    return inputs;
  }

  #typed(input: DecodedInput, datatype: Datatype, model: string): InferTensor {
    const expected = elementsOf(input, model);
    const contents = input.contents as NonNullable<DecodedInput['contents']>;
    const { tensor, count } = tensorOfContents(input, datatype, contents, model);
    if (datatype === 'BYTES' && count !== expected) {
      throw refused(
        `unexpected number of string elements ${count} for inference input '${input.name}' for model '${model}', expecting ${expected}`,
        'Send as many elements as the shape says.',
      );
    }
    const { bytes } = datatypeTable[datatype];
    checkByteSize(input, model, expected * bytes, count * bytes);
    return tensor;
  }

  #shared(
    input: DecodedInput,
    datatype: Datatype,
    range: SharedMemoryRange,
    model: string,
  ): InferTensor {
    const { name, shape } = input;
    if (input.contents !== undefined) {
      throw refused(
        `unexpected 'content' provided when using shared memory for input tensor '${name}' for model '${model}'`,
        'Send the tensor in one way.',
      );
    }
    const count = elementsOf(input, model);
    if (datatype !== 'BYTES') {
      checkByteSize(input, model, count * datatypeTable[datatype].bytes, range.byteSize);
    }
    return range.input(datatype, shape, count, name, model);
  }

  #readOutputs(decoded: DecodedInferRequest): string[] | undefined {
    if (decoded.outputs.length === 0) return undefined;
    const names = new Set<string>();
    for (const { name, parameters } of decoded.outputs) {
      names.add(name);
      const range = readSharedMemory(parameters, name, this.#context.sharedMemory);
      if (range !== undefined) {
        this.#ranges.push(range);
        this.#written ??= new Map();
        this.#written.set(name, range);
      }
      const classes = readClassification(parameters);
      if (classes === undefined) continue;
      if (range !== undefined) {
        throw refused(
          "output can't set both 'shared_memory_region' and 'classification'",
          'Ask for one of them.',
        );
      }
      this.#classes ??= new Map();
      this.#classes.set(name, classes);
    }
    return [...names];
  }

  /** Outputs that go to device memory need not come to the host first. */
  #onDevice(): string[] | undefined {
    if (this.#written === undefined) return undefined;
    const names = [...this.#written].filter(([, range]) => range.onDevice).map(([name]) => name);
    return names.length === 0 ? undefined : names;
  }

  /** The answer as it goes into a message; writes to shared memory what belongs there. */
  async encode(response: InferResponse, final: boolean): Promise<EncodedResponse> {
    const outputs: EncodedOutput[] = [];
    for (const name of outputNamesOf(response, this.request.outputs)) {
      outputs.push(await this.#output(name, response));
    }
    return this.#response(response, outputs, final);
  }

  /** Like {@link encode}, without waiting; undefined where that cannot be. */
  encodeNow(response: InferResponse, final: boolean): EncodedResponse | undefined {
    if (this.#written !== undefined || this.#classes !== undefined) return undefined;
    const outputs: EncodedOutput[] = [];
    for (const name of outputNamesOf(response, this.request.outputs)) {
      const tensor = response.outputs[name] as InferTensor;
      if (tensor.device !== undefined) return undefined;
      outputs.push({ name, tensor, elsewhere: false });
    }
    return this.#response(response, outputs, final);
  }

  #response(
    response: InferResponse,
    outputs: readonly EncodedOutput[],
    final: boolean,
  ): EncodedResponse {
    let parameters: Parameters | undefined = response.parameters;
    if (final) parameters = { ...parameters, triton_final_response: true };
    const { modelName, modelVersion, id } = response;
    return { modelName, modelVersion, id, parameters, outputs };
  }

  async #output(name: string, response: InferResponse): Promise<EncodedOutput> {
    const tensor = response.outputs[name] as InferTensor;
    const range = this.#written?.get(name);
    if (range !== undefined) {
      await range.write(name, tensor);
      return { name, tensor, elsewhere: true };
    }
    const { device } = tensor;
    const host =
      device === undefined
        ? tensor
        : new InferTensor(tensor.datatype, (await device.read()).data, tensor.shape);
    const classes = this.#classes?.get(name);
    if (classes === undefined) return { name, tensor: host, elsewhere: false };
    const model = this.#context.service.model(response.modelName, response.modelVersion);
    const hasBatch = model.config.max_batch_size > 0;
    const label = (index: number) => model.label(name, index);
    return { name, tensor: classify(host, classes, hasBatch, label), elsewhere: false };
  }

  /** Lets go of shared memory. */
  close(): void {
    for (const range of this.#ranges) range.release();
  }
}
