// Names from outside: which model names, versions and file paths are taken, and in what words others are refused.

import { ServingError, describe } from '../../errors.js';

/** @throws ERR_TRT_REQUEST in Triton's words, for names that are empty or could lead out of the repository */
export function checkModelName(name: unknown): string {
  let reason: string | undefined;
  if (typeof name !== 'string') reason = `model name must be a string, not ${describe(name)}`;
  else if (name === '') reason = 'model name must not be empty';
  else if (name.trim() === '') reason = 'model name must not contain only whitespace characters';
  else if (name.includes('..') || /[/\\]/.test(name) || name === '.') {
    reason = `invalid model name '${name}', model name must not contain path traversal characters`;
  } else if (name.includes('\0')) {
    reason = `invalid model name ${describe(name)}, model name must not contain NUL`;
  }
  if (reason === undefined) return name as string;
  const hint = 'A model has the name of its folder in the repository.';
  throw new ServingError('ERR_TRT_REQUEST', reason, hint);
}

/** Whether {@link checkModelName} takes it. */
export function isModelName(name: string): boolean {
  try {
    checkModelName(name);
    return true;
  } catch {
    return false;
  }
}

/** The version that a folder's name is; undefined for all that are none: not a positive integer, or with leading zeros. */
export function versionOfFolder(name: string): string | undefined {
  if (!/^[1-9][0-9]{0,15}$/.test(name)) return undefined;
  return Number.isSafeInteger(Number(name)) ? name : undefined;
}

/** A version as a request or a step names it; undefined: the newest. */
export function requestedVersion(version: number | string | undefined): string | undefined {
  if (version === undefined || version === '' || version === -1 || version === '-1') {
    return undefined;
  }
  return typeof version === 'string' ? version : String(version);
}

/** Whether a relative path stays in the folder that it is relative to, whatever lies there. */
export function staysInside(file: string): boolean {
  if (file === '' || file.startsWith('/') || /[\0\\]/.test(file)) return false;
  return file.split('/').every((part) => part !== '..' && part !== '.' && part !== '');
}
