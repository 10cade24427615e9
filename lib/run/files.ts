// Folders of tensors: one .npy file for each, named after it.

import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileError, invalidArgument } from '../errors.js';
import { readNpy, writeNpy } from '../npy.js';
import type { Tensor } from '../tensor.js';

/** File name of a tensor: names may contain slashes and worse. */
export function fileName(name: string, ending = '.npy'): string {
  return `${name.replace(/[^\w.-]+/g, '_')}${ending}`;
}

/** The file of each name, no two the same, in the order of the names. */
export function tensorFiles(folder: string, names: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of names) {
    let file = path.join(folder, fileName(name));
    for (let count = 2; Object.values(files).includes(file); count++) {
      file = path.join(folder, fileName(`${name}.${count}`));
    }
    files[name] = file;
  }
  return files;
}

/** Writes each tensor into `folder`, which is made where it is missing. @returns Files by name. @throws ERR_TRT_FILE */
export async function saveTensors(
  folder: string,
  tensors: Readonly<Record<string, Tensor>>,
): Promise<Record<string, string>> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError('write', folder, error);
  }
  const files = tensorFiles(folder, Object.keys(tensors));
  for (const [name, tensor] of Object.entries(tensors)) await writeNpy(files[name] ?? '', tensor);
  return files;
}

/**
 * The tensors of `names` that {@link saveTensors} (or anybody) has written into `folder`; those without a file are left out.
 *
 * @throws ERR_TRT_FILE; ERR_TRT_INVALID_ARGUMENT where there is none at all
 */
export async function loadTensors(
  folder: string,
  names: readonly string[],
): Promise<Record<string, Tensor>> {
  let present: Set<string>;
  try {
    present = new Set(await readdir(folder));
  } catch (error) {
    throw fileError('read', folder, error);
  }
  const tensors: Record<string, Tensor> = {};
  for (const [name, file] of Object.entries(tensorFiles(folder, names))) {
    if (present.has(path.basename(file))) tensors[name] = await readNpy(file);
  }
  if (Object.keys(tensors).length > 0) return tensors;
  const wanted = names.map((name) => fileName(name)).join(', ');
  throw invalidArgument(
    `'${folder}': expected .npy files named after tensors (${wanted}), got ${present.size === 0 ? 'nothing' : [...present].slice(0, 5).join(', ')}`,
    'Give a folder that --save-inputs or --save-outputs has written.',
  );
}
