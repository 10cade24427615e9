// Errors of ours, as tests expect them: the exact code, a class, and what the message says.

import { expect } from 'vitest';
import { type AnyTensorRTError, type ErrorCode, isTensorRTError } from 'trt-node';

/** What `action` throws or rejects with; fails when it does neither. */
export async function thrownBy(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, but there was none');
}

/**
 * Expects `action` to fail with `code` and a message that holds each of `parts`, in any order, and that says what to do (a hint).
 * Returns the error.
 */
export async function expectError(
  action: () => unknown,
  code: ErrorCode,
  ...parts: (string | RegExp)[]
): Promise<AnyTensorRTError> {
  const error = await thrownBy(action);
  if (!isTensorRTError(error)) throw error;
  expect(`${error.code}: ${error.message}`).toContain(code);
  for (const part of parts) {
    if (typeof part === 'string') expect(error.message).toContain(part);
    else expect(error.message).toMatch(part);
  }
  expect(error.hint, `what to do about: ${error.message}`).not.toBe('');
  expect(error.message).toContain(error.hint);
  return error;
}
