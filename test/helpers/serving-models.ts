// Parts of serving for tests of backends and schedulers: configs, requests whose answers can be awaited, batches, a load context.

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type {
  ModelConfig,
  ModelInput,
  ModelOutput,
} from '../../lib/serving/config/model-config.js';
import { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { Backend, Batch, BatchTiming } from '../../lib/serving/model/backend.js';
import type { LoadContext, VersionSource } from '../../lib/serving/model/loading.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import type {
  FailureReason,
  InferOptions,
  Parameters,
  PendingRequest,
} from '../../lib/serving/request.js';
import { tempFolder } from './temp.js';

/** A complete config of what the test says. */
export function modelConfig(given: Partial<ModelConfig> & { name: string }): ModelConfig {
  return {
    platform: '',
    backend: '',
    runtime: '',
    max_batch_size: 0,
    input: [],
    output: [],
    batch_input: [],
    batch_output: [],
    instance_group: [],
    default_model_filename: '',
    cc_model_filenames: {},
    metric_tags: {},
    parameters: {},
    model_warmup: [],
    ...given,
  };
}

export function input(
  name: string,
  type: ModelInput['data_type'],
  dims: number[],
  more: Partial<ModelInput> = {},
): ModelInput {
  return {
    name,
    data_type: type,
    format: 'FORMAT_NONE',
    dims,
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
    ...more,
  };
}

export function output(
  name: string,
  type: ModelOutput['data_type'],
  dims: number[],
  more: Partial<ModelOutput> = {},
): ModelOutput {
  return {
    name,
    data_type: type,
    dims,
    label_filename: '',
    is_shape_tensor: false,
    is_non_linear_format_io: false,
    ...more,
  };
}

export function instances(count: number, more = {}): ModelConfig['instance_group'][number] {
  return {
    name: '',
    kind: 'KIND_CPU',
    count,
    gpus: [],
    secondary_devices: [],
    profile: [],
    passive: false,
    host_policy: '',
    ...more,
  };
}

/** A string parameter of a config. */
export function parameters(values: Record<string, string>): ModelConfig['parameters'] {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, { string_value: value }]),
  );
}

export function fp32(values: readonly number[], shape: readonly number[]): InferTensor {
  return new InferTensor('FP32', Float32Array.from(values), shape);
}

export function int32(values: readonly number[], shape: readonly number[]): InferTensor {
  return new InferTensor('INT32', Int32Array.from(values), shape);
}

/** The byte strings of `values`. */
export function bytes(values: readonly string[], shape: readonly number[]): InferTensor {
  return new InferTensor(
    'BYTES',
    values.map((value) => Buffer.from(value)),
    shape,
  );
}

export interface Answer {
  readonly outputs: readonly (InferTensor | undefined)[];
  readonly parameters: Parameters | undefined;
  readonly extra: ReadonlyMap<string, InferTensor> | undefined;
}

/** A request whose answer can be awaited. */
export class TestRequest implements PendingRequest {
  readonly inputs: readonly (InferTensor | undefined)[];
  readonly wanted: readonly number[] | undefined;
  readonly acceptedAt = performance.now();
  readonly answer: Promise<Answer>;
  priority = 0;
  settled = false;
  onWithdrawn: (() => void) | undefined;
  failure: FailureReason | undefined;
  extraInputs: ReadonlyMap<string, InferTensor> | undefined;
  extraOutputs: readonly string[] | undefined;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: Error) => void;

  constructor(
    inputs: readonly (InferTensor | undefined)[],
    readonly options: InferOptions = {},
    readonly batchSize = 1,
    wanted?: readonly number[],
  ) {
    this.wanted = wanted;
    this.inputs = inputs;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.answer.catch(() => undefined);
    options.signal?.addEventListener('abort', () => {
      this.withdraw();
    });
  }

  complete(
    outputs: readonly (InferTensor | undefined)[],
    given?: Parameters,
    extra?: ReadonlyMap<string, InferTensor>,
  ): void {
    if (this.settled) return;
    this.settled = true;
    this.#resolve({ outputs, parameters: given, extra });
  }

  fail(error: Error, reason: FailureReason): void {
    if (this.settled) return;
    this.settled = true;
    this.failure = reason;
    this.#reject(error);
  }

  /** As a cancellation by the client. */
  withdraw(): void {
    if (this.settled) return;
    this.fail(new Error('cancelled'), 'CANCELED');
    this.onWithdrawn?.();
  }
}

/** Executes `requests` as one batch; resolves when it has ended. */
export function runBatch(
  backend: Backend,
  requests: readonly PendingRequest[],
  instance?: number,
): Promise<{ timing: BatchTiming; error: Error | undefined }> {
  return new Promise((resolve) => {
    const size = requests.reduce((sum, request) => sum + request.batchSize, 0);
    const batch: Batch = {
      requests,
      size,
      instance,
      ended: (timing, error) => {
        resolve({ timing, error });
      },
    };
    backend.execute(batch);
  });
}

/** A context whose log is kept in `lines`. */
export function loadContext(
  more: Partial<LoadContext> = {},
): LoadContext & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    platform: {},
    devices: [0],
    autoComplete: true,
    models: {
      request: () => Promise.reject(new Error('there are no models')),
      config: () => {
        throw new Error('there are no models');
      },
    },
    cache: undefined,
    limiter: undefined,
    backendConfig: {},
    maxQueueSize: 1000,
    log: (level, message) => {
      lines.push(`${level}: ${message}`);
    },
    lines,
    ...more,
  };
}

/** A model folder with `files`, removed when the test ends. */
export function modelSource(
  config: ModelConfig,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  more: Partial<VersionSource> = {},
): VersionSource & { readonly folder: string } {
  const folder = realpathSync(tempFolder());
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return {
    name: config.name,
    version: '1',
    config,
    files: undefined,
    statistics: new ModelStatistics(),
    ...more,
    folder,
  };
}
