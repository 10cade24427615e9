// A backend that executes nothing: it keeps its batches until the test ends them, so that tests see what a scheduler decides.

import { parseModelConfig } from '../../lib/serving/config/text-format.js';
import { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { Backend, Batch, ModelMemory } from '../../lib/serving/model/backend.js';
import { ServedModel } from '../../lib/serving/model/served-model.js';
import { fitTogether } from '../../lib/serving/model/check-request.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import { TensorSpecs } from '../../lib/serving/model/tensor-specs.js';
import { Batcher } from '../../lib/serving/scheduler/batcher.js';

export class StubBackend implements Backend {
  readonly platform = 'stub';
  readonly broken = undefined;
  readonly batches: Batch[] = [];
  free: number;
  onFree: (() => void) | undefined;

  constructor(instances: number) {
    this.free = instances;
  }

  /** Sizes of all batches so far. */
  get sizes(): number[] {
    return this.batches.map(({ size }) => size);
  }

  execute(batch: Batch): void {
    if (this.free === 0) throw new Error('no instance is free');
    this.free--;
    this.batches.push(batch);
  }

  /** Answers batch `index`, each request with what its first input was. */
  finish(index: number): void {
    const batch = this.batches[index] as Batch;
    const now = performance.now();
    this.free++;
    for (const request of batch.requests) request.complete([request.inputs[0]]);
    batch.ended({ start: now, computeStart: now, computeEnd: now, end: now });
    this.onFree?.();
  }

  memory(): ModelMemory {
    return { deviceBytes: 0, pinnedBytes: 0, hostBytes: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A model of input x (INT32, dims: [ 1 ] unless `io` says other) under a config, on a stub. */
export function stubModel(
  text: string,
  instances = 1,
  dims = '1',
  maxQueueSize = 1000,
): { model: ServedModel; backend: StubBackend } {
  const config = parseModelConfig(
    `name: "stub" input [ { name: "x" data_type: TYPE_INT32 dims: [ ${dims} ] } ] output [ { name: "y" data_type: TYPE_INT32 dims: [ ${dims} ] } ] ${text}`,
    'config.pbtxt',
  );
  const backend = new StubBackend(instances);
  const statistics = new ModelStatistics();
  const specs = new TensorSpecs('stub', config);
  const scheduler = new Batcher({
    config,
    backend,
    statistics,
    maxQueueSize,
    fits: specs.uniform ? undefined : (a, b) => fitTogether(specs, a.inputs, b.inputs),
  });
  const model = new ServedModel({
    version: '1',
    config,
    specs,
    statistics,
    opened: {
      facts: undefined,
      start: () => Promise.reject(new Error('')),
      close: () => Promise.resolve(),
    },
    backend,
    check: undefined,
    scheduler,
    cache: undefined,
    loadSeconds: 0,
    labels: new Map(),
  });
  return { model, backend };
}

/** `values.length` items of one element each, the batch a request of INT32. */
export function items(...values: number[]): { x: InferTensor } {
  return { x: new InferTensor('INT32', Int32Array.from(values), [values.length, 1]) };
}
