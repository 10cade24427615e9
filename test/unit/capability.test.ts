// What the parser says of a model: checkModel, the errors of build(), and trt-node inspect --capability.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { BuildError, build, checkModel } from 'trt-node';
import { boundary, readModelNodes } from '../../lib/build/model-nodes.js';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { makeOnnx, strangeModel } from '../helpers/onnx-maker.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const model = makeOnnx(strangeModel);
const profiles = [{ x: { min: [1, 4], opt: [2, 4], max: [8, 4] } }];

const unsupported = [
  {
    operator: 'Strange',
    domain: 'com.example',
    nodes: [
      { index: 1, name: 'odd_1' },
      { index: 4, name: 'odd_3' },
    ],
  },
  { operator: 'Frobnicate', domain: '', nodes: [{ index: 3, name: 'odd_2' }] },
];
const subgraphs = [
  { supported: true, nodes: [0], inputs: ['x'], outputs: ['a'] },
  { supported: false, nodes: [1], inputs: ['a'], outputs: ['b'] },
  { supported: true, nodes: [2], inputs: ['b'], outputs: ['c'] },
  { supported: false, nodes: [3], inputs: ['c'], outputs: ['d'] },
  { supported: false, nodes: [4], inputs: ['d'], outputs: ['y'] },
];

describe('checkModel', () => {
  test('a model that can be built', async () => {
    const capability = await checkModel('test/fixtures/onnx/mlp.onnx', reference);
    expect(capability).toMatchObject({ runtime: 'reference', supported: true, unsupported: [] });
    expect(capability.errors).toEqual([]);
    expect(capability.subgraphs).toHaveLength(1);
    expect(capability.subgraphs[0]).toMatchObject({
      supported: true,
      inputs: ['x'],
      outputs: ['y'],
    });
    expect(capability.numNodes).toBe(capability.subgraphs[0]?.nodes.length);
  });

  test('one that cannot: all operators at once, and the sub-graphs that would work', async () => {
    const capability = await checkModel(model, reference);
    expect(capability).toMatchObject({ supported: false, numNodes: 5, unsupported, subgraphs });
    expect(capability.errors.map(({ node }) => node).sort()).toEqual([1, 3, 4]);
    expect(capability.errors.find(({ node }) => node === 1)).toMatchObject({
      code: 'kUNSUPPORTED_NODE',
      nodeName: 'odd_1',
      nodeOperator: 'Strange',
      domain: 'com.example',
      opset: 1,
    });
    expect(capability.errors.find(({ node }) => node === 3)).toMatchObject({
      domain: '',
      opset: 17,
    });
  });

  test('what is no model, no file, or no option', async () => {
    await expectError(() => checkModel(Buffer.from('no model'), reference), 'ERR_TRT_PARSE');
    await expectError(() => checkModel('no/such.onnx', reference), 'ERR_TRT_FILE', 'no/such.onnx');
    await expectError(
      () => checkModel(model, { ...reference, devices: 1 } as never),
      'ERR_TRT_INVALID_ARGUMENT',
      "'device'",
    );
  });
});

test('the error of build() has the same', async () => {
  const error = await expectError(
    () => build({ ...reference, onnx: model, profiles }),
    'ERR_TRT_PARSE',
  );
  if (!(error instanceof BuildError)) throw new Error('no BuildError');
  expect(error.unsupported).toMatchObject(unsupported);
  expect(error.subgraphs).toEqual(subgraphs);
  expect(error.modelErrors).toHaveLength(3);
  expect(error.message).toContain(
    'unsupported operators: com.example::Strange (2 nodes), Frobnicate (1 node)',
  );
  expect(error.hint).toContain('2 nodes of 5 would work, in 2 sub-graphs');
  expect(error.log.length).toBeGreaterThan(0);
  expect(error.call).toBe('IParser::parse');
});

describe('the command line', () => {
  function modelFile(): string {
    const file = path.join(tempFolder(), 'strange.onnx');
    writeFileSync(file, model);
    return file;
  }

  test('inspect --capability', async () => {
    const file = modelFile();
    const text = await cli(`inspect ${file} --capability --runtime=reference`);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain('can build not all of its 5 nodes');
    expect(text.stdout).toContain("com.example::Strange  2 nodes: 1 'odd_1', 4 'odd_3'");
    expect(text.stdout).toContain('0: would work, 1 node (0): x → a');
    expect(text.stdout).toContain('4: unsupported, 1 node (4): d → y');
    const json = await cliJson(`inspect ${file} --capability --runtime=reference`);
    expect(json.data).toMatchObject({
      kind: 'capability',
      supported: false,
      unsupported,
      subgraphs,
    });
    const good = await cli('inspect test/fixtures/onnx/mlp.onnx --capability --runtime=reference');
    expect(good).toMatchObject({ status: 0, stderr: '' });
  });

  test('build says it in two lines, and in JSON', async () => {
    const file = modelFile();
    const words = `build --onnx=${file} --saveEngine=${file}.plan --shapes=x:2x4 --runtime=reference`;
    expectTwoLines(await cli(words), 1, 'com.example::Strange (2 nodes)', '--capability');
    const { data } = await cliJson(words);
    expect(data.error).toMatchObject({ code: 'ERR_TRT_PARSE', unsupported, subgraphs });
  });
});

test('what a branch takes from outside is an input of its node', () => {
  const nodes = readModelNodes(model);
  expect(nodes.inputs).toEqual(['x']);
  expect(nodes.opsets).toEqual(
    new Map([
      ['', 17],
      ['com.example', 1],
    ]),
  );
  expect(boundary(nodes, [0, 2])).toEqual({ inputs: ['x', 'b'], outputs: ['a', 'c'] });
  for (let length = 1; length < model.length; length += 7) {
    try {
      readModelNodes(model.subarray(0, length));
    } catch (error) {
      expect((error as Error).message).toMatch(/byte|no graph/);
    }
  }
});
