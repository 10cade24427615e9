// Models for tests of the repository: loading reads the text of model.plan and does what it says; requests tell which object answered.

import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ServingError } from 'trt-node';
import { emptyModelConfig } from '../../lib/serving/config/defaults.js';
import { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { LoadContext, LoadedVersion, VersionSource } from '../../lib/serving/model/loading.js';
import type { InferInputs, InferOptions, InferResponse } from '../../lib/serving/request.js';
import { ModelRepository } from '../../lib/serving/repository/model-repository.js';
import type { RepositoryOptions } from '../../lib/serving/repository/options.js';

/** Resolves after some turns of the event loop. */
export function turns(count = 3): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(() => next(left - 1));
    };
    next(count);
  });
}

/** What the fakes did. */
export interface FakeLog {
  /** "name:version=text" of each load, in order of their ends. */
  readonly loaded: string[];
  readonly closed: string[];
  /** Versions that are open. */
  readonly open: Set<FakeVersion>;
  /** Loads wait for it. */
  gate: Promise<void> | undefined;
  /** Requests wait for it. */
  requestGate: Promise<void> | undefined;
  loading: number;
  mostLoading: number;
}

export class FakeVersion implements LoadedVersion {
  readonly name: string;
  readonly version: string;
  readonly statistics;
  readonly config;
  broken: Error | undefined;
  pending = 0;
  lastUsed = performance.now();
  isClosed = false;
  readonly #idle: (() => void)[] = [];

  constructor(
    source: VersionSource,
    readonly text: string,
    readonly log: FakeLog,
    readonly context: LoadContext,
  ) {
    this.name = source.name;
    this.version = source.version;
    this.statistics = source.statistics;
    this.config = { ...(source.config ?? emptyModelConfig()), name: source.name };
  }

  async infer(inputs: InferInputs, options: InferOptions): Promise<InferResponse> {
    this.#expectOpen('asked after close()');
    this.pending++;
    this.lastUsed = performance.now();
    try {
      await (this.log.requestGate ?? turns(2));
      for (const { model_name: modelName } of this.config.ensemble_scheduling?.step ?? []) {
        await this.context.models.request({ modelName, inputs });
      }
      this.#expectOpen('closed under a request');
      const bytes = new TextEncoder().encode(this.text);
      return {
        modelName: this.name,
        modelVersion: this.version,
        id: options.id ?? '',
        outputs: { text: new InferTensor('BYTES', [bytes], [1]) },
      };
    } finally {
      this.pending--;
      if (this.pending === 0) for (const done of this.#idle.splice(0)) done();
    }
  }

  #expectOpen(what: string): void {
    if (this.isClosed) throw new Error(`${this.name}:${this.version} was ${what}`);
  }

  memory(): { deviceBytes: number; pinnedBytes: number; hostBytes: number } {
    const bytes = Number(/bytes=(\d+)/.exec(this.text)?.[1] ?? 0);
    return { deviceBytes: bytes, pinnedBytes: 0, hostBytes: 1 };
  }

  label(): undefined {
    return undefined;
  }

  async drain(): Promise<void> {
    if (this.pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async close(): Promise<void> {
    await turns(1);
    if (this.isClosed) return;
    this.isClosed = true;
    this.log.open.delete(this);
    this.log.closed.push(`${this.name}:${this.version}=${this.text}`);
  }
}

export function fakeLog(): FakeLog {
  return {
    loaded: [],
    closed: [],
    open: new Set(),
    gate: undefined,
    requestGate: undefined,
    loading: 0,
    mostLoading: 0,
  };
}

function textOf(source: VersionSource): string {
  if (source.config?.ensemble_scheduling !== undefined) return 'ensemble';
  const file = `${source.version}/model.plan`;
  if (source.folder === undefined) {
    return new TextDecoder().decode(source.files?.get(file) ?? new Uint8Array());
  }
  return readFileSync(path.join(source.folder, file), 'utf8');
}

/** Opens a repository of fakes, closed when the calling test ends. Plans that begin with "fail" cannot be loaded. */
export async function openFakes(
  folder: string | readonly string[],
  options: RepositoryOptions = {},
  log: FakeLog = fakeLog(),
): Promise<ModelRepository> {
  const load = async (source: VersionSource, context: LoadContext): Promise<LoadedVersion> => {
    log.loading++;
    log.mostLoading = Math.max(log.mostLoading, log.loading);
    try {
      const text = textOf(source);
      await (log.gate ?? turns(2));
      if (text.startsWith('fail')) {
        throw new ServingError('ERR_TRT_MODEL_LOAD', `the plan says ${text}`, 'Write another.');
      }
      const version = new FakeVersion(source, text, log, context);
      log.open.add(version);
      log.loaded.push(`${source.name}:${source.version}=${text}`);
      return version;
    } finally {
      log.loading--;
    }
  };
  const runtime = { runtime: 'reference' } as const;
  const repository = await ModelRepository.openWith(folder, { ...runtime, ...options }, load);
  onTestFinished(() => repository.close());
  return repository;
}

/** Writes a model: `versions` are the plans' texts by version. */
export function writeModel(
  folder: string,
  name: string,
  versions: Readonly<Record<string, string>>,
  config = 'platform: "tensorrt_plan"',
): void {
  mkdirSync(path.join(folder, name), { recursive: true });
  if (config !== '') writeFileSync(path.join(folder, name, 'config.pbtxt'), config);
  for (const [version, text] of Object.entries(versions)) {
    mkdirSync(path.join(folder, name, version), { recursive: true });
    writeFileSync(path.join(folder, name, version, 'model.plan'), text);
  }
}

/** Writes an ensemble that calls `steps` one after the other. */
export function writeEnsemble(folder: string, name: string, steps: readonly string[]): void {
  const step = steps.map(
    (model) =>
      `{ model_name: "${model}" model_version: -1 input_map { key: "x" value: "x" } output_map { key: "y" value: "y" } }`,
  );
  mkdirSync(path.join(folder, name, '1'), { recursive: true });
  writeFileSync(
    path.join(folder, name, 'config.pbtxt'),
    `platform: "ensemble" ensemble_scheduling { step [ ${step.join(', ')} ] }`,
  );
}

/** What the model answered with: the text of its plan. */
export async function ask(
  repository: ModelRepository,
  name: string,
  options: InferOptions = {},
): Promise<string> {
  const { text } = await repository.infer(name, {}, options);
  return new TextDecoder().decode((text?.data as readonly Uint8Array[])[0]);
}

/** "name:version STATE reason" of the index. */
export function rows(repository: ModelRepository): string[] {
  return repository
    .index()
    .map(({ name, version, state, reason }) => `${name}:${version} ${state} ${reason}`.trim());
}
