// VersionRecord: one version of a model, loaded or not: its state, its counters, and what serves it.

import type { ModelConfig } from '../config/model-config.js';
import type { ModelMemory } from '../model/backend.js';
import type { LoadedVersion } from '../model/loading.js';
import { ModelStatistics } from '../model/statistics.js';
import type { ModelState, ServedVersion } from '../service.js';

const nothing: ModelMemory = { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };

/** What is left of a version that was unloaded: its counters. */
class UnloadedVersion implements ServedVersion {
  readonly pending = 0;

  constructor(
    readonly name: string,
    readonly version: string,
    readonly config: ModelConfig,
    readonly statistics: ModelStatistics,
  ) {}

  memory(): ModelMemory {
    return nothing;
  }

  label(): undefined {
    return undefined;
  }
}

export class VersionRecord {
  state: ModelState = 'UNKNOWN';
  reason = '';
  /** Kept when the version is loaded anew. */
  readonly statistics = new ModelStatistics();
  loaded: LoadedVersion | undefined;
  /** Of what is loaded, see {@link ModelDefinition.versions}. */
  key: string | symbol | undefined;
  /** What was loaded last, after it was unloaded. */
  #unloaded: UnloadedVersion | undefined;

  constructor(
    readonly name: string,
    readonly version: string,
  ) {}

  /** undefined: it was never ready. */
  get served(): ServedVersion | undefined {
    return this.loaded ?? this.#unloaded;
  }

  /** Takes what serves it away. */
  take(): LoadedVersion | undefined {
    const { loaded } = this;
    if (loaded === undefined) return undefined;
    const { name, version, statistics } = this;
    this.#unloaded = new UnloadedVersion(name, version, loaded.config, statistics);
    this.loaded = undefined;
    this.key = undefined;
    return loaded;
  }
}
