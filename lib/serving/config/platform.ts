// Platform: which backend a config, or the files of a version, mean.

import { ServingError } from '../../errors.js';
import type { ModelConfig } from './model-config.js';

/** The backends that there are. */
export type BackendName = 'tensorrt' | 'onnxruntime' | 'js' | 'ensemble';

interface BackendRow {
  /** Triton's `platform`; '' where it has none. */
  readonly platform: string;
  /** Triton's `backend`; '' where it must not be given. */
  readonly backend: string;
  /** The model's file where default_model_filename says no other. */
  readonly file: string;
}

/** What a config of each backend says. @internal */
export const backendTable: Readonly<Record<BackendName, BackendRow>> = {
  tensorrt: { platform: 'tensorrt_plan', backend: 'tensorrt', file: 'model.plan' },
  onnxruntime: { platform: 'onnxruntime_onnx', backend: 'onnxruntime', file: 'model.onnx' },
  js: { platform: '', backend: 'js', file: 'model.js' },
  ensemble: { platform: 'ensemble', backend: '', file: '' },
};

const backendNames = Object.keys(backendTable) as BackendName[];

const supported =
  'Supported are platform "tensorrt_plan" (backend "tensorrt", model.plan), "onnxruntime_onnx" (backend "onnxruntime", model.onnx), ' +
  'backend "js" (model.js) and platform "ensemble".';

/** What others' files are called; so that a folder with one of them gets a clear answer. */
const foreignFiles: Readonly<Record<string, string>> = {
  'model.pt': 'pytorch_libtorch',
  'model.pt2': 'torch_aoti',
  'model.savedmodel': 'tensorflow_savedmodel',
  'model.graphdef': 'tensorflow_graphdef',
  'model.xml': 'openvino',
  'model.py': 'python',
};

/**
 * The backend of a model: by `platform` and `backend`, then by `default_model_filename`, then by the files' names, as Triton does.
 *
 * @param config - As in the file; undefined: there is none.
 * @param files - Names of the files in one version's folder, where they are known.
 * @throws {@link ServingError} ERR_TRT_REQUEST_UNSUPPORTED for backends that there are only in Triton, ERR_TRT_MODEL_CONFIG where nothing tells
 *   the backend or `platform` and `backend` contradict each other
 */
export function backendOf(
  config: ModelConfig | undefined,
  files: readonly string[] = [],
): BackendName {
  const { name = '', platform = '', backend = '', default_model_filename = '' } = config ?? {};
  if (platform !== '' || backend !== '') return declared(name, platform, backend);
  if (config?.ensemble_scheduling !== undefined) return 'ensemble';
  const found = default_model_filename === '' ? files : [default_model_filename];
  for (const [own, row] of Object.entries(backendTable)) {
    if (row.file !== '' && found.includes(row.file)) return own as BackendName;
  }
  for (const [file, foreign] of Object.entries(foreignFiles)) {
    if (found.includes(file)) throw unsupported(name, `"${file}" (${foreign})`);
  }
  const what = name === '' ? 'the model' : `model '${name}'`;
  throw new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    `could not determine the backend of ${what}: its configuration has no platform and no backend, and ${
      found.length === 0 ? 'there is no file' : `no known file among ${found.join(', ')}`
    }`,
    supported,
  );
}

function declared(name: string, platform: string, backend: string): BackendName {
  const byPlatform = backendNames.find((key) => backendTable[key].platform === platform);
  const byBackend = backendNames.find((key) => backendTable[key].backend === backend);
  if (platform === '') {
    if (byBackend === undefined || byBackend === 'ensemble') {
      throw unsupported(name, `backend '${backend}'`);
    }
    return byBackend;
  }
  if (byPlatform === undefined || byPlatform === 'js') {
    throw unsupported(name, `platform '${platform}'`);
  }
  if (backend === '' || byBackend === byPlatform) return byPlatform;
  if (byPlatform === 'ensemble') {
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `Ensemble model '${name}' must have platform type 'ensemble' and empty backend type, got backend '${backend}'`,
      'Remove `backend`.',
    );
  }
  throw new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    `unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}`,
    `Give backend "${backendTable[byPlatform].backend}", or none.`,
  );
}

function unsupported(name: string, what: string): ServingError {
  const model = name === '' ? '' : ` of model '${name}'`;
  const wayOut = what.includes('python')
    ? 'Write it as a JavaScript model.'
    : 'Export the model to ONNX and serve that, or a plan of it: trt-node build --onnx=model.onnx --saveEngine=model.plan.';
  return new ServingError(
    'ERR_TRT_REQUEST_UNSUPPORTED',
    `${what}${model} is not supported`,
    `${supported} ${wayOut}`,
  );
}
