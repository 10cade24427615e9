// The examples' models: small stand-ins with the names, types and shapes of the real ones. Weights are arithmetic, not learned.
// @ts-check
import { makeOnnx } from '../../../benchmarks/parts/onnx.mjs';
import { negative, positive, vocabulary } from './words.mjs';

/**
 * Numbers in [-0.5, 0.5) that look random and are always the same.
 * @param {number} length
 * @param {number} scale
 */
function weights(length, scale) {
  let state = 12345;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * scale;
  });
}

/** BERT's place: input_ids, segment_ids i32 [batch, sequence] → output f32 [batch, 2], the scores of "negative" and "positive". */
export function sentiment() {
  const table = new Float32Array(vocabulary.length * 2);
  vocabulary.forEach((word, id) => {
    table.set([negative.includes(word) ? 1 : 0, positive.includes(word) ? 1 : 0], id * 2);
  });
  const ids = /** @type {const} */ ({ type: 'int32', dims: ['batch', 'sequence'] });
  return makeOnnx({
    name: 'sentiment',
    inputs: { input_ids: ids, segment_ids: ids },
    outputs: { output: { type: 'float32', dims: ['batch', 2] } },
    weights: {
      words: { dims: [vocabulary.length, 2], data: table },
      segments: { dims: [2, 2], data: new Float32Array(4) },
      axis: { dims: [1], data: BigInt64Array.of(1n) },
    },
    nodes: [
      { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['word'] },
      { op: 'Gather', inputs: ['segments', 'segment_ids'], outputs: ['segment'] },
      { op: 'Add', inputs: ['word', 'segment'], outputs: ['sum'] },
      {
        op: 'ReduceSum',
        inputs: ['sum', 'axis'],
        outputs: ['output'],
        attributes: { keepdims: 0 },
      },
    ],
  });
}

/**
 * A picture's classes: 3 x 224 x 224 → 1000, by patches of 16 x 16.
 * @param {string} input
 * @param {string} output
 * @param {number | string} batch
 * @param {boolean} softmax
 */
function classifier(input, output, batch, softmax) {
  return makeOnnx({
    name: 'classifier',
    inputs: { [input]: { type: 'float32', dims: [batch, 3, 224, 224] } },
    outputs: { [output]: { type: 'float32', dims: [batch, 1000] } },
    weights: {
      patches: { dims: [16, 3, 16, 16], data: weights(16 * 3 * 16 * 16, 0.25) },
      classes: { dims: [16, 1000], data: weights(16 * 1000, 4) },
    },
    nodes: [
      {
        op: 'Conv',
        inputs: [input, 'patches'],
        outputs: ['patch'],
        attributes: { kernel_shape: [16, 16], strides: [16, 16] },
      },
      { op: 'Relu', inputs: ['patch'], outputs: ['active'] },
      { op: 'GlobalAveragePool', inputs: ['active'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['features'] },
      { op: 'MatMul', inputs: ['features', 'classes'], outputs: [softmax ? 'logits' : output] },
      ...(softmax ? [{ op: 'Softmax', inputs: ['logits'], outputs: [output] }] : []),
    ],
  });
}

/** ResNet-50's place: gpu_0/data_0 f32 [1, 3, 224, 224] → gpu_0/softmax_1 f32 [1, 1000]. */
export const resnet50 = () => classifier('gpu_0/data_0', 'gpu_0/softmax_1', 1, true);

/** wide_resnet101_2's place: actual_input_1 f32 [batch, 3, 224, 224] → output1 f32 [batch, 1000]. */
export const wideResnet = () => classifier('actual_input_1', 'output1', 'batch', false);
