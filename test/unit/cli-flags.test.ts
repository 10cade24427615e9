// The command line's parsing: trtexec's flags, shapes and profiles, and wrong usage.

import { describe, expect, test } from 'vitest';
import { buildFlags } from '../../lib/cli/build-flags.js';
import { buildProfiles } from '../../lib/cli/build-profiles.js';
import {
  type Flag,
  UsageError,
  flagValues,
  flagsHelp,
  integerFlag,
  parseFlags,
} from '../../lib/cli/flags.js';
import { parseFiles, parseShapes } from '../../lib/cli/shapes.js';
import type { OnnxInfo } from '../../lib/inspect/onnx.js';

const flags: Flag[] = [
  { name: 'onnx', value: 'FILE', help: 'The model' },
  { name: 'device', value: 'N', help: 'Which device' },
  { name: 'fp16', help: 'Allow float16' },
  { name: 'input', aliases: ['i'], value: 'NAME:FILE', repeated: true },
  { name: 'explicitBatch', ignored: 'it is the only way now' },
];

function usage(action: () => unknown): UsageError {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('expected a usage error');
}

describe('parseFlags', () => {
  test('values after = or as the next word, positionals, aliases, --', () => {
    const words = ['a', '--onnx=x=y.onnx', '--fp16', '-i', 'p:q', '--input=r:s', '--', '--b'];
    const parsed = parseFlags(words, flags);
    expect(parsed.positionals).toEqual(['a', '--b']);
    expect(parsed.given).toEqual([
      { name: 'onnx', value: 'x=y.onnx' },
      { name: 'fp16', value: '' },
      { name: 'input', value: 'p:q' },
      { name: 'input', value: 'r:s' },
    ]);
    expect(flagValues(parsed, 'input')).toEqual(['p:q', 'r:s']);
  });

  test('obsolete flags are ignored with a word', () => {
    const { given, warnings } = parseFlags(['--explicitBatch'], flags);
    expect(given).toEqual([]);
    expect(warnings).toEqual(['--explicitBatch is ignored: it is the only way now']);
  });

  test.each([
    [['--fp61'], 'unknown flag --fp61', 'Did you mean --fp16?'],
    [['--onx=1'], 'unknown flag --onx', 'Did you mean --onnx?'],
    [['--zzzzzzzz'], 'unknown flag --zzzzzzzz', 'See --help'],
    [['-fp16'], 'unknown flag -fp16', 'Did you mean --fp16?'],
    [['--fp16=yes'], '--fp16 takes no value, got "yes"', 'Write --fp16.'],
    [['--onnx'], '--onnx needs a value', 'Write --onnx=FILE.'],
    [['--onnx', '--fp16'], '--onnx needs a value', 'Write --onnx=FILE.'],
    [['--onnx=a', '--onnx=b'], '--onnx was given twice', 'Give it once.'],
  ])('%j is wrong usage', (words, message, hint) => {
    const error = usage(() => parseFlags(words, flags));
    expect(error.message).toBe(message);
    expect(error.hint).toContain(hint);
  });

  test.each(['x', '1.5', '-1', '', '9'])('--device=%s is no index below 8', (value) => {
    const parsed = parseFlags([`--device=${value}`], flags);
    expect(usage(() => integerFlag(parsed, 'device', 0, 8)).message).toContain('from 0 to 8');
  });

  test('--help shows what has a help text', () => {
    expect(flagsHelp(flags)).toBe(
      '  --onnx=FILE  The model\n  --device=N   Which device\n  --fp16       Allow float16',
    );
  });
});

describe('parseShapes', () => {
  test.each([
    ['x:1x3x224x224', [['x', [1, 3, 224, 224]]]],
    [
      'input_ids:1x512,segment_ids:1x512',
      [
        ['input_ids', [1, 512]],
        ['segment_ids', [1, 512]],
      ],
    ],
    ['gpu_0/data_0:1x3', [['gpu_0/data_0', [1, 3]]]],
    ['Input:0:4', [['Input:0', [4]]]],
    [
      '\'a,b\':2,"c":3',
      [
        ['a,b', [2]],
        ['c', [3]],
      ],
    ],
    ['scalar:', [['scalar', []]]],
    ['values:-1x5', [['values', [-1, 5]]]],
  ])('%s', (text, expected) => {
    expect([...parseShapes(text, 'shapes')]).toEqual(expected);
  });

  test.each(['', 'x', '1x3', ':1x3', 'x:1xa', 'x:1,y', 'x:1.5'])('%j is wrong usage', (text) => {
    const error = usage(() => parseShapes(text, 'minShapes'));
    expect(error.message).toContain('--minShapes');
    expect(error.hint).toContain('--minShapes=name:1x3x224x224');
  });

  test('files', () => {
    expect([...parseFiles('x:a.npy,Input:0:b.bin', 'input')]).toEqual([
      ['x', 'a.npy'],
      ['Input:0', 'b.bin'],
    ]);
    expect(usage(() => parseFiles('a.npy', 'input')).hint).toBe('Write --input=name:data.npy.');
  });
});

const model = (inputs: OnnxInfo['inputs']): OnnxInfo => ({
  kind: 'onnx',
  name: '',
  irVersion: 8,
  opset: 17,
  opsets: {},
  producer: '',
  producerVersion: '',
  inputs,
  outputs: [],
  initializers: [],
  numNodes: 0,
  operators: {},
  weightsBytes: 0,
  weights: [],
  externalData: [],
  externalDataBytes: 0,
  domain: '',
  modelVersion: 0,
  metadata: {},
  subgraphs: [],
  functions: [],
  nodes: undefined,
  values: undefined,
});

function profiles(words: string[], inputs: OnnxInfo['inputs'] | undefined): [unknown[], string[]] {
  const warnings: string[] = [];
  const built = buildProfiles(parseFlags(words, buildFlags), inputs && model(inputs), warnings);
  return [built, warnings];
}

const bert = [
  { name: 'input_ids', dtype: 'int32', shape: ['b', 's'] },
  { name: 'segment_ids', dtype: 'int32', shape: ['b', 's'] },
] as const;
const pixels = { name: 'x', dtype: 'float32', shape: ['n', 3] } as const;

describe('buildProfiles', () => {
  test('the command line of a field report (S1)', () => {
    const words =
      '--minShapes=input_ids:1x512,segment_ids:1x512 --optShapes=input_ids:1x512,segment_ids:1x512 --maxShapes=input_ids:20x512,segment_ids:20x512 --device=0';
    const shape = { min: [1, 512], opt: [1, 512], max: [20, 512] };
    expect(profiles(words.split(' '), bert)).toEqual([
      [{ input_ids: shape, segment_ids: shape }],
      [],
    ]);
  });

  test('several profiles; flags before the first --profile belong to 0', () => {
    const words = [
      '--minShapes=x:1x3',
      '--maxShapes=x:4x3',
      '--profile=1',
      '--shapes=x:8x3',
      '--profile=0',
      '--optShapes=x:2x3',
    ];
    expect(profiles(words, [pixels])[0]).toEqual([
      { x: { min: [1, 3], opt: [2, 3], max: [4, 3] } },
      { x: { min: [8, 3], opt: [8, 3], max: [8, 3] } },
    ]);
  });

  test('what is missing of the three is taken from the others', () => {
    const one = (words: string[]): unknown =>
      (profiles(words, [pixels])[0] as { x: unknown }[])[0]?.x;
    expect(one(['--optShapes=x:2x3'])).toEqual({ min: [2, 3], opt: [2, 3], max: [2, 3] });
    expect(one(['--maxShapes=x:4x3'])).toEqual({ min: [4, 3], opt: [4, 3], max: [4, 3] });
    expect(one(['--minShapes=x:1x3', '--maxShapes=x:4x3'])).toEqual({
      min: [1, 3],
      opt: [4, 3],
      max: [4, 3],
    });
  });

  test('dynamic inputs without shapes get 1, with a warning', () => {
    const [built, warnings] = profiles([], [pixels, { name: 's', dtype: 'float32', shape: [2] }]);
    expect(built).toEqual([{ x: { min: [1, 3], opt: [1, 3], max: [1, 3] } }]);
    expect(warnings).toEqual([expect.stringContaining("'x' in profile 0: it will take 1x3 only")]);
    expect(profiles([], [{ name: 's', dtype: 'float32', shape: [2] }])).toEqual([[], []]);
  });

  test('numbers for a static input of integers are values of a shape tensor', () => {
    const shape = { name: 'shape', dtype: 'int64', shape: [2] } as const;
    const words = ['--minShapes=shape:1x1', '--optShapes=shape:4x16', '--maxShapes=shape:64x64'];
    expect(profiles(words, [shape])[0]).toEqual([
      { shape: { minValues: [1, 1], optValues: [4, 16], maxValues: [64, 64] } },
    ]);
    expect(profiles(['--shapes=k:5'], [{ name: 'k', dtype: 'int32', shape: [] }])[0]).toEqual([
      { k: { minValues: [5], optValues: [5], maxValues: [5] } },
    ]);
  });

  test('without a readable model the flags are taken as they are', () => {
    expect(profiles(['--shapes=q:5'], undefined)[0]).toEqual([
      { q: { min: [5], opt: [5], max: [5] } },
    ]);
  });

  test.each([
    [['--shapes=xs:1x3'], "the model has no input 'xs', but 'x'", "Did you mean 'x'?"],
    [['--profile=1', '--shapes=x:1x3'], 'profile 0 has no shapes', 'without gaps'],
    [['--profile=one'], '--profile needs a number', '--profile=0'],
  ])('%j is wrong usage', (words, message, hint) => {
    const error = usage(() => profiles(words, [pixels]));
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });
});

test('all flags of trtexec’s command lines in the field reports are known', () => {
  const lines = [
    '--onnx=ResNet50.onnx --saveEngine=model.plan --explicitBatch --useCudaGraph',
    '--workspace=10000 --minShapes=input_ids:1x1,segment_ids:1x1 --optShapes=input_ids:20x512,segment_ids:20x512',
    '--onnx=model.onnx --explicitBatch --optShapes=actual_input_1:16x3x224x224 --maxShapes=actual_input_1:32x3x224x224 --minShapes=actual_input_1:1x3x224x224 --best --saveEngine=model.plan --workspace=4096',
    '--onnx=m.onnx --saveEngine=p --fp16 --bf16 --int8 --fp8 --stronglyTyped --noTF32 --refit --vc --excludeLeanRuntime --memPoolSize=workspace:1024 --builderOptimizationLevel=3 --maxAuxStreams=2 --profilingVerbosity=detailed --hardwareCompatibilityLevel=ampere+ --timingCacheFile=t --verbose --device=0 --json',
  ];
  for (const line of lines) expect(() => parseFlags(line.split(' '), buildFlags)).not.toThrow();
});
