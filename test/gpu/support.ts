// What the GPU tests share: where the plans lie, and the code of an error. Known answers are in ../helpers/known-answers.ts.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The package's root, also when the tests are bundled elsewhere: found through the package's own name. */
export const root = dirname(createRequire(import.meta.url).resolve('trt-node/package.json'));
export const plan = (name: string): string => join(root, 'test/fixtures/plans', name);
export const onnx = (name: string): string => join(root, 'test/fixtures/onnx', name);
export const readPlan = (name: string): Buffer => readFileSync(plan(name));

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
