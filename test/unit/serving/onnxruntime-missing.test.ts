// A machine without onnxruntime-node: ONNX models say what to install, and nothing else of the package minds.

import { expect, test, vi } from 'vitest';
import { openOnnxRuntime } from '../../../lib/serving/backends/onnxruntime/open.js';
import { expectError } from '../../helpers/expect-error.js';
import { loadContext, modelConfig, modelSource } from '../../helpers/serving-models.js';

vi.mock('node:module', async (original) =>
  Object.assign({}, await original<object>(), {
    createRequire: () => ({
      resolve: (name: string): never => {
        throw new Error(`Cannot find module '${name}'`);
      },
    }),
  }),
);

test('the error names the package and how to install it', async () => {
  const config = modelConfig({ name: 'm', platform: 'onnxruntime_onnx' });
  const error = await expectError(
    () => openOnnxRuntime(modelSource(config, { '1/model.onnx': '' }), loadContext()),
    'ERR_TRT_MODEL_LOAD',
    "failed to load 'm': ONNX models need the package onnxruntime-node, which is not installed",
  );
  expect(String(error)).toContain('npm install onnxruntime-node');
});
