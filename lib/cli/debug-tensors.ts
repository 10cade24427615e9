// trt-node run --saveDebugTensors and --saveAllDebugTensors: trtexec's flags for tensors inside the network.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomically } from '../atomic-write.js';
import { fileError } from '../errors.js';
import { formatNpy } from '../npy.js';
import { fileName } from '../run/files.js';
import { type TensorSummary, summarize } from '../run/summary.js';
import type { DebugTensor } from '../session/debug.js';
import type { RunOptions } from '../session/types.js';
import { Tensor } from '../tensor.js';

import { type Flag, type ParsedFlags, UsageError, flagValue } from './flags.js';
import { parseFiles } from './shapes.js';

const formats = ['summary', 'numpy', 'string', 'raw'] as const;
type Format = (typeof formats)[number];
const endings: Readonly<Record<Exclude<Format, 'summary'>, string>> = {
  numpy: '.npy',
  string: '.txt',
  raw: '.raw',
};

export const debugFlags: Flag[] = [
  {
    name: 'saveDebugTensors',
    value: 'NAME:FILE,…',
    help: 'Write debug tensors of the last inference: .npy by its ending, else raw bytes',
  },
  {
    name: 'saveAllDebugTensors',
    value: 'FORMATS',
    help: 'All debug tensors: summary (print), numpy, string, raw (files, in --saveOutputs or here); several with commas',
  },
];

/** What was asked for. */
export interface DebugRequest {
  readonly files: ReadonlyMap<string, string>;
  readonly formats: readonly Format[];
}

/** One debug tensor, and where it was written. */
export interface SavedDebugTensor extends TensorSummary {
  name: string;
  files: string[];
}

/** Undefined where nothing is asked for. @throws UsageError */
export function debugRequest(parsed: ParsedFlags): DebugRequest | undefined {
  const named = flagValue(parsed, 'saveDebugTensors');
  const all = flagValue(parsed, 'saveAllDebugTensors');
  if (named === undefined && all === undefined) return undefined;
  const wanted = all === undefined ? [] : all.split(',');
  for (const format of wanted) {
    if ((formats as readonly string[]).includes(format)) continue;
    throw new UsageError(
      `--saveAllDebugTensors: expected ${formats.join(', ')}, got ${JSON.stringify(format)}`,
      'Write for example --saveAllDebugTensors=summary,numpy.',
    );
  }
  return {
    files: named === undefined ? new Map() : parseFiles(named, 'saveDebugTensors'),
    formats: wanted as Format[],
  };
}

/** For the run whose tensors are wanted; they come to `into`. */
export function debugOptions(
  request: DebugRequest,
  into: DebugTensor[],
): Pick<RunOptions, 'debug' | 'onDebugTensor'> {
  return {
    debug: request.formats.length > 0 ? true : [...request.files.keys()],
    onDebugTensor: (tensor) => {
      into.push(tensor);
    },
  };
}

function bytesOf({ data }: DebugTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function asTensor({ dtype, data, shape }: DebugTensor): Tensor {
  return new Tensor(dtype, data, shape);
}

function contents(tensor: DebugTensor, format: Exclude<Format, 'summary'>): Uint8Array {
  if (format === 'numpy') return formatNpy(asTensor(tensor));
  if (format === 'raw') return bytesOf(tensor);
  return Buffer.from(`${Array.from(tensor.data as Iterable<unknown>, String).join('\n')}\n`);
}

/** Writes what was asked for. A tensor that comes several times (in a loop) is written each time, the later ones with a number. */
export async function saveDebugTensors(
  request: DebugRequest,
  tensors: readonly DebugTensor[],
  folder: string,
): Promise<SavedDebugTensor[]> {
  const counts = new Map<string, number>();
  const saved: SavedDebugTensor[] = [];
  const written = request.formats.filter((format) => format !== 'summary');
  if (written.length > 0) {
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw fileError('write', folder, error);
    }
  }
  for (const tensor of tensors) {
    const count = (counts.get(tensor.name) ?? 0) + 1;
    counts.set(tensor.name, count);
    const files: string[] = [];
    const write = async (file: string, ending: string, bytes: Uint8Array): Promise<void> => {
      const stem = file.slice(0, file.length - ending.length);
      const target = count === 1 ? file : `${stem}.${count}${ending}`;
      await writeFileAtomically(target, bytes);
      files.push(target);
    };
    const named = request.files.get(tensor.name);
    if (named !== undefined) {
      const npy = named.endsWith('.npy');
      await write(named, path.extname(named), contents(tensor, npy ? 'numpy' : 'raw'));
    }
    for (const format of written) {
      const file = path.join(folder, fileName(tensor.name, endings[format]));
      await write(file, endings[format], contents(tensor, format));
    }
    saved.push({ name: tensor.name, ...summarize(asTensor(tensor)), files });
  }
  for (const name of request.files.keys()) {
    if (counts.has(name)) continue;
    throw new UsageError(
      `--saveDebugTensors: expected a tensor that the engine passes, got ${JSON.stringify(name)}, which it did not`,
      'TensorRT leaves out tensors in branches that are not taken.',
    );
  }
  return saved;
}
