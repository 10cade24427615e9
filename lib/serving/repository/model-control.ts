// ModelControl: loads and unloads models with all that depends on them, in the right order, one operation a model at a time.

import { ServingError, isTensorRTError } from '../../errors.js';
import type { LoadOverrides } from '../service.js';
import {
  type DefinitionOptions,
  type ModelDefinition,
  definitionOfListing,
  notInRepository,
  overriddenDefinition,
  readDefinition,
} from './definition.js';
import { cyclesOf, dependentsOf, stepGenerations, unmetStep } from './dependencies.js';
import type { RepositoryFolders } from './folders.js';
import { LoadSlots } from './load-slots.js';
import type { Listing } from './listing.js';
import { NameLocks } from './locks.js';
import { isNoRoom } from './memory-budget.js';
import { type EntryHost, ModelEntry, reasonOf } from './model-entry.js';

/** What to load, and how. */
export interface LoadRequest {
  readonly names: readonly string[];
  /** Of the first and only name. */
  readonly overrides?: LoadOverrides | undefined;
  /** What a poll found: the models are taken as these listings have them. */
  readonly listings?: ReadonlyMap<string, Listing> | undefined;
  /** Readiness depends on them even if they cannot be loaded. */
  readonly wanted?: boolean | undefined;
  /** They came because a request needs them. */
  readonly onDemand?: boolean | undefined;
}

/** Models to bring to what their definitions say. */
interface Plan {
  readonly definitions: Map<string, ModelDefinition>;
  /** Those that have no definition that could be used. */
  readonly errors: Map<string, unknown>;
}

function pollError(name: string, error: unknown): unknown {
  if (!isTensorRTError(error) || error.reason.startsWith('failed to load')) return error;
  const given = error.code === 'ERR_TRT_MODEL_CONFIG' || error.code === 'ERR_TRT_REQUEST';
  const code = given ? error.code : 'ERR_TRT_MODEL_LOAD';
  const reason = `failed to load '${name}', failed to poll from model repository: ${error.reason}`;
  return new ServingError(code, reason, error.hint, { cause: error });
}

export class ModelControl {
  readonly entries = new Map<string, ModelEntry>();
  readonly #locks = new NameLocks();
  readonly #slots: LoadSlots;
  /** What was tried last, loaded or not: ensembles that lacked a model are tried again when it comes. */
  readonly #known = new Map<string, ModelDefinition>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #folders: RepositoryFolders;
  readonly #options: DefinitionOptions;
  readonly #host: EntryHost;

  constructor(
    folders: RepositoryFolders,
    options: DefinitionOptions & { readonly loadThreads: number },
    host: EntryHost,
  ) {
    this.#slots = new LoadSlots(options.loadThreads);
    this.#folders = folders;
    this.#options = options;
    this.#host = host;
  }

  /** The entry of a model that is in the repository or was loaded. */
  entry(name: string): ModelEntry {
    let entry = this.entries.get(name);
    if (entry === undefined) {
      entry = new ModelEntry(name, this.#host);
      this.entries.set(name, entry);
    }
    return entry;
  }

  /** Loads or reloads models, what they need, and the ensembles that need them. @returns Why those failed that did. Rejects only by our own fault. */
  load(request: LoadRequest): Promise<ReadonlyMap<string, unknown>> {
    return this.#track(this.#load(request));
  }

  /** Unloads a model and the ensembles that need it; with `upstream` also models that only it needed. */
  unload(name: string, upstream: boolean): Promise<void> {
    return this.#track(this.#unload(name, upstream));
  }

  /** Waits for memory that is being freed. @returns Whether there was any */
  async freed(): Promise<boolean> {
    const closing = [...this.entries.values()].flatMap((entry) => entry.closing());
    await Promise.all(closing);
    return closing.length > 0;
  }

  /** Unloads the model that was not used for longest, if one is idle. */
  async evict(pinned: ReadonlySet<string>): Promise<boolean> {
    const groups = [...this.entries.values()]
      .filter((entry) => [...entry.ready.values()].some((one) => one.memory().deviceBytes > 0))
      .map((entry) => [entry, ...this.#loadedDependents(entry.name)])
      .filter((group) =>
        group.every(({ name, pending, waiting }) => pending + waiting === 0 && !pinned.has(name)),
      )
      .map((group) => ({ group, last: Math.max(...group.map(({ lastUsed }) => lastUsed)) }))
      .sort((a, b) => a.last - b.last);
    for (const { group } of groups) {
      const release = this.#locks.tryAcquire(group.map(({ name }) => name));
      if (release === undefined) continue;
      try {
        for (const entry of group.reverse()) {
          this.#host.log('info', `unloading '${entry.name}' to make room`);
          entry.evicted = true;
          await entry.unload('unloaded to make room for other models');
        }
        return true;
      } finally {
        release();
      }
    }
    return false;
  }

  /** Unloads everything: ensembles first, while what they call still answers. */
  async unloadAll(): Promise<void> {
    const left = new Set([...this.entries.values()].filter(({ isReady }) => isReady));
    while (left.size > 0) {
      const called = new Set(
        [...left].flatMap(({ definition }) => definition?.steps ?? []).map(({ name }) => name),
      );
      const free = [...left].filter(({ name }) => !called.has(name)); // never none: cycles are not loaded
      await Promise.all(free.map((entry) => entry.unload()));
      for (const entry of free) left.delete(entry);
    }
    await Promise.all([...this.entries.values()].map((entry) => entry.settled()));
  }

  /** When nothing is being loaded or unloaded. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track<T>(operation: Promise<T>): Promise<T> {
    const tracked: Promise<unknown> = operation.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
    tracked.catch(() => undefined); // whoever asked for it sees the failure
    return operation;
  }

  #loadedDependents(name: string): ModelEntry[] {
    return [...dependentsOf(name, this.entries.values(), new Map())]
      .map((dependent) => this.entries.get(dependent))
      .filter((entry) => entry !== undefined)
      .filter((entry) => entry.isReady);
  }

  async #load(request: LoadRequest): Promise<ReadonlyMap<string, unknown>> {
    let held = new Set(request.names);
    for (;;) {
      const release = await this.#locks.acquire(held);
      try {
        const plan = await this.#plan(request);
        const needed = [...plan.definitions.keys(), ...plan.errors.keys()];
        if (needed.every((name) => held.has(name))) return await this.#execute(plan, request);
        held = new Set([...held, ...needed]); // its steps, seen only now: once more, with all of them held
      } finally {
        release();
      }
    }
  }

  /** Reads what is to be loaded, and what that needs. */
  async #plan(request: LoadRequest): Promise<Plan> {
    const plan: Plan = { definitions: new Map(), errors: new Map() };
    const targets = new Set(request.names);
    const read = async (name: string): Promise<void> => {
      if (plan.definitions.has(name) || plan.errors.has(name)) return;
      try {
        const definition = await this.#define(name, request, targets.has(name));
        if (definition === undefined) return;
        plan.definitions.set(name, definition);
        for (const step of definition.steps) await read(step.name);
      } catch (error) {
        plan.errors.set(name, pollError(name, error));
      }
    };
    for (const name of targets) await read(name);
    for (const name of [...plan.definitions.keys()]) {
      for (const dependent of dependentsOf(name, this.entries.values(), this.#known)) {
        const entry = this.entries.get(dependent);
        if (plan.definitions.has(dependent) || plan.errors.has(dependent)) continue;
        const definition = entry?.definition ?? this.#known.get(dependent);
        if (definition === undefined || entry?.evicted === true || entry?.stopped === true)
          continue;
        plan.definitions.set(dependent, definition);
      }
    }
    return plan;
  }

  /** undefined: a step that is nowhere; the ensemble tells. */
  async #define(
    name: string,
    request: LoadRequest,
    isTarget: boolean,
  ): Promise<ModelDefinition | undefined> {
    const { overrides, listings } = request;
    const current = this.entries.get(name)?.definition ?? this.#known.get(name);
    const listing = listings?.get(name);
    if (listing !== undefined) return definitionOfListing(name, listing, this.#options);
    if (isTarget && overrides !== undefined) {
      const root = this.#folders.rootOf(name);
      return overriddenDefinition(name, overrides, root, this.#options);
    }
    // What a load request brought stays until the model itself is loaded anew by name; what a poll has not seen twice is not looked at.
    const keep = current?.overridden === true && (!isTarget || request.onDemand === true);
    const polled = listings !== undefined && current !== undefined;
    if (keep || (polled && !isTarget)) return current;
    const root = this.#folders.rootOf(name);
    if (root !== undefined) return readDefinition(name, root, this.#options);
    if (isTarget) throw notInRepository(name);
    return current;
  }

  async #execute(plan: Plan, request: LoadRequest): Promise<ReadonlyMap<string, unknown>> {
    const { definitions, errors } = plan;
    const listed = this.#folders.scan();
    for (const [name, error] of errors) {
      this.#host.log('error', reasonOf(error));
      const exists = this.entries.has(name) || listed.has(name) || request.wanted === true;
      if (exists) this.entry(name).fail(error); // else a name that somebody made up
    }
    for (const [name, definition] of definitions) {
      this.entry(name);
      this.#known.set(name, definition);
    }
    for (const name of request.names) {
      const entry = this.entries.get(name);
      if (entry === undefined) continue;
      entry.explicit = true;
      entry.stopped = false;
      if (request.wanted === true) entry.wanted = true;
    }
    const failures = new Map(errors);
    const cycles = cyclesOf(definitions);
    const runs = new Map<string, Promise<void>>();
    const run = (name: string): Promise<void> => {
      let running = runs.get(name);
      if (running === undefined) {
        running = this.#bring(name, plan, cycles.get(name), run, failures, request);
        runs.set(name, running);
      }
      return running;
    };
    await Promise.all([...definitions.keys()].map(run));
    return failures;
  }

  /** Brings one model to its definition, after those that it calls. Never rejects. */
  async #bring(
    name: string,
    plan: Plan,
    cycle: ServingError | undefined,
    run: (name: string) => Promise<void>,
    failures: Map<string, unknown>,
    request: LoadRequest,
  ): Promise<void> {
    const definition = plan.definitions.get(name) as ModelDefinition;
    const entry = this.entry(name);
    let unmet = cycle;
    if (cycle === undefined) {
      for (const step of definition.steps) {
        if (plan.definitions.has(step.name)) await run(step.name);
      }
      unmet = unmetStep(definition, this.entries);
    }
    const generations = stepGenerations(definition, this.entries);
    const renew = definition.steps.length > 0 && generations !== entry.stepGenerations;
    try {
      if (unmet !== undefined) throw unmet;
      const sameVersions = [...entry.ready.keys()].every((one) => definition.versions.has(one));
      if (!renew && sameVersions && entry.missing(definition).length === 0) {
        entry.failure = undefined;
        return;
      }
      await this.#slots.run(() => entry.apply(definition, renew));
      entry.stepGenerations = generations;
      entry.wanted = true;
    } catch (error) {
      failures.set(name, error);
      entry.fail(error);
      // One that did not fit beside the others comes when it is asked for, as if it had been unloaded to make room.
      if (request.wanted === true && isNoRoom(error) && this.#options.onDemand) {
        entry.evicted = true;
      }
      this.#host.log('error', reasonOf(error));
      // An ensemble whose models are gone or others cannot go on as it was.
      const stale = unmet !== undefined || renew;
      if (definition.steps.length > 0 && stale && entry.isReady) {
        await entry.unload(reasonOf(error));
      }
      if (definition.overridden) this.#forgetOverride(entry);
    }
  }

  /** What a failed load request brought is not kept. */
  #forgetOverride(entry: ModelEntry): void {
    const { name, definition } = entry;
    if (definition === undefined) this.#known.delete(name);
    else this.#known.set(name, definition);
    const wasServed = [...entry.records.values()].some(({ served }) => served !== undefined);
    if (!wasServed && !entry.wanted) this.entries.delete(name);
  }

  async #unload(name: string, upstream: boolean): Promise<void> {
    let held = new Set([name]);
    for (;;) {
      const release = await this.#locks.acquire(held);
      try {
        const removed = upstream ? this.#onlyNeededBy(name) : new Set([name]);
        const needed = [...removed, ...[...removed].flatMap((one) => this.#dependentNames(one))];
        if (needed.every((one) => held.has(one))) {
          await this.#remove(removed);
          return;
        }
        held = new Set([...held, ...needed]);
      } finally {
        release();
      }
    }
  }

  #dependentNames(name: string): string[] {
    return this.#loadedDependents(name).map((entry) => entry.name);
  }

  /** `name`, and the models that were loaded only because it calls them, directly or not. */
  #onlyNeededBy(name: string): Set<string> {
    const removed = new Set([name]);
    for (const one of removed) {
      for (const step of this.entries.get(one)?.definition?.steps ?? []) {
        const entry = this.entries.get(step.name);
        if (entry === undefined || entry.explicit) continue;
        if (this.#dependentNames(step.name).every((caller) => removed.has(caller))) {
          removed.add(step.name);
        }
      }
    }
    return removed;
  }

  /** First the ensembles, while what they call still answers; then the models. */
  async #remove(names: ReadonlySet<string>): Promise<void> {
    for (const name of names) {
      for (const entry of this.#loadedDependents(name).reverse()) {
        if (names.has(entry.name)) continue;
        const words = `ensemble ${entry.name} contains models that are not available or ambiguous: ${name}`;
        entry.wanted = false;
        await entry.unload(words);
      }
    }
    for (const name of names) {
      const entry = this.entries.get(name);
      this.#known.delete(name);
      if (entry === undefined) continue;
      entry.wanted = false;
      entry.explicit = false;
      entry.stopped = true;
      entry.failure = undefined;
      await entry.unload();
      if (!this.#folders.scan().has(name)) this.entries.delete(name); // nothing could bring it back
    }
  }
}
