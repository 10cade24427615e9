// Two plans, or two models, against each other: what is matched, what is told, and the exit status.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { build, diff, diffOnnx, diffPlans } from 'trt-node';
import { diffText } from '../../lib/inspect/diff-text.js';
import { matchLayers } from '../../lib/inspect/match.js';
import { parseOnnx } from '../../lib/inspect/onnx.js';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { ioTensor, layer10, planInfo, tensor10 } from '../helpers/inspector.js';
import { reference, referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const layers = (type: string, suffix = ''): ReturnType<typeof layer10>[] => [
  layer10('conv', 'CaskConvolution', [tensor10('x', 'Float', 1, 8)], [tensor10('m', type, 1, 8)]),
  layer10(
    `__myl_MulAdd${suffix}`,
    'kgen',
    [tensor10(`m${suffix}`, type, 1, 8)],
    [tensor10('n', type, 1, 8)],
    { Metadata: '[ONNX Layer: /mul]\u001e[ONNX Layer: /add]', TacticName: `__myl_0x${suffix}` },
  ),
  layer10(
    `__unnamed${suffix}`,
    'gemm',
    [tensor10('n', type, 1, 8)],
    [tensor10('y', 'Float', 1, 4)],
  ),
];

describe('matching', () => {
  const layer = (
    name: string,
    type = 'T',
    ...onnxNodes: string[]
  ): { name: string; type: string; onnxNodes: string[] } => ({ name, type, onnxNodes });

  test('by name, the same name twice in order', () => {
    expect(
      matchLayers([layer('a'), layer('a'), layer('b')], [layer('b'), layer('a'), layer('a')]),
    ).toEqual([
      { a: 0, b: 1, by: 'name' },
      { a: 1, b: 2, by: 'name' },
      { a: 2, b: 0, by: 'name' },
    ]);
  });

  test('by ONNX nodes, most of which must be common', () => {
    const a = [layer('a1', 'T', 'p', 'q', 'r'), layer('a2', 'T', 's', 't', 'u')];
    const b = [layer('b1', 'U', 's'), layer('b2', 'U', 'q', 'p'), layer('b3', 'U', 'z')];
    expect(matchLayers(a, b)).toEqual([{ a: 0, b: 1, by: 'onnx' }]);
  });

  test('by ONNX nodes, of equals that of the same type', () => {
    const b = [layer('copy', 'Reformat', 'p'), layer('fc', 'gemm', 'p')];
    expect(matchLayers([layer('a', 'gemm', 'p')], b)).toEqual([{ a: 0, b: 1, by: 'onnx' }]);
  });

  test('by order between others, of the same type only', () => {
    const a = [layer('first'), layer('a1', 'gemm'), layer('a2', 'copy'), layer('last')];
    const b = [layer('first'), layer('b1', 'gemm'), layer('last'), layer('b2', 'copy')];
    expect(matchLayers(a, b)).toEqual([
      { a: 0, b: 0, by: 'name' },
      { a: 1, b: 1, by: 'order' },
      { a: 3, b: 2, by: 'name' },
    ]);
  });
});

describe('plans', () => {
  test('that are the same, but for the size of the file', () => {
    const a = planInfo(layers('Half'));
    const found = diffPlans(a, { ...a, header: { ...a.header, bytes: 1001 } });
    expect(found).toMatchObject({ same: true, layers: { unchanged: 3, changed: [] } });
    expect(diffText(found)).toMatch(
      /^Same: nothing differs\.\n3 and 3 layers, 3 of them unchanged\./,
    );
  });

  test('of other precision, with other fused names', () => {
    const found = diffPlans(planInfo(layers('Float')), planInfo(layers('Half', '_b')));
    expect(found.same).toBe(false);
    expect(found.precisions).toEqual([
      { name: 'float32', a: 3, b: 1 },
      { name: 'float16', a: 0, b: 2 },
    ]);
    expect(found.types).toEqual([]);
    expect(found.layers).toMatchObject({ a: 3, b: 3, unchanged: 0, added: [], removed: [] });
    expect(found.layers.changed.map(({ a, b, matchedBy }) => [a, b, matchedBy])).toEqual([
      ['conv', 'conv', 'name'],
      ['__myl_MulAdd', '__myl_MulAdd_b', 'onnx'],
      ['__unnamed', '__unnamed_b', 'order'],
    ]);
    const whats = found.layers.changed.map(({ changes }) => changes.map(({ what }) => what));
    expect(whats).toEqual([
      ['precision', 'outputs'],
      ['name', 'precision', 'tactic', 'inputs', 'outputs'],
      ['name', 'inputs'],
    ]);
    const text = diffText(found);
    expect(text).toMatch(
      /^Different: 3 layers changed\.\n3 and 3 layers, 0 of them unchanged\.\nCounts: fp32 3 → 1, fp16 0 → 2\.\n/,
    );
    expect(text).toContain('precision  float32');
  });

  test('with other engines, inputs, profiles, memory, headers', () => {
    const a = planInfo(layers('Half'));
    const x = ioTensor('x', 'input', [2, 8]);
    const z = ioTensor('z', 'output', [2, 4]);
    const b = planInfo(layers('Half').slice(0, 2), {
      numAuxStreams: 2,
      refittable: true,
      deviceMemoryBytes: 8192,
      inputs: [x],
      outputs: [z],
      tensors: [x, z],
    });
    const found = diffPlans(a, {
      ...b,
      header: { ...b.header, version: '10.7.0.1', computeCapability: [8, 6] },
    });
    expect(found.header).toEqual([
      { what: 'version', a: '10.6.0.26', b: '10.7.0.1' },
      { what: 'computeCapability', a: [9, 0], b: [8, 6] },
    ]);
    expect(found.engine.map(({ what }) => what)).toEqual([
      'numLayers',
      'numAuxStreams',
      'refittable',
    ]);
    expect(found.memory).toEqual([{ what: 'deviceMemoryBytes', a: 4096, b: 8192 }]);
    expect(found.tensors).toMatchObject([
      { what: 'x shape', a: [1, 8], b: [2, 8] },
      { what: 'y', b: undefined },
      { what: 'z', a: undefined },
    ]);
    expect(found.profiles.map(({ what }) => what)).toEqual(['x profile 0']);
    expect(found.layers.removed).toEqual([
      { profile: 0, name: '__unnamed', type: 'gemm', precision: 'float32' },
    ]);
    const text = diffText(found);
    for (const part of [
      'Header',
      'Engine',
      'Memory',
      'Inputs and outputs',
      'Profiles',
      'Layers by type',
    ]) {
      expect(text).toContain(`---- ${part} ----`);
    }
    expect(text).toContain('---- Layers only in the first (1) ----');
    expect(text).toMatch(/gemm +1 +0 +-1/);
  });

  test('of which one tells no details: by name alone', () => {
    const found = diffPlans(planInfo(layers('Half')), planInfo(['conv', 'other']));
    expect(found).toMatchObject({ types: [], precisions: [] });
    expect(found.layers).toMatchObject({ detailed: false, unchanged: 1, changed: [] });
    expect(found.layers.removed.map(({ name }) => name)).toEqual(['__myl_MulAdd', '__unnamed']);
    expect(diffText(found)).toContain('compared by name alone');
  });

  test('of which one could not be read: the headers', () => {
    const a = planInfo(layers('Half'));
    expect(diffPlans(a, { ...a, engine: undefined })).toMatchObject({ same: false, header: [] });
  });
});

describe('models', () => {
  const read = (name: string): ReturnType<typeof parseOnnx> =>
    parseOnnx(readFileSync(`test/fixtures/onnx/${name}.onnx`), { nodes: true });

  test('the same', () => {
    expect(diffOnnx(read('lane'), read('lane'))).toMatchObject({ same: true });
  });

  test('with other nodes, weights, attributes', () => {
    const a = read('mlp');
    const b = {
      ...a,
      opsets: { '': 18 },
      initializers: a.initializers.map((weight) => ({ ...weight, shape: [64, 16] })),
      nodes: a.nodes!.map((node) =>
        node.operator === 'Softmax' ? { ...node, attributes: { axis: 0 } } : node,
      ),
    };
    const found = diffOnnx(a, b);
    expect(found.model.map(({ what }) => what)).toEqual(['opsets']);
    expect(found.weights).toEqual([{ what: 'W shape', a: [64, 32], b: [64, 16] }]);
    expect(found.layers.changed).toMatchObject([
      {
        a: '(y)',
        matchedBy: 'name',
        changes: [{ what: 'attributes', a: { axis: -1 }, b: { axis: 0 } }],
      },
    ]);
    expect(diffText(found)).toMatch(
      /^Different: 1 property of the model, 1 of weights, 1 node changed\./,
    );
  });
});

describe('diff() and trt-node inspect --diff', () => {
  async function plans(): Promise<[string, string]> {
    const folder = tempFolder();
    const [a, b] = [path.join(folder, 'a.plan'), path.join(folder, 'b.plan')];
    writeFileSync(a, await referencePlan('mlp'));
    const profiles = [{ x: [4, 64] }];
    writeFileSync(b, await build({ ...reference, onnx: 'test/fixtures/onnx/mlp.onnx', profiles }));
    return [a, b];
  }

  test('the same: status 0', async () => {
    const [a] = await plans();
    const { status, stdout, stderr } = await cli(`inspect ${a} --diff=${a}`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('Same: nothing differs.');
  });

  test('different: status 1, and nothing on stderr', async () => {
    const [a, b] = await plans();
    const { status, stdout, stderr } = await cli(`inspect ${a} --diff=${b}`);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/numOptimizationProfiles +2 +1/);
    const { data } = await cliJson(`inspect ${a} --diff=${b}`);
    expect(data).toMatchObject({ kind: 'plan', same: false, a, b, header: [{ what: 'bytes' }] });
    const found = await diff(a, b, reference);
    expect(found.a).toMatchObject({ kind: 'plan', header: { runtime: 'reference' } });
    expect(found.diff.same).toBe(false);
  });

  test('a plan and a model; a plan that cannot be read', async () => {
    const [a] = await plans();
    const model = 'test/fixtures/onnx/mlp.onnx';
    expectTwoLines(
      await cli(`inspect ${a} --diff=${model}`),
      1,
      '[ERR_TRT_INVALID_ARGUMENT]',
      'two',
    );
    await expectError(() => diff(a, model, reference), 'ERR_TRT_INVALID_ARGUMENT', 'a plan and');
    await expectError(
      () => diff(a, a, { layers: true } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      'got "layers"',
    );
    const other = await cli(`inspect test/fixtures/plans/mlp.plan --diff=${a} --runtime=reference`);
    expectTwoLines(other, 1, '[ERR_TRT_PLAN_RUNTIME]', '');
    expect(other.stdout).toContain('---- Header ----');
    const missing = await cli(`inspect ${a} --diff=no/such/file`);
    expectTwoLines(missing, 1, '[ERR_TRT_FILE]', '');
  });
});
