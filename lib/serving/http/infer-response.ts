// From an InferResponse to the body of an answer: the JSON header, and the outputs' binary data after it, where they are.

import { encodeBytesTensor } from '../bytes-tensor.js';
import { classify } from '../classification.js';
import { InferTensor } from '../infer-tensor.js';
import { datatypeOfDType } from '../datatype.js';
import { type InferResponse, type Parameters, outputNamesOf } from '../request.js';
import type { InferenceService } from '../service.js';
import type { OutputWish, ParsedRequest } from './infer-request.js';
import { tensorToJson } from './json-data.js';

/** @internal */
export interface ResponseBody {
  readonly header: string;
  /** Binary data, in order; empty: the header is all. */
  readonly parts: readonly Uint8Array[];
  /** Whether the client must be told where the header ends. */
  readonly hasBinary: boolean;
}

/** RapidJSON writes 64-bit integers as numbers. */
function parameterText(value: Parameters[string]): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

function parametersText(parameters: Parameters): string {
  const members = Object.entries(parameters).map(
    ([name, value]) => `${JSON.stringify(name)}:${parameterText(value)}`,
  );
  return `{${members.join(',')}}`;
}

function headText(response: InferResponse): string {
  const { id, modelName, modelVersion, parameters } = response;
  const idText = id === '' ? '' : `"id":${JSON.stringify(id)},`;
  const head = `{${idText}"model_name":${JSON.stringify(modelName)},"model_version":"${modelVersion}"`;
  return parameters === undefined || Object.keys(parameters).length === 0
    ? head
    : `${head},"parameters":${parametersText(parameters)}`;
}

async function onHost(tensor: InferTensor): Promise<InferTensor> {
  const { device } = tensor;
  if (device === undefined) return tensor;
  const { dtype, data, shape } = await device.read();
  const datatype = datatypeOfDType(dtype) ?? tensor.datatype;
  return new InferTensor(datatype, data, shape);
}

/** Writes one output. */
function outputText(
  name: string,
  tensor: InferTensor,
  binary: boolean,
  parts: Uint8Array[],
): string {
  const head = `{"name":${JSON.stringify(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
  if (!binary) return `${head},"data":${tensorToJson(name, tensor)}}`;
  const bytes =
    tensor.datatype === 'BYTES'
      ? encodeBytesTensor(tensor.data as readonly Uint8Array[])
      : tensor.bytes;
  if (bytes.length > 0) parts.push(bytes);
  return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
}

function classified(
  service: InferenceService,
  response: InferResponse,
  name: string,
  tensor: InferTensor,
  classes: number,
): InferTensor {
  const model = service.model(response.modelName, response.modelVersion);
  return classify(tensor, classes, model.config.max_batch_size > 0, (index) =>
    model.label(name, index),
  );
}

async function sharedText(
  name: string,
  tensor: InferTensor,
  range: NonNullable<OutputWish['range']>,
): Promise<string> {
  const size = await range.write(name, tensor);
  return `{"name":${JSON.stringify(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}],"parameters":{"shared_memory_byte_size":${size}}}`;
}

/**
 * The body of the answer. Outputs that are sent as binary data are not copied.
 *
 * @returns At once, unless an output goes to shared memory or lies on the device. Rejects with ERR_TRT_REQUEST for outputs that cannot be sent so. @internal
 */
export function responseBody(
  response: InferResponse,
  parsed: ParsedRequest,
  service: InferenceService,
): ResponseBody | Promise<ResponseBody> {
  const { wishes, binaryByDefault } = parsed;
  const names = outputNamesOf(response, parsed.request.outputs);
  const isPlain = names.every(
    (name) => wishes.get(name)?.range === undefined && response.outputs[name]?.device === undefined,
  );
  if (!isPlain) return responseBodyAsync(response, names, parsed, service);
  const parts: Uint8Array[] = [];
  let outputs = '';
  for (const name of names) {
    const wish = wishes.get(name);
    let tensor = response.outputs[name] as InferTensor;
    if (wish !== undefined && wish.classes > 0) {
      tensor = classified(service, response, name, tensor, wish.classes);
    }
    const text = outputText(name, tensor, wish?.binary ?? binaryByDefault, parts);
    outputs += outputs === '' ? text : `,${text}`;
  }
  return {
    header: `${headText(response)},"outputs":[${outputs}]}`,
    parts,
    hasBinary: parts.length > 0,
  };
}

/** The same, with outputs that are brought from the device or to shared memory first. */
async function responseBodyAsync(
  response: InferResponse,
  names: readonly string[],
  parsed: ParsedRequest,
  service: InferenceService,
): Promise<ResponseBody> {
  const parts: Uint8Array[] = [];
  const outputs: string[] = [];
  for (const name of names) {
    const given = response.outputs[name] as InferTensor;
    const wish = parsed.wishes.get(name);
    if (wish?.range !== undefined) {
      outputs.push(await sharedText(name, given, wish.range));
      continue;
    }
    let tensor = await onHost(given);
    if (wish !== undefined && wish.classes > 0) {
      tensor = classified(service, response, name, tensor, wish.classes);
    }
    outputs.push(outputText(name, tensor, wish?.binary ?? parsed.binaryByDefault, parts));
  }
  return {
    header: `${headText(response)},"outputs":[${outputs.join(',')}]}`,
    parts,
    hasBinary: parts.length > 0,
  };
}

/** Gives device memory of outputs back. @internal */
export function closeOutputs(response: InferResponse): void {
  for (const tensor of Object.values(response.outputs)) tensor.device?.close();
}
