// The model's file: which of several files in a version's folder is for this GPU and this TensorRT.

import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { preflightOf } from '../../inspect/preflight.js';
import { headBytes } from '../../inspect/plan-header.js';
import type { Machine } from '../../inspect/preflight-checks.js';
import type { NativeVersion } from '../../native.js';
import type { ModelConfig } from '../config/model-config.js';

/** The name that the config says: by compute capability as in Triton, else `default_model_filename`, else the backend's. */
export function configuredFile(
  config: ModelConfig | undefined,
  fallback: string,
  capability: readonly [major: number, minor: number] | undefined,
): string {
  const byCapability = capability && config?.cc_model_filenames[capability.join('.')];
  if (byCapability !== undefined && byCapability !== '') return byCapability;
  const { default_model_filename: named = '' } = config ?? {};
  return named === '' ? fallback : named;
}

/**
 * Of `STEM.EXT` and its siblings `STEM.trtVERSION.EXT` those that are for this TensorRT: the most exact name first, the plain one last. `model.trt10.6.plan` is
 * for all of 10.6, `model.trt8.plan` for all of 8.
 */
export function candidatesFor(
  file: string,
  siblings: readonly string[],
  version: NativeVersion | undefined,
): string[] {
  const { dir, name, ext } = path.posix.parse(file);
  const running = version && [version.major, version.minor, version.patch, version.build];
  const found: { file: string; parts: number }[] = [];
  for (const sibling of siblings) {
    if (running === undefined || !sibling.startsWith(`${name}.trt`) || !sibling.endsWith(ext))
      continue;
    const text = sibling.slice(name.length + 4, sibling.length - ext.length);
    if (!/^\d{1,4}(\.\d{1,4}){0,3}$/.test(text)) continue;
    const parts = text.split('.').map(Number);
    if (parts.every((part, index) => part === running[index])) {
      found.push({ file: path.posix.join(dir, sibling), parts: parts.length });
    }
  }
  found.sort((a, b) => b.parts - a.parts);
  const plain = siblings.includes(`${name}${ext}`) || found.length === 0;
  return [...found.map((candidate) => candidate.file), ...(plain ? [file] : [])];
}

/** A version's files, wherever they are. */
export interface VersionFiles {
  readonly name: string;
  readonly version: string;
  readonly folder: string | undefined;
  readonly files: ReadonlyMap<string, Uint8Array> | undefined;
}

async function siblingsOf(files: VersionFiles, inside: string): Promise<string[]> {
  if (files.folder === undefined) {
    const start = inside === '' ? `${files.version}/` : `${files.version}/${inside}/`;
    return [...(files.files?.keys() ?? [])]
      .filter((file) => file.startsWith(start))
      .map((file) => file.slice(start.length))
      .filter((file) => !file.includes('/'));
  }
  try {
    return await readdir(path.join(files.folder, files.version, inside));
  } catch {
    return []; // opening the model tells what is missing
  }
}

/** The beginning of a model's file and its size; undefined where it cannot be read. */
export async function readModelHead(
  files: VersionFiles,
  file: string,
): Promise<{ head: Uint8Array; bytes: number } | undefined> {
  const inside = `${files.version}/${file}`;
  if (files.folder === undefined) {
    const bytes = files.files?.get(inside);
    return bytes && { head: bytes.subarray(0, headBytes), bytes: bytes.length };
  }
  try {
    const handle = await open(path.join(files.folder, inside));
    try {
      const { size } = await handle.stat();
      const head = Buffer.alloc(Math.min(size, headBytes));
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      return { head: head.subarray(0, bytesRead), bytes: size };
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * The file in the version's folder that a model of the tensorrt backend is read from on this machine: by compute capability, then by TensorRT's version in its
 * name, then by what the plan's header says. Where nothing runs it is the first candidate, and loading it says why.
 */
export async function chooseModelFile(
  files: VersionFiles,
  config: ModelConfig | undefined,
  fallback: string,
  machine: Machine,
): Promise<string> {
  const file = configuredFile(config, fallback, machine.device?.computeCapability);
  const siblings = await siblingsOf(
    files,
    path.posix.dirname(file) === '.' ? '' : path.posix.dirname(file),
  );
  const candidates = candidatesFor(file, siblings, machine.platform?.version);
  if (candidates.length === 1) return candidates[0] as string;
  let unknown: string | undefined;
  for (const candidate of candidates) {
    const found = await readModelHead(files, candidate);
    if (found === undefined) continue;
    const { verdict } = preflightOf(found.head, found.bytes, machine);
    if (verdict === 'runs') return candidate;
    if (verdict === 'unknown') unknown ??= candidate;
  }
  return unknown ?? (candidates[0] as string);
}
