// Makes an example's model repository ready to be served: its config files, and plans built here. Usage: node prepare.mjs EXAMPLE FOLDER
// @ts-check
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isTensorRTError } from 'trt-node';
import { resnet50, sentiment, wideResnet } from './parts/models.mjs';

/** @typedef {{ onnx: () => Uint8Array, profiles?: import('trt-node').BuildOptions['profiles'] }} Plan */

/**
 * @param {string} shape
 * @param {number[]} batches
 * @param {string[]} names
 */
function profile(shape, batches, ...names) {
  const dims = shape.split('x').map(Number);
  const [min, opt, max] = batches.map((batch) => [batch, ...dims]);
  return [Object.fromEntries(names.map((name) => [name, { min, opt, max }]))];
}

const wide = { actual_input_1: '3x224x224' };
/** Of each example the plans to build, by their place in its repository, and other files. @type {Record<string, { plans: Record<string, any>, files?: Record<string, () => Uint8Array | string> }>} */
const examples = {
  sentiment: {
    plans: {
      'sentence_classification/1/model.plan': {
        onnx: sentiment,
        profiles: profile('512', [1, 1, 20], 'input_ids', 'segment_ids'),
      },
    },
  },
  resnet50: { plans: { 'resnet50/1/model.plan': { onnx: resnet50 } } },
  wide_resnet: {
    plans: {
      'trt_model/1/model.plan': {
        onnx: wideResnet,
        profiles: profile(wide.actual_input_1, [1, 16, 32], 'actual_input_1'),
      },
    },
    files: {
      'onnx_model/1/model.onnx': wideResnet,
      'torch_model/1/model.pt': () => 'TorchScript would be here\n',
      'onnx_model/labels.txt': labels,
      'trt_model/labels.txt': labels,
    },
  },
};

function labels() {
  return Array.from({ length: 1000 }, (_, index) => `class ${index}\n`).join('');
}

/** What is missing when TensorRT cannot be used here. */
const missing = new Set(['ERR_TRT_NO_DRIVER', 'ERR_TRT_LIBRARY_NOT_FOUND']);

/**
 * Builds with TensorRT, or says that the CPU reference runtime does it.
 * @param {Uint8Array} onnx
 * @param {import('trt-node').BuildOptions['profiles']} profiles
 */
async function buildPlan(onnx, profiles) {
  const options = { onnx, ...(profiles === undefined ? {} : { profiles }) };
  try {
    return await build(options);
  } catch (error) {
    if (!isTensorRTError(error) || !missing.has(error.code)) throw error;
    console.log(`No GPU with TensorRT here (${error.code}): a plan of the CPU reference runtime.`);
    return build({ ...options, runtime: 'reference' });
  }
}

/**
 * Copies the repository of `example` to `folder`, and builds its models there.
 * @param {string} example
 * @param {string} folder
 */
export async function prepare(example, folder) {
  const recipe = examples[example];
  if (recipe === undefined) {
    throw new Error(`no example is called ${example}: ${Object.keys(examples).join(', ')}`);
  }
  const source = fileURLToPath(new URL(`${example}/model_repository`, import.meta.url));
  cpSync(source, folder, { recursive: true });
  /**
   * @param {string} name
   * @param {Uint8Array | string} content
   */
  const write = (name, content) => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  for (const [name, { onnx, profiles }] of Object.entries(recipe.plans)) {
    write(name, await buildPlan(onnx(), profiles));
  }
  for (const [name, make] of Object.entries(recipe.files ?? {})) write(name, make());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [example, folder] = process.argv.slice(2);
  if (example === undefined || folder === undefined) {
    console.error(`usage: node prepare.mjs ${Object.keys(examples).join('|')} FOLDER`);
    process.exit(2);
  }
  await prepare(example, folder);
  console.log(`${folder} is ready to be served`);
}
