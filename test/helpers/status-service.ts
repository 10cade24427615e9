// A fake InferenceService for the status page and the server: its models, statistics and readiness are the test's to set.

import { ServingError } from '../../lib/errors.js';
import type { ModelConfig } from '../../lib/serving/config/model-config.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import type { InferResponse } from '../../lib/serving/request.js';
import type {
  InferenceService,
  ModelIndexEntry,
  ModelMetadata,
  ModelState,
  Readiness,
  ServedVersion,
} from '../../lib/serving/service.js';

interface FakeVersion {
  readonly name: string;
  readonly version: string;
  state: ModelState;
  reason: string;
  pending: number;
  readonly deviceBytes: number;
  readonly statistics: ModelStatistics;
}

/** Models that are only names and numbers. */
export class StatusService implements InferenceService {
  controlMode: InferenceService['controlMode'] = 'explicit';
  runtimeText = 'CPU reference runtime (TensorRT 10.3.0)';
  readiness: Readiness = { ready: true, reasons: [] };
  readonly versions: FakeVersion[] = [];
  /** "load NAME" and "unload NAME", in order. */
  readonly calls: string[] = [];

  add(name: string, version = '1', deviceBytes = 1 << 20): FakeVersion {
    const made: FakeVersion = {
      name,
      version,
      state: 'READY',
      reason: '',
      pending: 0,
      deviceBytes,
      statistics: new ModelStatistics(),
    };
    this.versions.push(made);
    return made;
  }

  ready(): Readiness {
    return this.readiness;
  }

  modelReady(name: string): boolean {
    return this.versions.some((version) => version.name === name && version.state === 'READY');
  }

  metadata(name: string): ModelMetadata {
    return { name, versions: [], platform: '', inputs: [], outputs: [] };
  }

  model(name: string): ServedVersion {
    const found = this.served(name)[0];
    if (found === undefined) throw this.#unknown(name);
    return found;
  }

  served(name?: string): readonly ServedVersion[] {
    return this.versions
      .filter(
        (version) => version.state === 'READY' && (name === undefined || name === version.name),
      )
      .map((version) => ({
        name: version.name,
        version: version.version,
        statistics: version.statistics,
        pending: version.pending,
        // Only what the page and the table read.
        config: {
          platform: 'tensorrt_plan',
          backend: 'tensorrt',
          max_batch_size: 16,
          instance_group: [{ count: 2, kind: 'KIND_GPU', gpus: [0] }],
        } as unknown as ModelConfig,
        memory: () => ({ deviceBytes: version.deviceBytes, pinnedBytes: 65_536, hostBytes: 0 }),
        label: () => undefined,
      }));
  }

  index(onlyReady = false): readonly ModelIndexEntry[] {
    return this.versions
      .filter(({ state }) => !onlyReady || state === 'READY')
      .map(({ name, version, state, reason }) => ({ name, version, state, reason }));
  }

  async load(name: string): Promise<void> {
    this.calls.push(`load ${name}`);
    this.#set(name, 'READY', '');
  }

  async unload(name: string): Promise<void> {
    this.calls.push(`unload ${name}`);
    this.#set(name, 'UNAVAILABLE', 'unloaded');
  }

  async request(): Promise<InferResponse> {
    throw this.#unknown('none');
  }

  #set(name: string, state: ModelState, reason: string): void {
    const mine = this.versions.filter((version) => version.name === name);
    if (mine.length === 0) throw this.#unknown(name);
    for (const version of mine) Object.assign(version, { state, reason });
  }

  #unknown(name: string): ServingError {
    return new ServingError(
      'ERR_TRT_MODEL_NOT_FOUND',
      `Request for unknown model: '${name}' is not found`,
      'Ask for the index.',
    );
  }
}
