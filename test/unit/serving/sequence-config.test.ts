// sequence_batching: correlation ids, initial states, and configs that are refused.

import { describe, expect, test } from 'vitest';
import { expectError } from '../../helpers/expect-error.js';
import { modelSource } from '../../helpers/serving-models.js';

import {
  type Batching,
  config,
  control,
  controls,
  direct,
  seen,
  setUp,
  value,
} from '../../helpers/sequences.js';

describe('correlation ids', () => {
  test.each([
    ['TYPE_UINT64', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['TYPE_INT64', 5, 5n],
    ['TYPE_UINT32', 5, 5],
    ['TYPE_INT32', 5, 5],
    ['TYPE_STRING', 'abc', 'abc'],
    ['TYPE_STRING', 5, '5'],
  ] as const)('as %s', async (data_type, id, expected) => {
    const control_input = [
      { name: 'CORRID', control: [control('CONTROL_SEQUENCE_CORRID', { data_type })] },
    ];
    const { backend, send } = setUp(config({ direct, control_input }));
    await value(send(id, 1, 's'));
    expect(seen(backend.batches[0])[0]![4]).toBe(expected);
  });

  test('strings and numbers are different sequences', async () => {
    const { send } = setUp(config({ direct, control_input: [] }));
    await value(send('7', 1, 's'));
    await expectError(() => send(7, 1).answer, 'ERR_TRT_REQUEST', 'START flag');
    expect(await value(send(7n, 2, 's'))).toBe(2);
    expect(await value(send(7, 3))).toBe(3);
  });
});

describe('initial states', () => {
  const state = (more: Partial<Batching['state'][number]['initial_state'][number]>) => [
    {
      input_name: 'S_IN',
      output_name: 'S_OUT',
      data_type: 'TYPE_INT32' as const,
      dims: [2],
      initial_state: [{ name: 'begin', data_type: 'TYPE_INT32' as const, dims: [2], ...more }],
      use_same_buffer_for_input_output: false,
      use_growable_memory: false,
    },
  ];
  const begin = async (given: Batching['state'], folder?: string): Promise<number[]> => {
    const { backend, send } = setUp(config({ direct, state: given }), { folder });
    await value(send(1, 1, 's'));
    const tensor = backend.batches[0]!.requests[0]!.extraInputs!.get('S_IN')!;
    expect(tensor.shape).toEqual([1, 2]);
    return Array.from(tensor.data as Int32Array);
  };

  test('are zeros, or come from a file', async () => {
    expect(await begin(state({ zero_data: true }))).toEqual([0, 0]);
    const { folder } = modelSource(config({}), {
      'initial_state/begin.bin': new Uint8Array(Int32Array.of(5, 6).buffer),
    });
    expect(await begin(state({ data_file: 'begin.bin' }), folder)).toEqual([5, 6]);
  });

  test.each([
    [{ zero_data: true, data_type: 'TYPE_FP32' as const }, 'does not match the state data type'],
    [{ zero_data: true, name: '' }, "Field 'name' must be set"],
    [{ zero_data: true, dims: [3] }, "doesn't match 'state' dim description. 3 != 2"],
    [{ zero_data: true, dims: [-1] }, 'contains variable dimensions'],
    [{ zero_data: true, dims: [1, 2] }, '2 != 1'],
    [{}, 'to have state_data set'],
    [{ data_file: '../secret' }, 'is not in the folder initial_state'],
    [{ data_file: 'short.bin' }, 'expects 8 bytes'],
  ])('that are wrong are refused: %j', async (more, message) => {
    const { folder } = modelSource(config({}), {
      secret: new Uint8Array(8),
      'initial_state/short.bin': new Uint8Array(7),
    });
    await expectError(() => begin(state(more), folder), 'ERR_TRT_MODEL_CONFIG', message);
  });

  test('whose file is missing fail the load', async () => {
    await expectError(
      () => begin(state({ data_file: 'none' }), modelSource(config({})).folder),
      'ERR_TRT_MODEL_LOAD',
      "initial state 'none'",
    );
  });
});

test.each([
  [
    { control_input: [{ name: 'A', control: [control('CONTROL_SEQUENCE_START', {})] }] },
    'exactly 2 values',
  ],
  [
    {
      control_input: [controls[0]!, { ...controls[0]!, name: 'AGAIN' }],
    },
    'multiple CONTROL_SEQUENCE_START tensors for m',
  ],
  [
    {
      control_input: [
        { name: 'C', control: [control('CONTROL_SEQUENCE_CORRID', { data_type: 'TYPE_FP32' })] },
      ],
    },
    'unexpected data type TYPE_FP32',
  ],
])('controls that are wrong are refused: %s', async (more, message) => {
  await expectError(() => setUp(config({ direct, ...more })), 'ERR_TRT_MODEL_CONFIG', message);
});

test('iterative sequences are refused', async () => {
  await expectError(
    () => setUp(config({ direct, iterative_sequence: true })),
    'ERR_TRT_REQUEST_UNSUPPORTED',
    'iterative_sequence',
  );
});
