// Layers out of TensorRT's inspector: the forms of its versions, what is missing or strange, and the tables made of them.

import { describe, expect, test } from 'vitest';
import {
  layerTable,
  middle,
  nodeTable,
  shapeText,
  textTable,
} from '../../lib/inspect/layer-table.js';
import { countBy, datatypeOf, parseLayer, parseLayers } from '../../lib/inspect/layers.js';
import { parseOnnx } from '../../lib/inspect/onnx.js';
import { readFileSync } from 'node:fs';
import { engineText } from '../../lib/inspect/text.js';
import { layer10, planInfo, tensor10 } from '../helpers/inspector.js';

const parse = (value: unknown): ReturnType<typeof parseLayer> =>
  parseLayer(JSON.stringify(value), 3, 0);

describe('a layer', () => {
  test('of TensorRT 8: format and type in one field, no metadata', () => {
    const layer = parse({
      Name: 'Conv_0 + Relu_1',
      LayerType: 'CaskConvolution',
      Inputs: [tensor10('in', 'Row major linear FP32', 1, 3, 8, 8)],
      Outputs: [tensor10('out', 'Channel major FP16 format where channel % 8 == 0', 1, 16, 4, 4)],
      ParameterType: 'Convolution',
      Kernel: [3, 3],
      Weights: { Type: 'Half', Count: 432 },
      TacticName: 'sm80_xmma_fprop',
      TacticValue: '0x0866ddee325d07a6',
    });
    expect(layer).toMatchObject({
      index: 3,
      name: 'Conv_0 + Relu_1',
      type: 'CaskConvolution',
      precision: 'float16',
      tacticName: 'sm80_xmma_fprop',
      tacticValue: '0x0866ddee325d07a6',
      streamId: undefined,
      onnxNodes: [],
      detailed: true,
    });
    expect(layer.inputs).toEqual([
      {
        name: 'in',
        shape: [1, 3, 8, 8],
        dtype: 'float32',
        format: 'Row major linear FP32',
        location: 'Device',
      },
    ]);
    expect(Object.keys(layer.attributes)).toEqual(['ParameterType', 'Kernel', 'Weights']);
  });

  test('of TensorRT 10: short types, stream, ONNX nodes', () => {
    const layer = parse(
      layer10(
        '__myl_Fc_myl0_1',
        'gemm',
        [tensor10('x', 'Half', -1, 8)],
        [tensor10('m', 'Half', -1, 4), tensor10('n', 'Int32'), tensor10('o', 'Half')],
        { StreamId: 2, Metadata: '[ONNX Layer: /a/MatMul]\u001e[ONNX Layer: /a/Add [b]]' },
      ),
    );
    expect(layer).toMatchObject({
      precision: 'float16+int32',
      streamId: 2,
      onnxNodes: ['/a/MatMul', '/a/Add [b]'],
    });
    expect(layer.outputs[1]).toMatchObject({ shape: [], dtype: 'int32' });
  });

  test.each([
    ['\u001f', ['a', 'b']],
    ['\u001e', ['a', 'b']],
    ['', ['a', 'b']],
    [' ', ['a', 'b']],
  ])('ONNX nodes parted by %j', (between, nodes) => {
    const Metadata = `[ONNX Layer: a]${between}[ONNX Layer: b]`;
    expect(parse({ Name: 'n', Metadata }).onnxNodes).toEqual(nodes);
  });

  test('with raw control characters, which JSON forbids', () => {
    const text = '{"Name": "n", "Metadata": "[ONNX Layer: a]\x1f[ONNX Layer: b]"}';
    expect(parseLayer(text, 0, 0).onnxNodes).toEqual(['a', 'b']);
  });

  test('of TensorRT 11: format and type apart', () => {
    const tensor = { Name: 't', Dimensions: [2], Format: 'Row major linear', Datatype: 'BFloat16' };
    expect(parse({ Name: 'n', Inputs: [tensor], Outputs: [] }).inputs[0]).toMatchObject({
      dtype: 'bfloat16',
      format: 'Row major linear',
    });
    const other = { Name: 't', Dimensions: [2], Format: 'LINEAR', DataType: 'FP8' };
    expect(parse({ Name: 'n', Inputs: [other] }).inputs[0]).toMatchObject({ dtype: 'fp8' });
  });

  test.each([['"a layer"'], ['"a layer"\n'], ['a layer\n']])('as a name alone: %j', (text) => {
    expect(parseLayer(text, 0, 1)).toMatchObject({
      name: 'a layer',
      profile: 1,
      type: undefined,
      precision: undefined,
      detailed: false,
    });
  });

  test.each([
    ['""', ''],
    ['', ''],
    ['null', ''],
    ['[1, 2]', ''],
    ['7', ''],
    ['{"Name": 5, "Inputs": 7, "Outputs": {}, "Metadata": [], "StreamId": "x"}', ''],
    ['{"Name": "a", "Inputs": [null, 5, "t", {"Dimensions": ["n"], "Name": {}}]}', 'a'],
    ['{"Name": "a", "Inputs": [{"Format/Datatype": "N/A due to dynamic shapes"}]}', 'a'],
  ])('strange: %s', (text, name) => {
    const layer = parseLayer(text, 0, 0);
    expect(layer.name).toBe(name);
    for (const tensor of layer.inputs) {
      expect(tensor).toMatchObject({ shape: undefined, dtype: undefined });
    }
  });

  test('types in their words', () => {
    const words = [
      'Float',
      'Row major linear INT8',
      'BF16',
      'Two wide channel vectorized FP16 format',
    ];
    expect(words.map(datatypeOf)).toEqual(['float32', 'int8', 'bfloat16', 'float16']);
    expect(datatypeOf('Unknown')).toBeUndefined();
  });
});

describe('layers of several profiles', () => {
  test('by number, unless the name says it', () => {
    const names = ['a', 'b', 'a [profile 1]', 'b [profile 1]'];
    const layers = parseLayers((index) => JSON.stringify(names[index]), 4, 2);
    expect(layers.map((layer) => layer.profile)).toEqual([0, 0, 1, 1]);
    const uneven = parseLayers((index) => JSON.stringify(['a', 'b', 'a [profile 1]'][index]), 3, 2);
    expect(uneven.map((layer) => layer.profile)).toEqual([0, 0, 1]);
  });
});

describe('tables', () => {
  const layers = [
    layer10(
      'conv',
      'CaskConvolution',
      [tensor10('x', 'Float', 1, 8)],
      [tensor10('m', 'Half', 1, 8)],
    ),
    layer10(
      `${'long'.repeat(30)}end`,
      'CaskConvolution',
      [tensor10('m', 'Half', 1, 8), tensor10('m', 'Half', 1, 8)],
      [tensor10('y', 'Float', 1, 4)],
      { TacticName: undefined, TacticValue: '0x2a', StreamId: 1 },
    ),
  ];
  const { engine } = planInfo(layers);

  test('of layers, with totals', () => {
    expect(layerTable(engine!)).toBe(`---- 2 Layer(s) ----

#  Name                                              Type             Inputs → outputs         Tactic                Stream
-  ------------------------------------------------  ---------------  -----------------------  --------------------  ------
0  conv                                              CaskConvolution  fp32[1×8] → fp16[1×8]    sm90_CaskConvolution  0
1  longlonglonglonglonglong…longlonglonglonglongend  CaskConvolution  2·fp16[1×8] → fp32[1×4]  0x2a                  1

Type             Layers  By type of output
---------------  ------  -----------------
CaskConvolution  2       fp16 1, fp32 1
`);
  });

  test('in full', () => {
    expect(layerTable(engine!, { wide: true })).toContain(`${'long'.repeat(30)}end`);
  });

  test('of names alone, with what to do', () => {
    const table = layerTable(planInfo(['a', 'b']).engine!);
    expect(table).toContain('#  Name\n-  ----\n0  a\n1  b\n');
    expect(table).toContain('--profilingVerbosity=detailed');
  });

  test('of nodes', () => {
    const model = parseOnnx(readFileSync('test/fixtures/onnx/mlp.onnx'), { nodes: true });
    expect(nodeTable(model)).toContain('MatMul    x fp32[n×64], W fp32[64×32]  m');
  });

  test('names cannot command the terminal', () => {
    const { engine: evil } = planInfo([layer10('a\x1b[2Jb\nc', 'T\x07', [], [])]);
    // eslint-disable-next-line no-control-regex -- that is the point
    expect(layerTable(evil!)).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  test('their parts', () => {
    expect(middle('abcdefghij', 5)).toBe('ab…ij');
    expect(middle('abc', 5)).toBe('abc');
    expect([[], [-1, 3], undefined, ['n', 2]].map(shapeText)).toEqual(['scalar', '?×3', '', 'n×2']);
    expect(textTable(['a', 'b'], [['xx', 'y']])).toBe('a   b\n--  -\nxx  y');
    expect(countBy(['b', 'a', undefined, 'b'])).toEqual({ b: 2, a: 1 });
  });

  test('polygraphy’s form, with attributes', () => {
    const text = engineText(engine!, { layers: true, attrs: true });
    expect(text).toContain(`    Layer 0    | conv [Op: CaskConvolution]
        {x [dtype=float32, shape=(1, 8)]}
         -> {m [dtype=float16, shape=(1, 8)]}
        ---- Attributes ----
        tacticName = sm90_CaskConvolution
        streamId = 0
`);
    expect(engineText(engine!)).not.toContain('Layer 0');
  });
});
