// Opens models of the ensemble backend: pipelines of other models (ensemble_scheduling).

import type { OpenModel } from '../../model/loading.js';
import { EnsembleBackend } from './backend.js';
import { buildGraph, checkGraph } from './graph.js';
import { StepLimit } from './step-limit.js';

/** There is no file: the config says all, and is held against the configs of the models that it calls, which must be loaded. @internal */
export const openEnsemble: OpenModel = (_source, context) => {
  let backend: EnsembleBackend | undefined;
  return Promise.resolve({
    facts: undefined,
    // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to reject
    async start(config) {
      const graph = buildGraph(config);
      checkGraph(graph, config, context.models);
      const most = config.ensemble_scheduling?.max_inflight_requests ?? 0;
      const limits = graph.steps.map(() => new StepLimit(most));
      backend = new EnsembleBackend({ graph, config, context, limits });
      return backend;
    },
    async close() {
      await backend?.close();
    },
  });
};
