// What PyTorch computed, and how near a model has to come to it.
import assert from 'node:assert/strict';
import { readNpy } from 'trt-node';
import { type ExampleModel, chooseModel } from '../../kit/models.ts';
import { type Place, chooseRuntime } from '../../kit/runtime.ts';
import { normalize } from '../picture.ts';

export interface Expected {
  readonly model: ExampleModel;
  readonly place: Place;
  /** uint8 [2,224,224,3]. */
  readonly pixels: Uint8Array;
  /** float32 [2,3,224,224]. */
  readonly pictures: Float32Array;
  /** float32 [2,1000]. */
  readonly scores: Float32Array;
}

export async function readExpected(): Promise<Expected> {
  const model = chooseModel(new URL('..', import.meta.url).href + 'x');
  const pixels = (await readNpy(model.file('expected/pixels.npy'))).data as Uint8Array;
  const scores = (await readNpy(model.file('expected/output1.npy'))).data as Float32Array;
  return { model, place: chooseRuntime(), pixels, pictures: normalize(pixels), scores };
}

/** The class with the largest score. */
export const best = (scores: Float32Array): number => scores.indexOf(Math.max(...scores));

/** Largest difference, as a part of the range that the expected numbers have. */
export function difference(scores: Float32Array, expected: Float32Array): number {
  assert.equal(scores.length, expected.length);
  const range = Math.max(...expected) - Math.min(...expected);
  return (
    scores.reduce(
      (largest, score, index) => Math.max(largest, Math.abs(score - (expected[index] ?? NaN))),
      0,
    ) / range
  );
}

/** FP32 in another order of summing, on the CPU: 1e-6 for the small model, 6e-6 for the full one were seen. */
export const exact = 5e-5;

/** What a plan of `--best` may be off by: float16 and bfloat16 kernels on a GPU; on the reference runtime it computes in FP32. */
export const planTolerance = ({ runtime }: Place): number =>
  runtime === 'tensorrt' ? 0.05 : exact;
