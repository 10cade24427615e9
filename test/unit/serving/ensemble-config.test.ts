// Ensembles that are refused at load, in Triton's words.

import { describe, test } from 'vitest';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import { expectError } from '../../helpers/expect-error.js';
import { input } from '../../helpers/serving-models.js';

import {
  type Compute,
  addOne,
  chain,
  ensemble,
  models,
  simple,
  start,
  step,
} from '../../helpers/ensembles.js';

describe('a load is refused', () => {
  const a = simple('a');
  const b = simple('b');
  test.each<[string, ModelConfig, ModelConfig[], string]>([
    ['without steps', ensemble([]), [], "must specify 'step' for ensemble 'e'"],
    [
      'without a model name',
      ensemble([step('', { x: 'in' }, { y: 'out' })]),
      [],
      "must specify 'model_name' in step 0 of ensemble 'e'",
    ],
    ['without input_map', ensemble([step('a', {}, { y: 'out' })]), [a], "must specify 'input_map'"],
    [
      'without output_map',
      ensemble([step('a', { x: 'in' }, {})]),
      [a],
      "must specify 'output_map'",
    ],
    ['with itself as a step', ensemble([step('e', { x: 'in' }, { y: 'out' })]), [], 'has itself'],
    [
      'when two steps write one tensor',
      ensemble([step('a', { x: 'in' }, { y: 'out' }), step('b', { x: 'in' }, { y: 'out' })]),
      [a, b],
      "ensemble tensor 'out' can appear in an output map only once for ensemble 'e' step 1",
    ],
    [
      'when an output depends on itself',
      ensemble([step('a', { x: 'in' }, { y: 't' }), step('b', { x: 'out' }, { y: 'out' })]),
      [a, b],
      "output 'out' for ensemble 'e' is not written",
    ],
    [
      'when an output is not mapped',
      ensemble([step('a', { x: 'in' }, { y: 't' })]),
      [a],
      "ensemble output 'out' for ensemble 'e' is not used",
    ],
    [
      'when an input is not used',
      ensemble([step('a', { x: 'in' }, { y: 'out' })], {
        input: [input('in', 'TYPE_FP32', [2]), input('more', 'TYPE_FP32', [2])],
      }),
      [a],
      "ensemble input 'more' for ensemble 'e' is not used",
    ],
    [
      'when a tensor goes nowhere',
      ensemble([step('a', { x: 'in' }, { y: 'out' }), step('b', { x: 'in' }, { y: 't' })]),
      [a, b],
      "ensemble tensor 't' is unused in ensemble 'e'",
    ],
    [
      'for an input that the model does not have',
      ensemble([step('a', { w: 'in' }, { y: 'out' })]),
      [a],
      'in ensemble e, ensemble tensor in is mapping to non-existing input w in model a',
    ],
    [
      'for an output that the model does not have',
      ensemble([step('a', { x: 'in' }, { z: 'out' })]),
      [a],
      'in ensemble e, ensemble tensor out is mapped from non-existing output z in model a',
    ],
    [
      'for an input of a model that nothing feeds',
      ensemble([step('a', { x: 'in' }, { y: 'out' })]),
      [simple('a', { input: [...a.input, input('w', 'TYPE_FP32', [2])] })],
      'in ensemble e, input w in model a is not mapped to any ensemble tensors',
    ],
    [
      'for types that differ',
      ensemble(chain),
      [a, simple('b', { input: [input('x', 'TYPE_INT32', [2])] })],
      'in ensemble e, ensemble tensor mid: inconsistent data type: TYPE_FP32 is inferred from model a while TYPE_INT32 is inferred from model b',
    ],
    [
      'for shapes that differ',
      ensemble(chain),
      [a, simple('b', { input: [input('x', 'TYPE_FP32', [3])] })],
      'in ensemble e, ensemble tensor mid: inconsistent shape: [-1, 2] is inferred from model a while [-1, 3] is inferred from model b',
    ],
    [
      'for a model with smaller batches',
      ensemble(chain),
      [a, simple('b', { max_batch_size: 4 })],
      'ensemble e allows maximum batch size 8, but it contains model b which only allows maximum batch size to be 4',
    ],
  ])('%s', async (_, config, list, message) => {
    const { context } = models(...list.map((each): [ModelConfig, Compute] => [each, addOne]));
    await expectError(() => start(config, context), 'ERR_TRT_MODEL_CONFIG', message);
  });

  test('while a model of it is not loaded', async () => {
    const { context } = models([simple('a'), addOne]);
    await expectError(
      () => start(ensemble(chain), context),
      'ERR_TRT_MODEL_LOAD',
      "ensemble 'e' depends on 'b' which has no loaded version",
    );
  });
});
