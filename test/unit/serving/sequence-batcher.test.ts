// sequence_batching: Triton's L0_sequence_batcher, on a backend that adds what it gets to a state.

import { describe, expect, test } from 'vitest';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { expectError } from '../../helpers/expect-error.js';
import { type ComputeOne, turns } from '../../helpers/fake-backend.js';
import { TestRequest, fp32, input, instances, int32 } from '../../helpers/serving-models.js';

import {
  type Batching,
  config,
  direct,
  first,
  oldest,
  seen,
  setUp,
  value,
} from '../../helpers/sequences.js';

describe.each(['direct', 'oldest'] as const)('%s', (strategy) => {
  const with_ = (more: Partial<Batching> = {}): Partial<Batching> =>
    strategy === 'direct' ? { direct, ...more } : { oldest, ...more };

  test('a sequence gets its controls from start to end, one request after the other', async () => {
    const { backend, send } = setUp(config(with_()));
    const requests = [send(7, 1, 's'), send(7, 2), send(7, 3, 'e')];
    expect(await Promise.all(requests.map(value))).toEqual([1, 2, 3]);
    expect(backend.batches.map(seen)).toEqual([
      [[1, 1, 1, 0, 7n]],
      [[2, 0, 1, 0, 7n]],
      [[3, 0, 1, 1, 7n]],
    ]);
    expect(backend.batches[0]!.requests[0]!.extraInputs!.get('START')!.shape).toEqual([1, 1]);
  });

  test('a sequence of one request starts and ends at once', async () => {
    const { backend, send } = setUp(config(with_()));
    await send(7, 1, 'se').answer;
    expect(seen(backend.batches[0])).toEqual([[1, 1, 1, 1, 7n]]);
    await expectError(() => send(7, 2).answer, 'ERR_TRT_REQUEST', 'START flag');
  });

  test('sequences share batches', async () => {
    const { backend, send, statistics } = setUp(config(with_()));
    const requests = [send(1, 1, 's'), send(2, 2, 's')];
    await Promise.all(requests.map(value));
    expect(backend.batches).toHaveLength(1);
    expect(seen(backend.batches[0])).toEqual([
      [1, 1, 1, 0, 1n],
      [2, 1, 1, 0, 2n],
    ]);
    expect(statistics.executionCount).toBe(1);
    expect(statistics.inferenceCount).toBe(2);
  });

  test('without batching the controls have one dimension', async () => {
    const { backend, send } = setUp(
      config(
        strategy === 'direct' ? { direct } : { oldest: { ...oldest, max_candidate_sequences: 1 } },
        {
          max_batch_size: 0,
        },
      ),
    );
    await value(send(7, 5, 's'));
    expect(backend.batches[0]!.requests[0]!.extraInputs!.get('START')!.shape).toEqual([1]);
  });

  test('requests that break the rules are refused in the words of Triton', async () => {
    const { scheduler, send } = setUp(config(with_()));
    await expectError(
      () => send(3, 1).answer,
      'ERR_TRT_REQUEST',
      "inference request for sequence 3 to model 'm' must specify the START flag on the first request of the sequence",
    );
    for (const none of [0, 0n, '', undefined]) {
      await expectError(
        () => send(none, 1, 's').answer,
        'ERR_TRT_REQUEST',
        "inference request to model 'm' must specify a non-zero or non-empty correlation ID",
      );
    }
    await expectError(() => send(1.5, 1, 's').answer, 'ERR_TRT_REQUEST', 'got 1.5');
    await expectError(() => send('a', 1, 's').answer, 'ERR_TRT_REQUEST', 'TYPE_UINT64');
    const two = new TestRequest([int32([1, 2], [2, 1])], { sequenceId: 1 }, 2);
    scheduler.enqueue(two);
    await expectError(
      () => two.answer,
      'ERR_TRT_REQUEST',
      "inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher",
    );
  });

  test('a sequence that finds no slot waits until another ends', async () => {
    const shape = config(
      strategy === 'direct' ? { direct } : { oldest: { ...oldest, max_candidate_sequences: 2 } },
    );
    const { backend, scheduler, send } = setUp(shape);
    const begun = [send(1, 1, 's'), send(2, 2, 's')];
    const third = [send(3, 30, 's'), send(3, 31, 'e')];
    await Promise.all(begun.map(value));
    await turns();
    expect(third.map(({ settled }) => settled)).toEqual([false, false]);
    expect(scheduler.pending).toBe(2);
    await value(send(1, 1, 'e'));
    expect(await Promise.all(third.map(value))).toEqual([30, 31]);
    expect(backend.batches.flatMap(seen).filter(([x]) => (x as number) >= 30)).toEqual([
      [30, 1, 1, 0, 3n],
      [31, 0, 1, 1, 3n],
    ]);
  });

  test('a start in a sequence that has not ended begins it anew', async () => {
    const { backend, context, send } = setUp(config(with_()));
    await Promise.all([send(7, 1, 's'), send(7, 2, 's'), send(7, 3, 'e')].map(value));
    expect(backend.batches.flatMap(seen).map(([, start]) => start)).toEqual([1, 1, 0]);
    expect(context.lines.join()).toContain("sequence 7 for model 'm' has a conflict");
  });

  test('an idle sequence loses its slot, and must start again', async () => {
    const shape = config(with_({ max_sequence_idle_microseconds: 20_000 }));
    const { send } = setUp(shape);
    await value(send(7, 1, 's'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await expectError(
      () => send(7, 2).answer,
      'ERR_TRT_REQUEST',
      'inference request for sequence 7',
      'START flag',
    );
    // Its slot is free: two others fit.
    expect(await Promise.all([send(8, 8, 's'), send(9, 9, 's')].map(value))).toEqual([8, 9]);
  });

  test('cancelling a request that waits ends its sequence', async () => {
    const { backend, send } = setUp(config(with_()), { manual: true });
    const controller = new AbortController();
    const begun = send(7, 1, 's');
    await turns();
    const waits = send(7, 2, '', { signal: controller.signal });
    const behind = send(7, 3, 'e');
    controller.abort();
    expect(waits.failure).toBe('CANCELED');
    expect(behind.failure).toBe('CANCELED');
    await expectError(() => behind.answer, 'ERR_TRT_REQUEST_CANCELLED');
    backend.end();
    expect(await value(begun)).toBe(1);
    await turns();
    expect(backend.batches).toHaveLength(1);
    await expectError(() => send(7, 4).answer, 'ERR_TRT_REQUEST', 'START flag');
  });

  test('a failed request fails alone: its sequence goes on', async () => {
    const { send } = setUp(config(with_()), {
      compute: ({ inputs }) => (first(inputs[0]) === 2 ? new Error('two') : [[inputs[0]]]),
    });
    const [one, two, three] = [send(7, 1, 's'), send(7, 2), send(7, 3, 'e')];
    expect(await value(one)).toBe(1);
    await expect(two.answer).rejects.toThrow('two');
    expect(await value(three)).toBe(3);
  });

  test('a state is what the last request of the sequence left', async () => {
    const state: Batching['state'] = [
      {
        input_name: 'S_IN',
        output_name: 'S_OUT',
        data_type: 'TYPE_INT32',
        dims: [1],
        initial_state: [],
        use_same_buffer_for_input_output: false,
        use_growable_memory: false,
      },
    ];
    // One array for all: a scheduler that kept a view of it would mix the sequences up.
    const shared = new Int32Array(1);
    const add: ComputeOne = ({ inputs, extraInputs, extraOutputs }) => {
      expect(extraOutputs).toEqual(['S_OUT']);
      shared[0] = (first(inputs[0]) as number) + (first(extraInputs!.get('S_IN')) as number);
      const sum = int32([shared[0]], [1, 1]);
      return [[sum], new Map([['S_OUT', new InferTensor('INT32', shared, [1, 1])]])];
    };
    const { send } = setUp(config(with_({ state })), { compute: add });
    const a = [send(1, 1, 's'), send(1, 2), send(1, 3)];
    const b = [send(2, 10, 's'), send(2, 20), send(2, 30, 'e')];
    expect(await Promise.all(a.map(value))).toEqual([1, 3, 6]);
    expect(await Promise.all(b.map(value))).toEqual([10, 30, 60]);
    expect(await value(send(1, 4, 's'))).toBe(4); // begun anew
    expect(await value(send(1, 1, 'e'))).toBe(5);
  });

  test('sequences are spread over instances, and stay with theirs', async () => {
    const shape = config(with_(), { instance_group: [instances(2)] });
    const { backend, send } = setUp(shape, { capacity: 2 });
    const begun = [send(1, 1, 's'), send(2, 2, 's')];
    await Promise.all(begun.map(value));
    await Promise.all([send(2, 2), send(1, 1)].map(value));
    const byInstance = backend.batches.map((batch) => [
      batch.instance,
      first(batch.requests[0]!.inputs[0]),
    ]);
    expect(new Set(byInstance.map(String))).toEqual(new Set(['0,1', '1,2']));
  });

  test('a sequence that waits too long for a slot is rejected', async () => {
    const shape = config(
      strategy === 'direct' ? { direct } : { oldest: { ...oldest, max_candidate_sequences: 1 } },
      { max_batch_size: 1 },
    );
    const { send } = setUp(shape);
    await value(send(1, 1, 's'));
    const late = [send(2, 2, 's', { timeoutMs: 10 }), send(2, 3)];
    await expectError(
      () => late[0]!.answer,
      'ERR_TRT_REQUEST_TIMEOUT',
      'timeout of the corresponding sequence has been expired',
    );
    expect(late.map(({ failure }) => failure)).toEqual(['REJECTED', 'REJECTED']);
  });

  test('more requests than may wait are rejected', async () => {
    const { send } = setUp(config(with_()), { manual: true, maxQueueSize: 2 });
    const requests = [send(1, 1, 's'), send(1, 2), send(1, 3)];
    expect(requests.map(({ failure }) => failure)).toEqual([undefined, undefined, 'REJECTED']);
    await expectError(
      () => requests[2]!.answer,
      'ERR_TRT_QUEUE_FULL',
      'Exceeds maximum queue size',
    );
  });

  test('drain waits for what was accepted, close fails what waits', async () => {
    const { scheduler, send } = setUp(config(with_()));
    const requests = [send(1, 1, 's'), send(1, 2), send(2, 3, 's'), send(1, 4)];
    await scheduler.drain();
    expect(requests.map(({ settled }) => settled)).toEqual([true, true, true, true]);
    expect(scheduler.pending).toBe(0);
    const other = setUp(config(with_()), { manual: true });
    const runs = other.send(1, 1, 's');
    await turns();
    const waits = other.send(1, 2);
    other.scheduler.close();
    await expectError(() => waits.answer, 'ERR_TRT_MODEL_UNAVAILABLE');
    other.backend.end();
    expect(await value(runs)).toBe(1);
  });
});

describe('direct', () => {
  test('a place between that has nothing is padded with zeros and READY false', async () => {
    const { backend, send, statistics } = setUp(config({ direct }, { max_batch_size: 3 }));
    await Promise.all([send(1, 1, 's'), send(2, 2, 's'), send(3, 3, 's')].map(value));
    await Promise.all([send(3, 33), send(1, 11)].map(value));
    expect(seen(backend.batches[1])).toEqual([
      [11, 0, 1, 0, 1n],
      [0, 0, 0, 0, 0n],
      [33, 0, 1, 0, 3n],
    ]);
    expect(backend.batches[1]!.size).toBe(3);
    expect(statistics.paddedItems).toBe(1);
    expect(statistics.inferenceCount).toBe(5);
  });

  test('places after the last that is ready are left out', async () => {
    const { backend, send } = setUp(config({ direct }, { max_batch_size: 3 }));
    await Promise.all([send(1, 1, 's'), send(2, 2, 's')].map(value));
    await value(send(1, 11));
    expect(seen(backend.batches[1])).toEqual([[11, 0, 1, 0, 1n]]);
  });

  test('a request of another shape waits for the next batch, in its place', async () => {
    const shape = config({ direct }, { input: [input('x', 'TYPE_FP32', [-1])] });
    const { backend, scheduler } = setUp(shape);
    const requests = [1, 2].map(
      (size, index) =>
        new TestRequest([fp32(new Array<number>(size).fill(size), [1, size])], {
          sequenceId: index + 1,
          sequenceStart: true,
        }),
    );
    for (const request of requests) scheduler.enqueue(request);
    await Promise.all(requests.map(({ answer }) => answer));
    expect(
      backend.batches.map(({ requests: all }) => all.map(({ inputs }) => inputs[0]!.shape)),
    ).toEqual([
      [[1, 1]],
      [
        [1, 2],
        [1, 2],
      ],
    ]);
    expect(seen(backend.batches[1])[0]![2]).toBe(0);
  });

  test('minimum_slot_utilization holds a batch back, until the delay is over at most', async () => {
    const waiting = { max_queue_delay_microseconds: 30_000, minimum_slot_utilization: 1 };
    const { backend, send, statistics } = setUp(config({ direct: waiting }));
    const one = send(1, 1, 's');
    await turns();
    expect(backend.batches).toHaveLength(0);
    const two = send(2, 2, 's');
    await Promise.all([value(one), value(two)]);
    expect(backend.batches).toHaveLength(1);
    expect(await value(send(1, 3))).toBe(3);
    expect(Object.fromEntries(statistics.dispatches)).toEqual({ full: 1, delay: 1 });
  });

  test('the place of a sequence that ended is taken by the next', async () => {
    const { backend, send } = setUp(config({ direct }));
    const all = [send(1, 1, 's'), send(2, 2, 'se'), send(3, 3, 's'), send(1, 4)];
    await Promise.all(all.map(value));
    expect(backend.batches.map((batch) => seen(batch).map(([x]) => x))).toEqual([
      [1, 2],
      [4, 3],
    ]);
  });
});

describe('oldest', () => {
  test('requests of one sequence never share a batch, and the oldest go first', async () => {
    const { backend, send } = setUp(config({ oldest }));
    const all = [send(1, 1, 's'), send(1, 2), send(2, 3, 's'), send(3, 4, 's')];
    await Promise.all(all.map(value));
    const batches = backend.batches.map((batch) => seen(batch).map(([x]) => x));
    expect(batches[0]).toEqual([1, 3]);
    expect(batches.flat().sort()).toEqual([1, 2, 3, 4]);
  });

  test('a preferred size is waited for', async () => {
    const preferring = { ...oldest, preferred_batch_size: [2], max_queue_delay_microseconds: 1e7 };
    const { backend, send } = setUp(config({ oldest: preferring }, { max_batch_size: 4 }));
    const one = send(1, 1, 's');
    await turns();
    expect(backend.batches).toHaveLength(0);
    const two = send(2, 2, 's');
    await Promise.all([value(one), value(two)]);
    expect(backend.batches).toHaveLength(1);
  });
});
