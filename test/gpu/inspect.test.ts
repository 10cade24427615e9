// What TensorRT's own inspector tells, parsed, drawn and compared: plans of the fixture models, built with all details, and without.
// $OUT, where it is set, gets the inspector's JSON as inspector-MAJOR.MINOR.json (of mlp) and the drawings, to be looked at.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type PlanInfo, Runtime, build, diffPlans, drawGraph, inspect } from 'trt-node';
import { knownAnswer } from '../helpers/known-answers.js';
import { onnx, plan } from './support.js';

const skip = process.env.TRT_NODE_TEST_BUILDER === '1' ? false : 'TRT_NODE_TEST_BUILDER is not 1';

function save(name: string, text: string): void {
  if (process.env.OUT) writeFileSync(join(process.env.OUT, name), text);
}

async function inspected(file: string | Uint8Array): Promise<PlanInfo> {
  const info = await inspect(file, { layers: true });
  assert.ok(info.kind === 'plan');
  assert.equal(info.error, undefined);
  return info;
}

/** A plan of a fixture model with all details, at a low optimization level. */
async function detailed(name: string, options: { fp16?: boolean } = {}): Promise<Uint8Array> {
  return build({
    ...knownAnswer(name).build,
    fp16: false,
    ...options,
    onnx: onnx(`${name}.onnx`),
    builderOptimizationLevel: name === 'lane' ? 0 : 1,
    profilingVerbosity: 'detailed',
  });
}

/** The numbers of nodes and arrows in a drawing, and whether every output can be reached from an input. */
function drawn(svg: string): { nodes: number; arrows: number; reached: boolean } {
  const arrows = [...svg.matchAll(/data-from="(\d+)" data-to="(\d+)"/g)];
  const ends = (word: string): string[] =>
    [...svg.matchAll(/data-id="(\d+)"[^>]*><title>(\w+):/g)].flatMap(([, id = '', title]) =>
      title === word ? [id] : [],
    );
  const seen = new Set(ends('Input'));
  for (const id of seen) for (const [, from, to = ''] of arrows) if (from === id) seen.add(to);
  return {
    nodes: (svg.match(/data-id="/g) ?? []).length,
    arrows: arrows.length,
    reached: ends('Output').every((id) => seen.has(id)),
  };
}

for (const name of ['mlp', 'lane']) {
  test(`${name}: layers, drawing, and what float16 changes`, { skip }, async () => {
    const bytes = await detailed(name);
    const info = await inspected(bytes);
    const layers = info.engine?.layers ?? [];
    assert.ok(layers.length > 0);
    for (const layer of layers) {
      assert.ok(layer.detailed, `${layer.name} tells no inputs and outputs`);
      assert.ok(layer.type, `${layer.name} has no type`);
      for (const tensor of [...layer.inputs, ...layer.outputs]) {
        assert.ok(tensor.name !== '', `a tensor of ${layer.name} has no name`);
        assert.ok(tensor.shape, `${tensor.name} has no shape`);
      }
    }
    assert.ok(
      layers.some((layer) => layer.outputs.some((tensor) => tensor.dtype === 'float32')),
      'no type was understood',
    );
    assert.ok(
      layers.some((layer) => layer.onnxNodes.length > 0),
      'no layer names its ONNX nodes',
    );

    const own = layers.filter((layer) => layer.profile === 0);
    const svg = drawGraph(info);
    save(`${name}.svg`, svg);
    save(`${name}.html`, drawGraph(info, { format: 'html' }));
    const picture = drawn(svg);
    const tensors = info.engine?.tensors.length ?? 0;
    assert.equal(picture.nodes, own.length + tensors);
    assert.ok(picture.arrows >= tensors);
    assert.ok(picture.reached, 'the output is not connected with the input');

    assert.equal(diffPlans(info, info).same, true);
    const half = await inspected(await detailed(name, { fp16: true }));
    const found = diffPlans(info, half);
    save(`${name}-diff.json`, JSON.stringify(found, null, 2));
    // Of so small a model as mlp TensorRT may find float32 faster.
    if (name === 'lane') {
      assert.equal(found.same, false);
      const float16 = found.precisions.find((count) => count.name.includes('float16'));
      assert.ok(float16 && float16.b > float16.a, JSON.stringify(found.precisions));
      assert.ok(
        found.layers.changed.some(({ changes }) =>
          changes.some(({ what }) => what === 'precision'),
        ),
        'no layer was matched with its float16 form',
      );
    }
  });
}

test('the inspector’s JSON as it is', { skip }, async () => {
  using runtime = new Runtime();
  using engine = runtime.deserializeEngine(await detailed('mlp'));
  using inspector = engine.createInspector();
  const text = inspector.engineInformation('json');
  save(`inspector-${runtime.version.split('.').slice(0, 2).join('.')}.json`, text);
  const information = JSON.parse(text) as { Layers?: unknown[] };
  assert.equal(information.Layers?.length, engine.numLayers);
});

test('plans with and without details, as their verbosity says', async () => {
  let without = 0;
  for (const name of ['mlp', 'lane', 'slow', 'two_inputs', 'nonzero']) {
    const info = await inspected(plan(`${name}.plan`));
    const layers = info.engine?.layers ?? [];
    const detailed = info.engine?.profilingVerbosity === 'detailed';
    const unnamed = layers.filter((layer) => layer.name === '');
    assert.deepEqual(unnamed, [], `${name}: layers without a name of ${layers.length}`);
    assert.ok(
      layers.every((layer) => layer.detailed === detailed),
      `${name}: ${String(detailed)}`,
    );
    if (detailed) continue;
    without++;
    const svg = drawGraph(info);
    assert.equal(drawn(svg).arrows, 0);
    assert.match(svg, /--profilingVerbosity=detailed/);
  }
  assert.ok(without > 0, 'every plan has details');
});
