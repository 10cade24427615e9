// Sequences in tests: configs, a scheduler on a fake backend, and what its batches held.

import { onTestFinished } from 'vitest';
import type { ModelConfig } from '../../lib/serving/config/model-config.js';
import type { InferTensor } from '../../lib/serving/infer-tensor.js';
import type { Batch } from '../../lib/serving/model/backend.js';
import { ModelStatistics } from '../../lib/serving/model/statistics.js';
import type { InferOptions } from '../../lib/serving/request.js';
import { createSequenceScheduler } from '../../lib/serving/scheduler/sequence.js';
import { type ComputeOne, FakeBackend } from './fake-backend.js';
import { TestRequest, input, int32, loadContext, modelConfig, output } from './serving-models.js';

export type Batching = NonNullable<ModelConfig['sequence_batching']>;
export type Control = Batching['control_input'][number]['control'][number];

export function control(kind: Control['kind'], more: Partial<Control>): Control {
  return {
    kind,
    int32_false_true: [],
    fp32_false_true: [],
    bool_false_true: [],
    data_type: 'TYPE_INVALID',
    ...more,
  };
}

export const controls: Batching['control_input'] = [
  {
    name: 'START',
    control: [control('CONTROL_SEQUENCE_START', { int32_false_true: [0, 1] })],
  },
  { name: 'READY', control: [control('CONTROL_SEQUENCE_READY', { fp32_false_true: [0, 1] })] },
  { name: 'END', control: [control('CONTROL_SEQUENCE_END', { bool_false_true: [false, true] })] },
  {
    name: 'CORRID',
    control: [control('CONTROL_SEQUENCE_CORRID', { data_type: 'TYPE_UINT64' })],
  },
];

export function batching(more: Partial<Batching> = {}): Batching {
  return {
    max_sequence_idle_microseconds: 60_000_000,
    control_input: controls,
    state: [],
    iterative_sequence: false,
    ...more,
  };
}

export const direct = { max_queue_delay_microseconds: 0, minimum_slot_utilization: 0 };
export const oldest = {
  max_candidate_sequences: 4,
  preferred_batch_size: [],
  max_queue_delay_microseconds: 0,
  preserve_ordering: false,
};

export function config(sequence: Partial<Batching>, more: Partial<ModelConfig> = {}): ModelConfig {
  return modelConfig({
    name: 'm',
    max_batch_size: 2,
    input: [input('x', 'TYPE_INT32', [1])],
    output: [output('y', 'TYPE_INT32', [1])],
    sequence_batching: batching(sequence),
    ...more,
  });
}

export function setUp(
  given: ModelConfig,
  {
    compute = echo,
    manual = false,
    capacity = 1,
    folder = undefined as string | undefined,
    maxQueueSize = 1000,
  } = {},
) {
  const backend = new FakeBackend(compute, capacity, manual);
  const statistics = new ModelStatistics();
  const context = loadContext({ maxQueueSize });
  const parts = { name: 'm', version: '1', config: given, folder, backend, statistics, context };
  const scheduler = createSequenceScheduler(parts);
  onTestFinished(() => {
    scheduler.close();
  });
  /** A request of the value `x` to sequence `id`; flags 's' and 'e'. */
  const send = (id: InferOptions['sequenceId'], x: number, flags = '', more = {}): TestRequest => {
    const request = new TestRequest([int32([x], given.max_batch_size > 0 ? [1, 1] : [1])], {
      sequenceId: id,
      sequenceStart: flags.includes('s'),
      sequenceEnd: flags.includes('e'),
      ...more,
    });
    scheduler.enqueue(request);
    return request;
  };
  return { backend, scheduler, statistics, context, send };
}

export const echo: ComputeOne = ({ inputs }) => [[inputs[0]]];

export function first(tensor: InferTensor | undefined): unknown {
  const value = (tensor?.data as ArrayLike<unknown> | undefined)?.[0];
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

/** What a batch held: for each place its input, and its controls in the order START READY END CORRID. */
export function seen(batch: Batch | undefined): unknown[][] {
  return batch!.requests.map(({ inputs, extraInputs }) => [
    first(inputs[0]),
    ...['START', 'READY', 'END', 'CORRID'].map((name) => first(extraInputs?.get(name))),
  ]);
}

export async function value(request: TestRequest): Promise<unknown> {
  return first((await request.answer).outputs[0]);
}
