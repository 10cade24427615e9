// Sequences in a repository: plans with controls and implicit state, direct and oldest; and a js model with state of its own.

import { describe, expect, onTestFinished, test } from 'vitest';
import { ModelRepository, build } from 'trt-node';
import type { InferOptions } from '../../../lib/serving/request.js';
import { expectError } from '../../helpers/expect-error.js';
import { makeOnnx } from '../../helpers/onnx-maker.js';
import { reference } from '../../helpers/reference.js';
import { repositoryFolder } from '../../helpers/serving-repository.js';

const dims = [-1, 1];

/** y = x * READY + state, which is the next state; the other controls come out as they went in. */
const accumulator = makeOnnx({
  nodes: [
    { op: 'Mul', inputs: ['x', 'READY'], outputs: ['a'] },
    { op: 'Add', inputs: ['a', 'state'], outputs: ['sum'] },
    { op: 'Identity', inputs: ['sum'], outputs: ['y'] },
    { op: 'Identity', inputs: ['sum'], outputs: ['state_out'] },
    { op: 'Identity', inputs: ['START'], outputs: ['started'] },
    { op: 'Identity', inputs: ['END'], outputs: ['ended'] },
    { op: 'Identity', inputs: ['CORRID'], outputs: ['id'] },
  ],
  inputs: { x: dims, READY: dims, START: dims, END: dims, CORRID: dims, state: dims },
  outputs: { y: dims, state_out: dims, started: dims, ended: dims, id: dims },
  types: { CORRID: 'int64', id: 'int64' },
});

async function accumulatorPlan(): Promise<Uint8Array> {
  const names = ['x', 'READY', 'START', 'END', 'CORRID', 'state'];
  const range = { min: [1, 1], opt: [2, 1], max: [4, 1] };
  const profiles = [Object.fromEntries(names.map((name) => [name, range]))];
  return build({ ...reference, onnx: accumulator, profiles });
}

const controls = `control_input [
  { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] },
  { name: "END" control [ { kind: CONTROL_SEQUENCE_END fp32_false_true: [ 0, 1 ] } ] },
  { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 1 ] } ] },
  { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } ] } ]`;

const tensors = `input [ { name: "x" data_type: TYPE_FP32 dims: [ 1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 1 ] }, { name: "started" data_type: TYPE_FP32 dims: [ 1 ] },
  { name: "ended" data_type: TYPE_FP32 dims: [ 1 ] }, { name: "id" data_type: TYPE_INT64 dims: [ 1 ] } ]`;

const state = `state [ { input_name: "state" output_name: "state_out" data_type: TYPE_FP32 dims: [ 1 ]
  initial_state { name: "ten" data_type: TYPE_FP32 dims: [ 1 ] data_file: "ten" } } ]`;

async function open(strategy: string, count: number): Promise<ModelRepository> {
  const folder = await repositoryFolder({
    sum: {
      config: `platform: "tensorrt_plan" max_batch_size: 4 ${tensors}
        instance_group [ { count: ${count} kind: KIND_GPU } ]
        sequence_batching { ${strategy} ${controls} ${state} }`,
      files: {
        '1/model.plan': await accumulatorPlan(),
        'initial_state/ten': new Uint8Array(Float32Array.of(10).buffer),
      },
    },
  });
  const repository = await ModelRepository.open(folder, reference);
  onTestFinished(() => repository.close());
  expect(repository.index()).toMatchObject([{ state: 'READY', reason: '' }]);
  return repository;
}

async function send(repository: ModelRepository, x: number, options: InferOptions) {
  const outputs = await repository.infer('sum', { x: Float32Array.of(x) }, options);
  return ['y', 'started', 'ended', 'id'].map((name) => Number(outputs[name]?.data[0]));
}

/** Sends sequences of `length` requests at the same time, each without waiting for the last: every answer is the sum so far, of the own sequence. */
async function checkSums(repository: ModelRepository, ids: number[], length: number) {
  await Promise.all(
    ids.map(async (sequenceId) => {
      const answers = await Promise.all(
        Array.from({ length }, (_, index) =>
          send(repository, sequenceId + index, {
            sequenceId,
            sequenceStart: index === 0,
            sequenceEnd: index === length - 1,
          }),
        ),
      );
      let sum = 10;
      for (const [index, answer] of answers.entries()) {
        sum += sequenceId + index;
        expect(answer).toEqual([sum, +(index === 0), +(index === length - 1), sequenceId]);
      }
    }),
  );
}

const strategies = {
  direct: 'direct { }',
  'direct, held back': 'direct { max_queue_delay_microseconds: 3000 minimum_slot_utilization: 1 }',
  oldest: 'oldest { max_candidate_sequences: 3 }',
  'oldest, in order, delayed':
    'oldest { max_candidate_sequences: 6 preserve_ordering: true max_queue_delay_microseconds: 500 preferred_batch_size: [ 2 ] }',
};

describe.each(Object.entries(strategies))('%s', (_name, strategy) => {
  test.each([1, 2])('%i instances: controls and state of each sequence, right sums', async (n) => {
    const repository = await open(strategy, n);
    // More sequences than there are slots.
    await checkSums(repository, [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29], 9);
    const { statistics, pending } = repository.model('sum');
    expect(pending).toBe(0);
    expect(statistics.inferenceCount).toBe(99);
    expect(statistics.success.count).toBe(99);
    expect(statistics.executionCount).toBeLessThanOrEqual(99);
    expect(statistics.queue.ns).toBeGreaterThan(0);
    expect(statistics.queue.count).toBe(99);
    // The same ids again begin anew.
    await checkSums(repository, [1, 2], 3);
  });
});

test('cancelling a request ends its sequence, and no other', async () => {
  const repository = await open('direct { }', 1);
  await send(repository, 1, { sequenceId: 1, sequenceStart: true });
  const controller = new AbortController();
  const late = [0, 1, 2].map((x) =>
    send(repository, x, { sequenceId: 2, sequenceStart: x === 0, signal: controller.signal }),
  );
  controller.abort();
  for (const one of late) await expectError(() => one, 'ERR_TRT_REQUEST_CANCELLED', 'cancelled');
  expect(await send(repository, 5, { sequenceId: 1 })).toEqual([16, 0, 0, 1]);
  await expectError(
    () => send(repository, 5, { sequenceId: 3 }),
    'ERR_TRT_REQUEST',
    'must specify the START flag',
  );
});

test('a sequence whose requests take longer than max_sequence_idle_microseconds is not idle', async () => {
  const folder = await repositoryFolder({
    slow: {
      config: `backend: "js" max_batch_size: 1
        input [ { name: "x" data_type: TYPE_INT32 dims: [ 1 ] } ]
        output [ { name: "y" data_type: TYPE_INT32 dims: [ 1 ] } ]
        sequence_batching { max_sequence_idle_microseconds: 30000 }`,
      files: {
        '1/model.cjs': `exports.execute = async (requests) => {
          await new Promise((resolve) => setTimeout(resolve, 90));
          return requests.map(({ inputs }) => ({ outputs: { y: inputs.x } }));
        };`,
      },
    },
  });
  await using repository = await ModelRepository.open(folder, reference);
  const ask = (x: number, sequenceStart: boolean) =>
    repository.infer('slow', { x: Int32Array.of(x) }, { sequenceId: 4, sequenceStart });
  const first = [ask(1, true), ask(2, false)];
  await first[0];
  const [third] = await Promise.all([ask(3, false), ...first]);
  expect(third.y?.data).toEqual(Int32Array.of(3));
});

test('a js model sees sequences as they are, in its own instance', async () => {
  const folder = await repositoryFolder({
    sum: {
      config: `backend: "js" max_batch_size: 2 ${tensors}
        instance_group [ { count: 2 kind: KIND_CPU } ]
        sequence_batching { oldest { max_candidate_sequences: 4 } ${controls} }`,
      files: {
        '1/model.cjs': `const sums = new Map();
          exports.execute = (requests) => requests.map(({ inputs: { x, START, END, READY, CORRID } }) => {
            const id = CORRID.data[0];
            if (START.data[0] === 1) sums.set(id, 10);
            if (READY.data[0] === 1) sums.set(id, sums.get(id) + x.data[0]);
            return { outputs: { y: Float32Array.of(sums.get(id)), started: START, ended: END, id: CORRID } };
          });`,
      },
    },
  });
  const repository = await ModelRepository.open(folder, reference);
  onTestFinished(() => repository.close());
  expect(repository.index()).toMatchObject([{ state: 'READY', reason: '' }]);
  await checkSums(repository, [1, 2, 3, 5, 7, 11, 13], 6);
});
