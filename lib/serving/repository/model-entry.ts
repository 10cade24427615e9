// ModelEntry: one model of the repository: its versions, and the switch from old ones to new ones without a request being lost.

import { ServingError, asError, isTensorRTError } from '../../errors.js';
import type { LoadedVersion, VersionSource } from '../model/loading.js';
import type { ModelIndexEntry, ModelState } from '../service.js';
import type { ModelDefinition } from './definition.js';
import { VersionRecord } from './version-record.js';
import { closedRepository } from './words.js';

/** What an entry needs of the repository. */
export interface EntryHost {
  /** The newest version that is ready, by model: what requests look at. */
  readonly newest: Map<string, LoadedVersion>;
  load(source: VersionSource): Promise<LoadedVersion>;
  /** Frees what `load` gave. Never rejects. */
  close(version: LoadedVersion): Promise<void>;
  /** Ends loads. */
  readonly signal: AbortSignal;
  log(level: 'error' | 'warning' | 'info' | 'verbose', message: string): void;
  changed(row: ModelIndexEntry): void;
}

/** Why something failed, without what to do about it. */
export function reasonOf(error: unknown): string {
  return isTensorRTError(error) ? error.reason : asError(error).message;
}

export class ModelEntry {
  readonly records = new Map<string, VersionRecord>();
  /** Versions that answer. */
  readonly ready = new Map<string, LoadedVersion>();
  /** What is served; undefined: nothing. */
  definition: ModelDefinition | undefined;
  /** It should be loaded: readiness depends on it. */
  wanted = false;
  /** It was asked for by name, not only by an ensemble. */
  explicit = false;
  /** It was unloaded by request: no request brings it back. */
  stopped = false;
  /** It was unloaded to make room. */
  evicted = false;
  /** Grows whenever other versions serve: ensembles that call it are loaded anew. */
  generation = 0;
  /** Requests that wait for it to be loaded. */
  waiting = 0;
  /** Why the last load failed. */
  failure: { readonly error: Error; readonly at: number } | undefined;
  /** Generations of the models that it calls, when it was loaded. */
  stepGenerations = '';
  readonly #host: EntryHost;
  readonly #retiring = new Map<LoadedVersion, Promise<void>>();

  constructor(
    readonly name: string,
    host: EntryHost,
  ) {
    this.#host = host;
  }

  get isReady(): boolean {
    return this.ready.size > 0;
  }

  /** Requests that wait or run, in versions that are being replaced too. */
  get pending(): number {
    let sum = 0;
    for (const version of this.ready.values()) sum += version.pending;
    for (const version of this.#retiring.keys()) sum += version.pending;
    return sum;
  }

  get lastUsed(): number {
    let last = 0;
    for (const version of this.ready.values()) last = Math.max(last, version.lastUsed);
    return last;
  }

  /** What it holds, in versions that are being replaced too. */
  *held(): Generator<LoadedVersion> {
    yield* this.ready.values();
    yield* this.#retiring.keys();
  }

  /** Its rows of the index; none before anything was tried. */
  rows(): ModelIndexEntry[] {
    const rows = [...this.records.values()].map((record) => this.#row(record));
    if (rows.length > 0) return rows.sort((a, b) => Number(a.version) - Number(b.version));
    if (this.failure === undefined) return [];
    const reason = reasonOf(this.failure.error);
    return [{ name: this.name, version: '', state: 'UNAVAILABLE', reason }];
  }

  /** Versions of `definition` that are not loaded as it says, or can execute nothing any more. */
  missing(definition: ModelDefinition): string[] {
    return [...definition.versions.keys()].filter((version) => {
      const record = this.records.get(version);
      const broken = record?.loaded?.broken !== undefined;
      return broken || record?.key !== definition.versions.get(version);
    });
  }

  /**
   * Serves what `definition` says: loads the versions that are new or changed; only when all of them are ready they take the places of the old ones, which finish
   * their requests and are closed.
   *
   * @returns When the new ones answer. Rejects when one cannot be loaded; then everything is as before.
   */
  async apply(definition: ModelDefinition, renew: boolean): Promise<void> {
    const versions = renew ? [...definition.versions.keys()] : this.missing(definition);
    const results = await Promise.allSettled(
      versions.map((version) => this.#load(this.#record(version), definition)),
    );
    const loaded: LoadedVersion[] = [];
    const failed: { version: string; error: unknown }[] = [];
    for (const [index, result] of results.entries()) {
      const version = versions[index] as string;
      if (result.status === 'fulfilled') loaded.push(result.value);
      else failed.push({ version, error: result.reason });
    }
    if (this.#host.signal.aborted && failed.length === 0) {
      const error = closedRepository();
      failed.push(...loaded.map(({ version }) => ({ version, error })));
    }
    if (failed.length > 0) {
      await Promise.all(loaded.map((version) => this.#host.close(version)));
      for (const { version } of loaded) this.#failed(this.#record(version), 'unloaded');
      for (const { version, error } of failed) {
        this.#failed(this.#record(version), reasonOf(error));
      }
      throw this.#loadError(failed);
    }
    this.#switch(definition, loaded);
  }

  /** Takes all versions out of service; resolves when their requests are done and their memory is free. */
  async unload(reason = 'unloaded'): Promise<void> {
    this.definition = undefined;
    this.generation++;
    this.ready.clear();
    this.#host.newest.delete(this.name);
    for (const record of this.records.values()) this.#retire(record, reason);
    await this.settled();
  }

  /** The closing of replaced versions that have no requests left. */
  closing(): Promise<void>[] {
    return [...this.#retiring].filter(([old]) => old.pending === 0).map(([, closed]) => closed);
  }

  /** When what was replaced is closed. */
  async settled(): Promise<void> {
    while (this.#retiring.size > 0) await Promise.all(this.#retiring.values());
  }

  /** Closes everything at once: requests that wait fail. */
  async abandon(): Promise<void> {
    await Promise.all([...this.held()].map((version) => this.#host.close(version)));
  }

  /** Says why it cannot be served, where no version tells it. */
  fail(error: unknown): void {
    this.failure = { error: asError(error), at: performance.now() };
    if (this.records.size === 0) for (const row of this.rows()) this.#host.changed(row);
  }

  #record(version: string): VersionRecord {
    let record = this.records.get(version);
    if (record === undefined) {
      record = new VersionRecord(this.name, version);
      this.records.set(version, record);
    }
    return record;
  }

  #row({ version, state, reason }: VersionRecord): ModelIndexEntry {
    return { name: this.name, version, state, reason };
  }

  #set(record: VersionRecord, state: ModelState, reason: string): void {
    record.state = state;
    record.reason = reason;
    this.#host.changed(this.#row(record));
  }

  async #load(record: VersionRecord, definition: ModelDefinition): Promise<LoadedVersion> {
    const { name, config, folder, files } = definition;
    const { version, statistics } = record;
    if (record.loaded === undefined) this.#set(record, 'LOADING', '');
    this.#host.log('info', `loading: ${name}:${version}`);
    const { signal } = this.#host;
    return this.#host.load({ name, version, config, folder, files, statistics, signal });
  }

  /** A version that serves goes on, whatever became of its successor. */
  #failed(record: VersionRecord, reason: string): void {
    if (record.loaded === undefined) this.#set(record, 'UNAVAILABLE', reason);
    if (reason === 'unloaded') return;
    const what = `failed to load '${this.name}' version ${record.version}: `;
    this.#host.log('error', reason.startsWith(what) ? reason : what + reason);
  }

  #loadError(failed: readonly { version: string; error: unknown }[]): ServingError {
    const words = failed
      .map(
        ({ version, error }) => `version ${version} is at UNAVAILABLE state: ${reasonOf(error)};`,
      )
      .join('');
    const [first] = failed;
    const code =
      isTensorRTError(first?.error) && first.error.code === 'ERR_TRT_MODEL_CONFIG'
        ? 'ERR_TRT_MODEL_CONFIG'
        : 'ERR_TRT_MODEL_LOAD';
    const advice = isTensorRTError(first?.error) ? `${first.error.hint} ` : '';
    const hint = `${advice}What was served before goes on.`;
    return new ServingError(code, `load failed for model '${this.name}': ${words}`, hint, {
      cause: first?.error,
    });
  }

  /** No await in here: a request sees all of the old versions, or all of the new ones. */
  #switch(definition: ModelDefinition, loaded: readonly LoadedVersion[]): void {
    const { newest } = this.#host;
    for (const version of loaded) {
      const record = this.#record(version.version);
      const old = record.take();
      record.loaded = version;
      record.key = definition.versions.get(version.version);
      this.ready.set(version.version, version);
      if (old !== undefined) this.#drain(old, undefined, '');
    }
    for (const record of this.records.values()) {
      if (definition.versions.has(record.version)) continue;
      this.ready.delete(record.version);
      this.#retire(record, 'unloaded');
    }
    this.definition = definition;
    this.failure = undefined;
    this.evicted = false;
    this.generation++;
    const [last] = [...this.ready.keys()].sort((a, b) => Number(b) - Number(a));
    newest.set(this.name, this.ready.get(last as string) as LoadedVersion);
    for (const { version } of loaded) {
      this.#set(this.#record(version), 'READY', '');
      this.#host.log('info', `successfully loaded '${this.name}' version ${version}`);
    }
  }

  #retire(record: VersionRecord, reason: string): void {
    const old = record.take();
    if (old === undefined) return;
    this.#set(record, 'UNLOADING', '');
    this.#drain(old, record, reason);
  }

  /** Closes `old` after its requests. */
  #drain(old: LoadedVersion, record: VersionRecord | undefined, reason: string): void {
    const end = async (): Promise<void> => {
      const { name } = this;
      const complain = (error: unknown): void => {
        this.#host.log('error', `unloading '${name}' version ${old.version}: ${reasonOf(error)}`);
      };
      await old.drain().catch(complain);
      await this.#host.close(old).catch(complain);
      this.#retiring.delete(old);
      this.#host.log('info', `successfully unloaded '${name}' version ${old.version}`);
      if (record?.state === 'UNLOADING' && record.loaded === undefined) {
        this.#set(record, 'UNAVAILABLE', reason);
      }
    };
    this.#retiring.set(old, end());
  }
}
