// The pictures, and what torchvision and PyTorch made of them when the model was exported.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { readNpy } from 'trt-node';
import { type ExampleModel, chooseModel } from '../../kit/models.ts';

export const example = path.dirname(import.meta.dirname);
export const model: ExampleModel = chooseModel(new URL('../main.ts', import.meta.url).href);

const folder = path.join(example, 'pictures');
export const pictures = readdirSync(folder)
  .filter((file) => /\.(png|jpg)$/.test(file))
  .map((file) => path.join(folder, file));
export const lighthouse = path.join(folder, 'lighthouse.png');

const expected = (picture: string, ending: string): string =>
  model.file(path.join('expected', path.parse(picture).name + ending));

/** What Resize(256) and CenterCrop(224) gave: planes [3, 224, 224]. */
export function torchvisionCrop(picture: string): Promise<Uint8Array> {
  return sharp(expected(picture, '.png')).toColourspace('b-w').raw().toBuffer();
}

/** What the network gave: 1000 probabilities. */
export async function torchScores(picture: string): Promise<Float32Array> {
  return (await readNpy(expected(picture, '.npy'))).data as Float32Array;
}

export function fiveBest(scores: Float32Array): string[] {
  const best = [...scores.entries()].sort(([, a], [, b]) => b - a).slice(0, 5);
  return best.map(([index, score]) => `${score.toFixed(6)}:${index}`);
}
