// The inspector before anything else: node --test gives each file a process of its own, in which no CUDA context is current yet.
// TensorRT 10.6 then found no device, answered with empty texts, and crashed in the next execution context.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Runtime } from 'trt-node';
import { readPlan } from './support.js';

test('an inspector, then an execution context', () => {
  using runtime = new Runtime();
  for (const name of ['mlp.plan', 'slow.plan', 'lane.plan']) {
    const engine = runtime.deserializeEngine(readPlan(name));
    const inspector = engine.createInspector();
    assert.notEqual(inspector.layerInformation(0, 'json'), '', name);
    const { Layers } = JSON.parse(inspector.engineInformation('json')) as { Layers: unknown[] };
    assert.equal(Layers.length, engine.numLayers, name);
    engine.createExecutionContext();
    assert.notEqual(inspector.layerInformation(0, 'oneline'), '', name);
  }
});
