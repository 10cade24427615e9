// What the GPU tests share: where the plans lie, the input that known answers are for, and comparisons.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The package's root, also when the tests are bundled elsewhere: found through the package's own name. */
export const root = dirname(createRequire(import.meta.url).resolve('trt-node/package.json'));
export const plan = (name: string): string => join(root, 'test/fixtures/plans', name);
export const onnx = (name: string): string => join(root, 'test/fixtures/onnx', name);
export const readPlan = (name: string): Buffer => readFileSync(plan(name));

/** x[i] = ((i * 7919) mod 1000) / 1000 - 0.5 over the flat index: the input of the known answers. */
export function ramp(length: number, offset = -0.5): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 7919) % 1000) / 1000 + offset);
}

export function assertClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  expected.forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    assert.ok(
      Math.abs(got - value) <= tolerance,
      `${what}[${i}]: expected ${value} within ${tolerance}, got ${got}`,
    );
  });
}

/** The code of an error of ours, whatever it was thrown by. */
export async function codeOf(
  action: () => unknown,
): Promise<{ code: string; message: string; log: readonly string[] }> {
  try {
    await action();
  } catch (error) {
    const {
      code = '',
      message = '',
      log = [],
    } = error as { code?: string; message?: string; log?: string[] };
    return { code, message, log };
  }
  return { code: 'no error', message: '', log: [] };
}
