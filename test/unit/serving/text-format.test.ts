// config.pbtxt: everything that protobuf's text format allows, and what it says of what it does not.

import { describe, expect, test } from 'vitest';
import { emptyModelConfig } from '../../../lib/serving/config/defaults.js';
import {
  formatModelConfig,
  maxConfigLength,
  parseModelConfig,
} from '../../../lib/serving/config/text-format.js';
import { expectError } from '../../helpers/expect-error.js';

function parse(text: string) {
  return parseModelConfig(text, 'config.pbtxt');
}

async function refused(text: string, ...parts: (string | RegExp)[]) {
  await expectError(() => parse(text), 'ERR_TRT_MODEL_CONFIG', ...parts);
}

const nothing = emptyModelConfig();

/** A minimal input, with every field. */
function input(name: string, dims: number[] = []) {
  return {
    name,
    data_type: 'TYPE_INVALID',
    format: 'FORMAT_NONE',
    dims,
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

describe('what is read', () => {
  test('nothing gives every list and map, and no message', () => {
    expect(parse('')).toEqual(nothing);
    expect(parse('\uFEFF # only a comment\r\n')).toEqual(nothing);
    expect(nothing).toEqual({
      name: '',
      platform: '',
      backend: '',
      runtime: '',
      max_batch_size: 0,
      input: [],
      output: [],
      batch_input: [],
      batch_output: [],
      instance_group: [],
      default_model_filename: '',
      cc_model_filenames: {},
      metric_tags: {},
      parameters: {},
      model_warmup: [],
    });
  });

  test.each([
    ['a list of messages', 'input [ { name: "a" }, { name: "b" } ]'],
    ['a list with a colon', 'input: [ { name: "a" }, { name: "b" } ]'],
    ['a field repeated', 'input { name: "a" } input: { name: "b" }'],
    ['angle brackets', 'input < name: "a" > input [ < name: "b" > ]'],
    ['separators', 'input { name: "a", }; input { name: "b"; },'],
    ['no space at all', 'input{name:"a"}input{name:"b"}'],
    [
      'comments and lines of Windows',
      '# x\r\ninput { # {\r\nname: "a" }\r\ninput { name: "b" } # end',
    ],
  ])('%s', (_, text) => {
    expect(parse(text)).toEqual({ ...nothing, input: [input('a'), input('b')] });
  });

  test.each([
    ['dims: [ 3, 224 ]', [3, 224]],
    ['dims: 3 dims: 224', [3, 224]],
    ['dims: [ 3 ], dims: 4 dims: [ ]', [3, 4]],
    ['dims: []', []],
    ['dims: [ -1, - 1, 0x10, -0X1f, 017, 0 ]', [-1, -1, 16, -31, 15, 0]],
    ['dims: [9007199254740991,-9007199254740991]', [9007199254740991, -9007199254740991]],
  ])('numbers: %s', (text, dims) => {
    expect(parse(`input { ${text} }`).input[0]?.dims).toEqual(dims);
  });

  test.each([
    [`"a" 'b'\n"c"`, 'abc'],
    [String.raw`"\a\b\f\n\r\t\v\\\'\"\?"`, '\x07\b\f\n\r\t\v\\\'"?'],
    [String.raw`"\101\60x\x41\X4a"`, 'A0xAJ'],
    [String.raw`"\303\251" "\xc3" "\xa9"`, 'éé'],
    [String.raw`"\u00e9\U0001F600\ud83d\ude00"`, 'é😀😀'],
    [`'say "x"' "it's"`, `say "x"it's`],
    ['"größe 😀"', 'größe 😀'],
    [String.raw`"\0"`, '\0'],
    ['""', ''],
  ])('strings: %s', (text, name) => {
    expect(parse(`name: ${text}`).name).toBe(name);
  });

  test.each([
    ['0.5', 0.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1.5f', 1.5],
    ['10F', 10],
    ['1e-3', 0.001],
    ['2', 2],
    ['-2.5E+1f', -25],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
    ['nan', NaN],
  ])('floats: %s', (text, value) => {
    const config = parse(`sequence_batching { direct { minimum_slot_utilization: ${text} } }`);
    expect(config.sequence_batching?.direct?.minimum_slot_utilization).toBe(value);
  });

  test('bools in every spelling', () => {
    const list = '[ true, True, t, 1, 0x1, false, False, f, 0 ]';
    const control = `sequence_batching { control_input { control { bool_false_true: ${list} } } }`;
    expect(parse(control).sequence_batching?.control_input[0]?.control[0]?.bool_false_true).toEqual(
      [true, true, true, true, true, false, false, false, false],
    );
  });

  test('enums by name or number', () => {
    expect(parse('input { data_type: TYPE_FP32 }').input[0]?.data_type).toBe('TYPE_FP32');
    expect(parse('input { data_type: 14 }').input[0]?.data_type).toBe('TYPE_BF16');
    expect(parse('input { data_type: 0xB }').input[0]?.data_type).toBe('TYPE_FP32');
  });

  test.each([
    ['entries', 'parameters { key: "a" value { string_value: "1" } } parameters: { key: "b" }'],
    ['a list', 'parameters [ { key: "a" value: { string_value: "1" } }, { key: "b" value {} } ]'],
    [
      'the value first',
      'parameters { value { string_value: "1" } key: "a" } parameters { key:"b" }',
    ],
    [
      'a key again',
      'parameters { key: "a" } parameters { key: "a" value { string_value: "1" } } parameters { key: "b" }',
    ],
  ])('maps as %s', (_, text) => {
    expect(parse(text).parameters).toEqual({
      a: { string_value: '1' },
      b: { string_value: '' },
    });
  });

  test('a map has the keys that were written, and no others', () => {
    const { cc_model_filenames: files } = parse(
      'cc_model_filenames { key: "__proto__" value: "a.plan" } cc_model_filenames { key: "8.6" value: "b.plan" }',
    );
    expect(Object.entries(files)).toEqual([
      ['__proto__', 'a.plan'],
      ['8.6', 'b.plan'],
    ]);
    expect(files.constructor).toBeUndefined();
  });

  test('maps of numbers', () => {
    const text =
      'dynamic_batching { priority_queue_policy { key: 0x2 value { max_queue_size: 3 } } }';
    expect(parse(text).dynamic_batching?.priority_queue_policy).toEqual({
      2: {
        timeout_action: 'REJECT',
        default_timeout_microseconds: 0,
        allow_timeout_override: false,
        max_queue_size: 3,
      },
    });
  });

  test('members of a oneof are there only when they are set', () => {
    expect(parse('version_policy { all { } }').version_policy).toEqual({ all: {} });
    expect(
      parse('model_warmup { inputs { key: "x" value { zero_data: false } } }').model_warmup,
    ).toEqual([
      {
        name: '',
        batch_size: 0,
        count: 0,
        inputs: { x: { data_type: 'TYPE_INVALID', dims: [], zero_data: false } },
      },
    ]);
  });
});

describe('what is refused, and where', () => {
  test('an unknown field, naming the nearest', async () => {
    await refused(
      'name: "x"\ninput [\n  { nme: "y" }\n]',
      'config.pbtxt:3:5: message type "ModelInput" has no field named "nme"; did you mean "name"?',
    );
    await refused('\uFEFFnaem: 1', 'config.pbtxt:1:1:', 'did you mean "name"');
    await refused(`${'x'.repeat(1000)}: 1`, 'config.pbtxt:1:1:', 'has no field named');
    await refused('maxBatchSize: 1', 'did you mean "max_batch_size"');
  });

  test.each([
    ['max_batch_size: 8\nmax_batch_size: 8', ':2:1: non-repeated field "max_batch_size"'],
    ['max_batch_size: 0 max_batch_size: 0', 'specified multiple times'],
    ['optimization { } optimization { }', 'non-repeated field "optimization"'],
    [
      'dynamic_batching { }\n  sequence_batching { }',
      ':2:3: field "sequence_batching" is specified along with field "dynamic_batching", another member of oneof "scheduling_choice"',
    ],
    ['version_policy { all { } latest { } }', 'another member of oneof "policy_choice"'],
    ['input { data_type: TYPE_FP31 }', ':1:20: unknown enumeration value "TYPE_FP31"', /TYPE_FP32/],
    ['input { data_type: 15 }', 'unknown enumeration value "15"'],
    ['input { data_type: -1 }', ':1:20: unknown enumeration value "-1"'],
    ['input { data_type: "TYPE_FP32" }', 'expected one of TYPE_INVALID, '],
    ['max_batch_size: 2147483648', 'out of range', 'int32'],
    ['max_batch_size: -2147483649', ':1:17: -2147483649 is out of range'],
    ['model_warmup { count: -1 }', 'between 0 and 4294967295'],
    ['max_batch_size: 08', '08 is out of range'],
    [`max_batch_size: ${'9'.repeat(5000)}`, 'out of range'],
    ['max_batch_size: 1.5', 'expected an integer'],
    ['max_batch_size: "8"', 'expected an integer for "max_batch_size", got "\\"8\\""'],
    ['max_batch_size: 8x', '"8x" is no number'],
    ['max_batch_size: 1.2.3', 'is no number'],
    ['max_batch_size: ', 'got the end of the file'],
    [
      'dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }',
      'out of range',
      '9007199254740991',
    ],
    ['input { dims: 9007199254740992 }', 'as far as JavaScript numbers are exact'],
    [
      'sequence_batching { direct { minimum_slot_utilization: 0x10 } }',
      'expected a decimal number',
    ],
    ['sequence_batching { direct { minimum_slot_utilization: 010 } }', 'expected a decimal number'],
    ['input { optional: yes }', 'expected true or false'],
    ['input { optional: 2 }', 'expected true or false'],
    ['input { optional: TRUE }', 'expected true or false'],
    ['name: abc', 'expected a quoted string for "name", got "abc"'],
    ['name: "abc', ':1:7: the string', 'has no closing quote'],
    ['name: "abc\n"', 'has no closing quote'],
    [String.raw`name: "abc\"`, 'has no closing quote'],
    [`name: "abc'`, 'has no closing quote'],
    [String.raw`name: "a\qb"`, ':1:9: invalid escape'],
    [String.raw`name: "\xff"`, 'is not UTF-8'],
    [String.raw`name: "\400"`, 'invalid escape'],
    [String.raw`name: "\ud800"`, 'invalid escape'],
    [String.raw`name: "\ud800\u0041"`, 'invalid escape'],
    [String.raw`name: "\udc00"`, 'invalid escape'],
    [String.raw`name: "\U00110000"`, 'invalid escape'],
    [String.raw`name: "\u12"`, 'invalid escape'],
    ['name: "\ud800"', 'half a character'],
    ['name "x"', ':1:6: expected ":" after "name"'],
    ['dims [ 1 ]', 'no field named "dims"'],
    ['input { dims [ 1 ] }', 'expected ":" after "dims"'],
    ['input { dims: [ 1, ] }', 'expected an integer'],
    ['input { dims: [ 1 2 ] }', 'expected "," or "]" in the list "dims", got "2"'],
    ['input { dims: [ 1', 'got the end of the file'],
    ['input { dims: [ [ 1 ] ] }', 'expected an integer'],
    ['input [ { }, ]', 'expected "{" for "input", got "]"'],
    ['input [ { } { } ]', 'expected "," or "]"'],
    ['input: 3', 'expected "{" for "input"'],
    ['input { name: "a" >', 'expected the name of a field of ModelInput or "}", got ">"'],
    ['input { name: "a"', 'or "}", got the end of the file'],
    ['name: "x",,', ':1:11: expected the name of a field'],
    ['}', 'expected the name of a field of ModelConfig, got "}"'],
    ['name: [ "a" ]', 'expected a quoted string'],
    ['version_policy [ { } ]', 'expected "{" for "version_policy"'],
    ['[type.googleapis.com/inference.ModelConfig] { }', 'google.protobuf.Any'],
    ['name: "x" %', ':1:11: unexpected character "%"'],
    ['name: "x" 😀', 'unexpected character "😀"'],
    ['name: "x" \0', 'unexpected character'],
    ['1: "x"', 'expected the name of a field'],
    ['parameters { key: 1 }', 'expected a quoted string for "key"'],
    ['parameters { ky: "a" }', 'message type "parameters" has no field named "ky"'],
  ])('%s', async (text, ...parts) => {
    await refused(text, 'config.pbtxt:', ...parts);
  });

  test('deep nesting ends at the first message that has no such field', async () => {
    await refused('input {'.repeat(100_000), ':1:8:', 'no field named "input"');
    await refused('['.repeat(100_000), 'google.protobuf.Any');
    await refused(`input: ${'['.repeat(100_000)}`, 'expected "{"');
  });

  test('a text that is too large', async () => {
    await refused(' '.repeat(maxConfigLength + 1), 'too many');
    expect(parse(' '.repeat(maxConfigLength))).toEqual(nothing);
  });

  test('a large text is read in one go', () => {
    const many = 50_000;
    const dims = parse(`input { dims: [ ${Array.from({ length: many }, () => '1').join(', ')} ] }`);
    expect(dims.input[0]?.dims).toHaveLength(many);
    expect(parse(`name: ${'"a"\n'.repeat(many)}`).name).toHaveLength(many);
    expect(parse('# x\n'.repeat(many))).toEqual(nothing);
    expect(parse(`name: "${'a'.repeat(1_000_000)}"`).name).toHaveLength(1_000_000);
  });
});

describe('what is written', () => {
  test('fields in order, without defaults', () => {
    const text = `name: "m"
platform: "tensorrt_plan"
version_policy {
  specific {
    versions: [ 1, 3 ]
  }
}
max_batch_size: 8
input [
  {
    name: "a\\"\\\\\\n\\001é"
    data_type: TYPE_FP32
    dims: [ -1, 3 ]
    reshape { }
  },
  { }
]
dynamic_batching {
  preserve_ordering: true
  priority_queue_policy {
    key: 2
    value { }
  }
}
cc_model_filenames {
  key: "8.6"
  value: "x.plan"
}
model_metrics {
  metric_control [
    {
      histogram_options {
        buckets: [ 0.1, 1e+21, inf, nan ]
      }
    }
  ]
}
`;
    expect(formatModelConfig(parse(text))).toBe(text);
  });

  test('what is written is read again', () => {
    const text = `sequence_batching { direct { minimum_slot_utilization: -0.0 }
      state { initial_state { zero_data: false } initial_state { data_file: "" } } }
      model_warmup { inputs { key: "" value { random_data: false } } }
      version_policy { latest { } } optimization { cuda { graph_spec { input { key: "x" value { dim: -5 } } } } }`;
    const config = parse(text);
    expect(parse(formatModelConfig(config))).toEqual(config);
    expect(config.sequence_batching?.direct?.minimum_slot_utilization).toBe(-0);
  });
});
