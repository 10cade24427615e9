// Where other weights come from: tensors, a folder of .npy files, a .safetensors file; an ONNX model is TensorRT's own business.

import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, fileError, invalidArgument } from '../errors.js';
import { readNpy } from '../npy.js';
import { planBytes } from '../plan.js';
import { SafetensorsFile } from '../safetensors.js';
import { type Tensor, isTensor } from '../tensor.js';
import { checkOptions, checkString } from '../validate.js';

/** Where weights come from. Of several sources that have the same weights the later counts, in the order in which they are listed here. */
export interface RefitOptions {
  /** An ONNX model of the same structure: a path (external weights are looked for beside it) or its bytes. From TensorRT 10 on. */
  onnx?: string | Uint8Array | ArrayBuffer | undefined;
  /** A .safetensors file. Tensors that the engine has no weights for are passed over. */
  safetensors?: string | undefined;
  /** A folder of .npy files: `fc/weight.npy` in it is `fc/weight`. Files that the engine has no weights for are passed over. */
  npy?: string | undefined;
  /** Weights by the engine's names, which are those of the ONNX model's initializers. A name that the engine has not got is an error. */
  weights?: Readonly<Record<string, Tensor>> | undefined;
  /** The engine's name for a name in `safetensors` or `npy`; undefined: not to be used. Default: the same name. */
  mapName?: ((name: string) => string | undefined) | undefined;
}

/** @internal */
export const refitOptionNames = ['onnx', 'safetensors', 'npy', 'weights', 'mapName'];

/** Weights that are known by name, and read when they are needed. */
export interface NamedSource {
  readonly names: readonly string[];
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}

/** @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function checkRefitOptions(options: unknown, who: string): RefitOptions {
  if (options === undefined) {
    throw invalidArgument(
      `${who}: expected weights, got nothing`,
      'Give onnx, safetensors, npy or weights.',
    );
  }
  checkOptions(options, refitOptionNames, who);
  return checkSources(options as RefitOptions, who);
}

/** The same where there are other options beside. @internal */
export function checkSources(options: RefitOptions, who: string): RefitOptions {
  const { onnx, safetensors, npy, weights, mapName } = options;
  if ((onnx ?? safetensors ?? npy ?? weights) === undefined) {
    throw invalidArgument(
      `${who}: expected weights, got none`,
      'Give onnx, safetensors, npy or weights.',
    );
  }
  if (typeof onnx === 'string') checkString(onnx, `${who}: onnx`);
  else if (onnx !== undefined) planBytes(onnx, `${who}: onnx`);
  if (safetensors !== undefined) checkString(safetensors, `${who}: safetensors`);
  if (npy !== undefined) checkString(npy, `${who}: npy`);
  if (weights !== undefined) {
    if (typeof weights !== 'object' || (weights as unknown) === null) {
      throw invalidArgument(
        `${who}: weights: expected tensors by name, got ${describe(weights)}`,
        'Give { name: new Tensor(…) }.',
      );
    }
    for (const [name, tensor] of Object.entries(weights)) {
      if (isTensor(tensor)) continue;
      throw invalidArgument(
        `${who}: weights: expected a Tensor for '${name}', got ${describe(tensor)}`,
        'Give new Tensor(dtype, data, shape).',
      );
    }
  }
  if (mapName !== undefined && typeof mapName !== 'function') {
    throw invalidArgument(
      `${who}: mapName: expected a function, got ${describe(mapName)}`,
      'Give (name) => name, or leave it out.',
    );
  }
  return options;
}

/** That a file can be read: TensorRT says little of one that cannot. @throws ERR_TRT_FILE @internal */
export async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    throw fileError('read', file, error);
  }
}

async function npyFolder(folder: string): Promise<NamedSource> {
  const files = new Map<string, string>();
  try {
    for (const entry of await readdir(folder, { recursive: true })) {
      if (!entry.endsWith('.npy')) continue;
      files.set(entry.slice(0, -4).split(path.sep).join('/'), path.join(folder, entry));
    }
  } catch (error) {
    throw fileError('read', folder, error);
  }
  return {
    names: [...files.keys()].sort(),
    read: (name) => readNpy(files.get(name) as string),
    close: () => Promise.resolve(),
  };
}

async function safetensorsSource(path: string): Promise<NamedSource> {
  const file = await SafetensorsFile.open(path);
  return {
    names: [...file.entries.keys()],
    read: (name) => file.read(name),
    close: () => file.close(),
  };
}

/** Opens the files, in the order in which they count. @throws ERR_TRT_FILE @internal */
export async function openSources({ safetensors, npy }: RefitOptions): Promise<NamedSource[]> {
  const sources: NamedSource[] = [];
  if (safetensors !== undefined) sources.push(await safetensorsSource(safetensors));
  if (npy !== undefined) sources.push(await npyFolder(npy));
  return sources;
}
