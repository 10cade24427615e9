// Calibration data in a folder of .npy files: FOLDER/INPUT/*.npy, or FOLDER/*.npy for a model of one input; one file a batch.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { FileError, fileError, invalidArgument } from '../errors.js';
import { readNpy } from '../npy.js';
import type { CalibrationBatch } from './calibration.js';
import { readModelNodes } from './model-nodes.js';

/** The batches of a folder. The files are listed now and read one after another. @throws ERR_TRT_FILE, ERR_TRT_INVALID_ARGUMENT */
export async function readBatches(
  folder: string,
  model: Uint8Array,
): Promise<AsyncIterable<CalibrationBatch>> {
  const inputs = inputNames(model);
  const [only, ...others] = inputs;
  const files = new Map<string, string[]>();
  const flat = await listNpy(folder);
  if (flat.length > 0 && only !== undefined && others.length === 0) files.set(only, flat);
  else for (const input of inputs) files.set(input, await listInput(folder, input));
  const counts = [...files].map(([input, list]) => `'${input}' ${list.length}`);
  const [batches = 0, ...more] = [...files.values()].map((list) => list.length);
  if (batches === 0 || more.some((length) => length !== batches)) {
    throw new FileError(
      'ERR_TRT_FILE',
      `calibration.data: expected as many .npy files for each input in '${folder}', got ${counts.join(', ') || 'no input'}`,
      'Write one file a batch for each input, in the same order.',
    );
  }
  return batchesOf(files, batches);
}

async function* batchesOf(
  files: ReadonlyMap<string, readonly string[]>,
  batches: number,
): AsyncGenerator<CalibrationBatch> {
  for (let index = 0; index < batches; index++) {
    const entries = [...files].map(
      async ([input, list]) => [input, await readNpy(list[index] ?? '')] as const,
    );
    yield Object.fromEntries(await Promise.all(entries));
  }
}

function inputNames(model: Uint8Array): readonly string[] {
  try {
    return readModelNodes(model).inputs;
  } catch {
    throw invalidArgument(
      'calibration.data: expected a model whose inputs can be read, to find their files',
      'Check that the file is an ONNX model, or give the batches themselves.',
    );
  }
}

/** Names of inputs may have slashes, but not lead out of the folder. */
async function listInput(folder: string, input: string): Promise<string[]> {
  if (input.split('/').includes('..')) return [];
  return listNpy(path.join(folder, input));
}

/** The .npy files of a folder in the order of their names, by code unit: pad numbers with zeros. A folder that is not there has none. */
async function listNpy(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.npy'))
      .sort()
      .map((name) => path.join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError('read', folder, error);
  }
}
