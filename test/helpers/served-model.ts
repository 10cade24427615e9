// Models in service in tests: a plan of the reference runtime under a config, loaded as a repository would.

import { onTestFinished } from 'vitest';
import { parseModelConfig } from '../../lib/serving/config/text-format.js';
import type { LoadContext, LoadedVersion } from '../../lib/serving/model/loading.js';
import { loadModelVersion } from '../../lib/serving/model/load-version.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import { reference, referencePlan } from './reference.js';

/** What all models of a test share. */
export function loadContext(overrides: Partial<LoadContext> = {}): LoadContext {
  const missing = (): never => {
    throw new Error('this test has no other models');
  };
  return {
    platform: reference,
    devices: [0],
    autoComplete: true,
    models: { request: missing, config: missing },
    cache: undefined,
    limiter: undefined,
    backendConfig: {},
    maxQueueSize: 100_000,
    log: () => undefined,
    ...overrides,
  };
}

/** What a test says of a model besides its config. */
export interface ServedOptions {
  readonly context?: Partial<LoadContext>;
  /** More files in the model's folder. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly plan?: Uint8Array;
}

/** A fixture model in service, closed when the calling test ends. `config`: of config.pbtxt, without name; undefined: none. */
export async function servePlan(
  model: string,
  config: string | undefined,
  options: ServedOptions = {},
): Promise<LoadedVersion> {
  const plan = options.plan ?? (await referencePlan(model));
  const text = `name: "${model}"\nplatform: "tensorrt_plan"\n${config ?? ''}`;
  const served = await loadModelVersion(
    {
      name: model,
      version: '1',
      config: config === undefined ? undefined : parseModelConfig(text, 'config.pbtxt'),
      folder: undefined,
      files: new Map([['1/model.plan', plan], ...Object.entries(options.files ?? {})]),
      statistics: new ModelStatistics(),
    },
    loadContext(options.context),
  );
  onTestFinished(() => served.close());
  return served;
}
