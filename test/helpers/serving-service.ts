// A fake InferenceService for tests of the doors: small models in JavaScript, whose calls can be held back, refused and counted.

import { ServingError } from '../../lib/errors.js';
import type { ModelConfig } from '../../lib/serving/config/model-config.js';
import { type Datatype, datatypeTable, isDatatype } from '../../lib/serving/datatype.js';
import { InferTensor } from '../../lib/serving/infer-tensor.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import type { InferRequest, InferResponse } from '../../lib/serving/request.js';
import type {
  InferenceService,
  LoadOverrides,
  ModelIndexEntry,
  ModelMetadata,
  Readiness,
  ServedVersion,
} from '../../lib/serving/service.js';

interface Port {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension. */
  readonly dims: readonly number[];
}

type Compute = (
  inputs: Readonly<Record<string, InferTensor>>,
  request: InferRequest,
) => Readonly<Record<string, InferTensor>> | Promise<Readonly<Record<string, InferTensor>>>;

/** A model of {@link FakeService}. */
export interface FakeModel {
  readonly name: string;
  readonly versions: readonly string[];
  readonly maxBatchSize: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly labels?: readonly string[];
  readonly compute: Compute;
}

function addSub(inputs: Readonly<Record<string, InferTensor>>): Record<string, InferTensor> {
  const [a, b] = [inputs.INPUT0!, inputs.INPUT1!];
  const [x, y] = [a.data as Int32Array, b.data as Int32Array];
  const sum = Int32Array.from(x, (value, index) => value + y[index]!);
  const difference = Int32Array.from(x, (value, index) => value - y[index]!);
  return {
    OUTPUT0: new InferTensor('INT32', sum, a.shape),
    OUTPUT1: new InferTensor('INT32', difference, a.shape),
  };
}

function identity(datatype: Datatype): FakeModel {
  return {
    name: `identity_${datatype.toLowerCase()}`,
    versions: ['1'],
    maxBatchSize: 0,
    inputs: [{ name: 'INPUT0', datatype, dims: [-1] }],
    outputs: [{ name: 'OUTPUT0', datatype, dims: [-1] }],
    compute: ({ INPUT0 }) => ({ OUTPUT0: INPUT0! }),
  };
}

const simple: FakeModel = {
  name: 'simple',
  versions: ['1', '3'],
  maxBatchSize: 8,
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', dims: [16] },
    { name: 'INPUT1', datatype: 'INT32', dims: [16] },
  ],
  outputs: [
    { name: 'OUTPUT0', datatype: 'INT32', dims: [16] },
    { name: 'OUTPUT1', datatype: 'INT32', dims: [16] },
  ],
  compute: addSub,
};

const classifier: FakeModel = {
  name: 'classifier',
  versions: ['1'],
  maxBatchSize: 4,
  inputs: [{ name: 'scores', datatype: 'FP32', dims: [4] }],
  outputs: [{ name: 'probabilities', datatype: 'FP32', dims: [4] }],
  labels: ['cat', 'dog', 'fish'],
  compute: ({ scores }) => ({ probabilities: scores! }),
};

/** `simple`'s twin, whose requests wait until {@link FakeService.release} is called or they are cancelled. */
const slow: FakeModel = { ...simple, name: 'slow', versions: ['1'] };

const failing: FakeModel = {
  ...simple,
  name: 'failing',
  versions: ['1'],
  compute: () => {
    throw new ServingError('ERR_TRT_MODEL_BACKEND', 'failed to launch', 'Try again.');
  },
};

function notFound(name: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_NOT_FOUND',
    `Request for unknown model: '${name}' is not found`,
    'Ask for the index.',
  );
}

function bad(reason: string): ServingError {
  return new ServingError('ERR_TRT_REQUEST', reason, 'Change the request.');
}

function configOf(model: FakeModel): ModelConfig {
  const port = ({ name, datatype, dims }: Port) => ({
    name,
    data_type: datatypeTable[datatype].configType,
    dims: [...dims],
  });
  // Only what the doors read.
  return {
    name: model.name,
    platform: 'tensorrt_plan',
    backend: 'tensorrt',
    max_batch_size: model.maxBatchSize,
    input: model.inputs.map(port),
    output: model.outputs.map(port),
    metric_tags: {},
  } as unknown as ModelConfig;
}

/** Counts what it is asked, so that tests can tell that nothing leaks. */
export class FakeService implements InferenceService {
  controlMode: InferenceService['controlMode'] = 'explicit';
  readonly runtimeText = 'fake 1.0';
  readiness: Readiness = { ready: true, reasons: [] };
  /** Requests that came in, in order. */
  readonly requests: InferRequest[] = [];
  /** Requests that were neither answered nor failed. */
  pending = 0;
  cancelled = 0;
  readonly loads: { name: string; overrides: LoadOverrides | undefined }[] = [];
  readonly unloads: { name: string; dependents: boolean }[] = [];
  readonly unloaded = new Set<string>();
  readonly #models = new Map<string, FakeModel>();
  readonly #statistics = new Map<string, ModelStatistics>();
  readonly #held = new Set<() => void>();

  constructor(extra: readonly FakeModel[] = []) {
    const identities = Object.keys(datatypeTable).filter(isDatatype).map(identity);
    for (const model of [simple, classifier, slow, failing, ...identities, ...extra]) {
      this.#models.set(model.name, model);
    }
  }

  /** Lets the requests of 'slow' that wait now go on. */
  release(): void {
    for (const go of [...this.#held]) go();
  }

  get held(): number {
    return this.#held.size;
  }

  ready(): Readiness {
    return this.readiness;
  }

  modelReady(name: string, version?: string): boolean {
    const model = this.#models.get(name);
    if (model === undefined || this.unloaded.has(name)) return false;
    return version === undefined || model.versions.includes(version);
  }

  #find(name: string, version?: string): FakeModel {
    const model = this.#models.get(name);
    if (model === undefined) throw notFound(name);
    if (this.unloaded.has(name)) {
      throw new ServingError(
        'ERR_TRT_MODEL_UNAVAILABLE',
        `Request for unknown model: '${name}' has no available versions`,
        'Load it.',
      );
    }
    if (version !== undefined && !model.versions.includes(version)) {
      throw new ServingError(
        'ERR_TRT_MODEL_NOT_FOUND',
        `Request for unknown model: '${name}' version ${version} is not found`,
        'Ask for the index.',
      );
    }
    return model;
  }

  metadata(name: string, version?: string): ModelMetadata {
    const model = this.#find(name, version);
    const tensor = ({ name: port, datatype, dims }: Port) => ({
      name: port,
      datatype,
      shape: model.maxBatchSize > 0 ? [-1, ...dims] : dims,
    });
    return {
      name,
      versions: version === undefined ? model.versions : [version],
      platform: 'tensorrt_plan',
      inputs: model.inputs.map(tensor),
      outputs: model.outputs.map(tensor),
    };
  }

  model(name: string, version?: string): ServedVersion {
    const model = this.#find(name, version);
    const chosen = version ?? model.versions.at(-1)!;
    const key = `${name}/${chosen}`;
    let statistics = this.#statistics.get(key);
    if (statistics === undefined) {
      statistics = new ModelStatistics();
      this.#statistics.set(key, statistics);
    }
    return {
      name,
      version: chosen,
      config: configOf(model),
      statistics,
      pending: 0,
      memory: () => ({ deviceBytes: 4096, pinnedBytes: 512, hostBytes: 0 }),
      label: (_output, index) => model.labels?.[index],
    };
  }

  served(name?: string, version?: string): readonly ServedVersion[] {
    const models = name === undefined ? [...this.#models.values()] : [this.#find(name, version)];
    return models.flatMap((model) =>
      (version === undefined ? model.versions : [version]).map((each) =>
        this.model(model.name, each),
      ),
    );
  }

  index(onlyReady = false): readonly ModelIndexEntry[] {
    const rows: ModelIndexEntry[] = [...this.#models.values()].flatMap((model) =>
      model.versions.map((version): ModelIndexEntry => {
        const gone = this.unloaded.has(model.name);
        return {
          name: model.name,
          version,
          state: gone ? 'UNAVAILABLE' : 'READY',
          reason: gone ? 'unloaded' : '',
        };
      }),
    );
    return onlyReady ? rows.filter((row) => row.state === 'READY') : rows;
  }

  async load(name: string, overrides?: LoadOverrides): Promise<void> {
    this.loads.push({ name, overrides });
    this.#checkControl();
    if (!this.#models.has(name)) {
      throw new ServingError(
        'ERR_TRT_MODEL_LOAD',
        `failed to load '${name}', failed to poll from model repository`,
        'Look into the repository.',
      );
    }
    this.unloaded.delete(name);
  }

  async unload(name: string, options: { dependents?: boolean | undefined } = {}): Promise<void> {
    this.unloads.push({ name, dependents: options.dependents === true });
    this.#checkControl();
    this.unloaded.add(name);
  }

  #checkControl(): void {
    if (this.controlMode === 'explicit') return;
    throw new ServingError(
      'ERR_TRT_MODEL_UNAVAILABLE',
      'explicit model load / unload is not allowed if polling is enabled',
      'Start the server in explicit mode.',
    );
  }

  async request(request: InferRequest): Promise<InferResponse> {
    this.requests.push(request);
    this.pending++;
    try {
      return await this.#infer(request);
    } finally {
      this.pending--;
    }
  }

  async #infer(request: InferRequest): Promise<InferResponse> {
    const version = request.version === undefined ? undefined : String(request.version);
    const model = this.#find(request.modelName, version);
    const inputs = this.#checked(model, request);
    if (model.name === 'slow') await this.#hold(request.signal);
    const all = await model.compute(inputs, request);
    const names = request.outputs ?? model.outputs.map((port) => port.name);
    const outputs: Record<string, InferTensor> = {};
    for (const name of names) {
      const output = all[name];
      if (output === undefined) {
        throw bad(`unexpected inference output '${name}' for model '${model.name}'`);
      }
      outputs[name] = output;
    }
    this.model(model.name, version).statistics.succeeded(1, 0.5);
    return {
      modelName: model.name,
      modelVersion: version ?? model.versions.at(-1)!,
      id: request.id ?? '',
      outputs,
    };
  }

  #checked(model: FakeModel, request: InferRequest): Record<string, InferTensor> {
    const inputs: Record<string, InferTensor> = {};
    for (const [name, given] of Object.entries(request.inputs)) {
      const port = model.inputs.find((each) => each.name === name);
      if (port === undefined) {
        throw bad(`unexpected inference input '${name}' for model '${model.name}'`);
      }
      if (!(given instanceof InferTensor)) throw new Error('doors give InferTensors');
      if (given.datatype !== port.datatype) {
        throw bad(
          `inference input '${name}' data-type is '${given.datatype}', but model '${model.name}' expects '${port.datatype}'`,
        );
      }
      const expected = model.maxBatchSize > 0 ? [-1, ...port.dims] : port.dims;
      const fits =
        given.shape.length === expected.length &&
        expected.every((extent, axis) => extent === -1 || extent === given.shape[axis]);
      if (!fits) {
        throw bad(
          `unexpected shape for input '${name}' for model '${model.name}'. Expected [${expected.join(',')}], got [${given.shape.join(',')}]`,
        );
      }
      inputs[name] = given;
    }
    const missing = model.inputs.filter((port) => inputs[port.name] === undefined);
    if (missing.length > 0) {
      const given = Object.keys(inputs).length;
      throw bad(
        `expected ${model.inputs.length} inputs but got ${given} inputs for model '${model.name}'. Got input(s) [], but missing required input(s) ['${missing.map((port) => port.name).join("','")}']. Please provide all required input(s).`,
      );
    }
    return inputs;
  }

  async #hold(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const cancel = () => {
        this.#held.delete(go);
        this.cancelled++;
        reject(
          new ServingError('ERR_TRT_REQUEST_CANCELLED', 'request was cancelled', 'Nothing to do.'),
        );
      };
      const go = () => {
        this.#held.delete(go);
        signal?.removeEventListener('abort', cancel);
        resolve();
      };
      this.#held.add(go);
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}

/** A tensor's elements as a plain array, to compare with. */
export function elements(tensor: InferTensor): unknown[] {
  const { data } = tensor;
  return Array.isArray(data)
    ? data.map((each) => Buffer.from(each as Uint8Array).toString())
    : Array.from(data as Iterable<unknown>);
}
