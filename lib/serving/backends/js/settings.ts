// JsSettings: what a config says of how a js model is executed.

import { ServingError } from '../../../errors.js';
import type { ModelConfig } from '../../config/model-config.js';

/** @internal */
export interface JsSettings {
  /** 'worker': a thread for each instance; 'process': on the thread of the repository. */
  readonly execution: 'worker' | 'process';
  readonly instances: number;
  /** Milliseconds a batch may take; 0: any. */
  readonly timeoutMs: number;
  readonly maxRestarts: number;
}

function wrong(model: string, reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_MODEL_CONFIG', `model '${model}': ${reason}`, hint);
}

function integer(config: ModelConfig, key: string, fallback: number, most: number): number {
  const text = config.parameters[key]?.string_value;
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw wrong(
      config.name,
      `expected an integer from 0 to ${most} for the parameter ${key}, got '${text}'`,
      'Change it in config.pbtxt.',
    );
  }
  return value;
}

/** Reads and checks them. @throws ERR_TRT_MODEL_CONFIG @internal */
export function jsSettings(config: ModelConfig): JsSettings {
  const execution = config.parameters.execution?.string_value ?? 'worker';
  if (execution !== 'worker' && execution !== 'process') {
    throw wrong(
      config.name,
      `expected 'worker' or 'process' for the parameter execution, got '${execution}'`,
      'Change it in config.pbtxt.',
    );
  }
  const timeoutMs = integer(config, 'timeout_ms', 0, 2 ** 31 - 1);
  if (timeoutMs > 0 && execution === 'process') {
    throw wrong(
      config.name,
      'timeout_ms cannot be kept in the process, where nothing can stop code that runs',
      'Leave it out, or use execution "worker".',
    );
  }
  for (const group of config.instance_group) {
    if (group.kind === 'KIND_GPU') {
      throw wrong(
        config.name,
        'instance_group has KIND_GPU, but js models run on the CPU',
        'Use KIND_CPU, or leave the kind out.',
      );
    }
  }
  const instances = config.instance_group.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  return {
    execution,
    instances: Math.max(1, instances),
    timeoutMs,
    maxRestarts: integer(config, 'max_restarts', 5, 1000),
  };
}
