// Loads one version of a model: opens its file, completes and checks its config, makes instances and scheduler, and warms them up.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ServingError, asError, isTensorRTError } from '../../errors.js';
import { checkConfig } from '../config/check.js';
import { completeConfig } from '../config/complete.js';
import type { ModelConfig } from '../config/model-config.js';
import { type BackendName, backendOf } from '../config/platform.js';
import { Batcher } from '../scheduler/batcher.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { createSequenceScheduler } from '../scheduler/sequence.js';
import type { Backend } from './backend.js';
import { fitTogether } from './check-request.js';
import { loadLabels } from './labels.js';
import type {
  LoadContext,
  LoadedVersion,
  OpenModel,
  OpenedModel,
  VersionSource,
} from './loading.js';
import { ServedModel } from './served-model.js';
import { TensorSpecs } from './tensor-specs.js';
import { warmUpModel } from './warm-up.js';

/** Loaded when the first model needs it. */
const backends: Readonly<Record<BackendName, () => Promise<OpenModel>>> = {
  tensorrt: async () => (await import('../backends/tensorrt/open.js')).openTensorRT,
  onnxruntime: async () => (await import('../backends/onnxruntime/open.js')).openOnnxRuntime,
  js: async () => (await import('../backends/js/open.js')).openJs,
  ensemble: async () => (await import('../backends/ensemble/open.js')).openEnsemble,
};

/** Names of the files in the version's folder. */
async function fileNames({ files, folder, version }: VersionSource): Promise<string[]> {
  if (folder !== undefined) return readdir(path.join(folder, version)).catch(() => []);
  if (files === undefined) return [];
  const start = `${version}/`;
  return [...files.keys()]
    .filter((file) => file.startsWith(start))
    .map((file) => file.slice(start.length));
}

function schedulerOf(
  source: VersionSource,
  context: LoadContext,
  config: ModelConfig,
  specs: TensorSpecs,
  backend: Backend,
): Scheduler {
  const { name, version, statistics, folder } = source;
  if (config.sequence_batching !== undefined) {
    return createSequenceScheduler({ name, version, config, folder, backend, statistics, context });
  }
  return new Batcher({
    config,
    backend,
    statistics,
    maxQueueSize: context.maxQueueSize,
    fits: specs.uniform ? undefined : (a, b) => fitTogether(specs, a.inputs, b.inputs),
  });
}

/** Of --backend-config; undefined: it says nothing. @throws ERR_TRT_MODEL_CONFIG */
function defaultMaxBatchSize(context: LoadContext, backend: BackendName): number | undefined {
  const setting = 'default-max-batch-size';
  const { backendConfig: all } = context;
  const text = all[backend]?.[setting] ?? all['']?.[setting];
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    `backend config of '${backend}': expected a number from 0 on as default-max-batch-size, got '${text}'`,
    `Write --backend-config=${backend},default-max-batch-size=8.`,
  );
}

async function start(
  source: VersionSource,
  context: LoadContext,
  opened: OpenedModel,
  backendName: BackendName,
  began: number,
): Promise<LoadedVersion> {
  const config = completeConfig(source.config, opened.facts, source.name, {
    autoComplete: context.autoComplete,
    devices: context.devices,
    defaultMaxBatchSize: defaultMaxBatchSize(context, backendName),
    backend: backendName,
  });
  checkConfig(config);
  const specs = new TensorSpecs(source.name, config);
  const labels = await loadLabels(config, source);
  const own = await opened.start(config);
  const backend = context.limiter?.limit(own, source.name, config) ?? own;
  try {
    await warmUpModel(config, specs, backend, source);
    source.signal?.throwIfAborted();
  } catch (error) {
    await backend.close(); // a limited one gives its resources back
    throw error;
  }
  const scheduler = schedulerOf(source, context, config, specs, backend);
  return new ServedModel({
    version: source.version,
    config,
    specs,
    statistics: source.statistics,
    opened,
    backend,
    check: own.check?.bind(own),
    scheduler,
    cache: config.response_cache?.enable === true ? context.cache : undefined,
    labels,
    loadSeconds: (performance.now() - began) / 1000,
  });
}

/**
 * Brings a version into service: when this resolves it has been warmed up and takes requests.
 *
 * @returns Rejects with {@link ServingError} ERR_TRT_MODEL_CONFIG, ERR_TRT_MODEL_LOAD (`cause` tells more), ERR_TRT_REQUEST_UNSUPPORTED; everything that was
 *   opened is closed then.
 * @internal
 */
export async function loadModelVersion(
  source: VersionSource,
  context: LoadContext,
): Promise<LoadedVersion> {
  const began = performance.now();
  const backendName = backendOf(source.config, await fileNames(source));
  const open = await backends[backendName]();
  let opened: OpenedModel | undefined;
  try {
    opened = await open(source, context);
    return await start(source, context, opened, backendName, began);
  } catch (error) {
    await opened?.close();
    throw loadError(source, error);
  }
}

function loadError(source: VersionSource, error: unknown): ServingError {
  if (error instanceof ServingError) return error;
  const cause = asError(error);
  const known = isTensorRTError(cause);
  return new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `failed to load '${source.name}' version ${source.version}: ${known ? cause.reason : cause.message}`,
    known ? cause.hint : '',
    { cause },
  );
}
