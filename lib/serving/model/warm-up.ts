// Warm-up: the requests of model_warmup, executed before the version is ready.

import { readFile } from 'node:fs/promises';
import { ServingError } from '../../errors.js';
import { volume } from '../../validate.js';
import type { ModelConfig, ModelWarmup, ModelWarmupInput } from '../config/model-config.js';
import { datatypeOfConfig, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import type { FailureReason, PendingRequest } from '../request.js';
import type { Backend } from './backend.js';
import type { VersionSource } from './loading.js';
import { checkInputs } from './check-request.js';
import { fileInModel } from './model-files.js';
import type { TensorSpecs } from './tensor-specs.js';

/** A request that nobody waits for but the loading. */
class WarmUpRequest implements PendingRequest {
  readonly wanted = undefined;
  readonly options = {};
  readonly acceptedAt = performance.now();
  priority = 0;
  settled = false;
  onWithdrawn: (() => void) | undefined = undefined;
  error: Error | undefined;

  constructor(
    readonly inputs: readonly (InferTensor | undefined)[],
    readonly batchSize: number,
  ) {}

  complete(): void {
    this.settled = true;
  }

  fail(error: Error, _reason: FailureReason): void {
    this.settled = true;
    this.error = error;
  }
}

async function bytesOf(
  source: VersionSource,
  sample: ModelWarmup,
  name: string,
  input: ModelWarmupInput,
  length: number,
): Promise<Uint8Array> {
  if (input.random_data === true) {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = Math.floor(Math.random() * 256);
    return bytes;
  }
  if (input.input_data_file === undefined) return new Uint8Array(length);
  const found = fileInModel(source, `warmup/${input.input_data_file}`);
  const bytes = typeof found === 'string' ? await readFile(found) : found;
  if (bytes.length >= length || input.data_type === 'TYPE_STRING') return bytes;
  throw new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `warmup setting expects ${length} bytes, but the data provided from ${input.input_data_file} has ${bytes.length} bytes`,
    `Of sample '${sample.name}', input '${name}', for one item of the batch.`,
  );
}

/** Strings with their lengths in front, as the protocol writes them; zero data are empty strings, random data digits. */
async function stringsOf(
  source: VersionSource,
  sample: ModelWarmup,
  name: string,
  input: ModelWarmupInput,
  count: number,
): Promise<Uint8Array[]> {
  if (input.input_data_file === undefined) {
    const text = input.random_data === true ? '1234567890' : '';
    return Array.from({ length: count }, () => Buffer.from(text));
  }
  const bytes = Buffer.from(await bytesOf(source, sample, name, input, 0));
  const strings: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length && strings.length < count;) {
    const length = bytes.readUInt32LE(at);
    strings.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return strings;
}

async function tensorOf(
  source: VersionSource,
  sample: ModelWarmup,
  name: string,
  input: ModelWarmupInput,
  batched: boolean,
): Promise<InferTensor> {
  const datatype = datatypeOfConfig(input.data_type) ?? 'BYTES';
  const { bytes } = datatypeTable[datatype];
  const size = batched ? sample.batch_size : 1;
  const shape = batched ? [size, ...input.dims] : input.dims;
  const elements = volume(input.dims);
  if (bytes === 0) {
    const strings = await stringsOf(source, sample, name, input, elements);
    return new InferTensor('BYTES', Array.from({ length: size }, () => strings).flat(), shape);
  }
  const item = await bytesOf(source, sample, name, input, elements * bytes);
  const all = new Uint8Array(size * elements * bytes);
  for (let index = 0; index < size; index++) {
    all.set(item.subarray(0, elements * bytes), index * elements * bytes);
  }
  return InferTensor.fromBytes(datatype, all, shape);
}

function executeOnce(backend: Backend, requests: WarmUpRequest[], size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failure = (): Error | undefined => requests.find(({ error }) => error)?.error;
    const ended = (_: unknown, error?: Error): void => {
      const wrong = error ?? failure();
      if (wrong === undefined) resolve();
      else reject(wrong);
    };
    const begin = (): void => {
      const free = backend.free > 0;
      backend.onFree = free ? undefined : begin; // once
      if (free) backend.execute({ requests, size, ended });
    };
    begin();
  });
}

/**
 * Executes each sample of model_warmup as often as it says, on as many instances at a time as there are. Nothing of it is counted.
 *
 * @throws ERR_TRT_MODEL_LOAD
 */
export async function warmUpModel(
  config: ModelConfig,
  specs: TensorSpecs,
  backend: Backend,
  source: VersionSource,
): Promise<void> {
  for (const sample of config.model_warmup) {
    const size = specs.maxBatchSize === 0 ? 1 : Math.max(1, sample.batch_size);
    try {
      const inputs = await Promise.all(
        specs.inputs.map(async ({ name, batched, optional }) => {
          const input = sample.inputs[name];
          if (input !== undefined) return tensorOf(source, sample, name, input, batched);
          if (optional) return undefined;
          throw new ServingError(
            'ERR_TRT_MODEL_LOAD',
            `warmup sample '${sample.name}' has no input '${name}'`,
            'Add it to `inputs`.',
          );
        }),
      );
      const given: Record<string, InferTensor> = Object.create(null) as Record<string, never>;
      specs.inputs.forEach(({ name }, index) => {
        const tensor = inputs[index];
        if (tensor !== undefined) given[name] = tensor;
      });
      checkInputs(specs, given); // as any request
      // Triton: as many requests of batch_size items as count says; 0 is 1.
      for (let run = 0; run < Math.max(1, sample.count); run++) {
        await executeOnce(backend, [new WarmUpRequest(inputs, size)], size);
      }
    } catch (cause) {
      throw new ServingError(
        'ERR_TRT_MODEL_LOAD',
        `failed to run warmup sample '${sample.name}' for model '${config.name}': ${cause instanceof ServingError ? cause.reason : String(cause)}`,
        'Correct model_warmup, or the files that it names.',
        { cause },
      );
    } finally {
      backend.onFree = undefined;
    }
  }
}
