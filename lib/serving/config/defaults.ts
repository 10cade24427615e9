// Defaults: a config in which nothing is said.

import { configShape, emptyMessage } from './fields.js';
import type { ModelConfig } from './model-config.js';

/** An empty config: lists and maps empty, numbers 0, no messages. */
export function emptyModelConfig(name = ''): ModelConfig {
  return { ...(emptyMessage(configShape()) as unknown as ModelConfig), name };
}
