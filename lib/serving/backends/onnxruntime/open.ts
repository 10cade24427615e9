// Opens models of the onnxruntime backend: NAME/VERSION/model.onnx, on the CPU.

import { createRequire } from 'node:module';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ServingError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';
import { emptyModelConfig } from '../../config/defaults.js';
import type { ModelFacts, OpenModel, VersionSource } from '../../model/loading.js';
import { WorkerPool } from '../workers/worker-pool.js';
import { OrtBackend } from './backend.js';
import { ortSettings } from './settings.js';
import { type OrtAbout, ortFacts } from './types.js';

/** Where onnxruntime-node is. @throws ERR_TRT_MODEL_LOAD */
function ortModule(name: string): string {
  try {
    return createRequire(__filename).resolve('onnxruntime-node');
  } catch (cause) {
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `failed to load '${name}': ONNX models need the package onnxruntime-node, which is not installed`,
      'Run `npm install onnxruntime-node --onnxruntime-node-install=skip` (the CPU library comes with the package).',
      { cause },
    );
  }
}

/** The model as onnxruntime-node takes it: a path, or bytes; and its size. */
async function modelOf(source: VersionSource): Promise<[string | Uint8Array, number]> {
  const { name, version, folder, files, config } = source;
  const given = config?.default_model_filename ?? '';
  const file = given === '' ? 'model.onnx' : given;
  if (path.basename(file) !== file) {
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `model '${name}': expected the name of a file as default_model_filename, got '${file}'`,
      "Name a file in the version's folder.",
    );
  }
  const bytes = files?.get(`${version}/${file}`);
  if (bytes !== undefined) return [bytes, bytes.byteLength];
  const target = path.join(folder ?? '', version, file);
  const size = await stat(target).then(
    (found) => found.size,
    () => undefined,
  );
  if (folder !== undefined && size !== undefined) return [target, size];
  throw new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `failed to load '${name}': there is no ${version}/${file}`,
    'Put the model there, or name it with default_model_filename.',
  );
}

/** onnxruntime-node computes on the thread that calls it: each instance has a worker thread of its own. @internal */
export const openOnnxRuntime: OpenModel = async (source, context) => {
  const { name } = source;
  const module = ortModule(name);
  const [model, modelBytes] = await modelOf(source);
  const workers = (config: ModelConfig): Promise<WorkerPool> => {
    const { instances, options } = ortSettings(config);
    const worker = {
      model: name,
      file: path.join(__dirname, 'assets', 'worker.cjs'),
      workerData: { model, options, module },
      timeoutMs: 0,
      maxRestarts: 5,
      log: context.log.bind(context),
    };
    return WorkerPool.start(Array.from({ length: instances }, () => worker));
  };
  const given = source.config ?? emptyModelConfig(name);
  // What the file tells is needed before the config is complete; the threads are kept if it stays as it was.
  let pool: WorkerPool | undefined = await workers(given);
  let backend: OrtBackend | undefined;
  let facts: ModelFacts;
  try {
    facts = ortFacts(name, pool.about as OrtAbout);
  } catch (error) {
    await pool.close();
    throw error;
  }
  return {
    facts,
    async start(config) {
      const { instances, options } = ortSettings(config);
      const before = ortSettings(given);
      if (
        instances !== before.instances ||
        JSON.stringify(options) !== JSON.stringify(before.options)
      ) {
        await pool?.close();
        pool = undefined;
        pool = await workers(config);
      }
      backend = new OrtBackend(config, pool as WorkerPool, instances, modelBytes);
      return backend;
    },
    async close() {
      if (backend === undefined) await pool?.close();
      else await backend.close();
      pool = undefined;
    },
  };
};
