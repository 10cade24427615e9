// Pictures for networks that were trained with torchvision: Resize(256), CenterCrop(224), ToTensor() and Normalize(), on pixels that sharp decodes.
import type { Sharp } from 'sharp';

export interface Pixels {
  /** Rows of red, green, blue, red, green, blue. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const shortSide = 256;
const side = 224;
const colours = [0, 1, 2];

/** What Pillow's `Image.open(file).convert('RGB')` gives: alpha is dropped, not blended, and EXIF's orientation stays unused. */
export async function decode(picture: Sharp): Promise<Pixels> {
  const rgb = picture.removeAlpha().toColourspace('srgb').raw();
  const { data, info } = await rgb.toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** For each of the `side` wanted pixels of a resized line: where in the original line the pixels begin that it is made of, and `count` weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: number;
  readonly weights: Int32Array;
}

/** Weights are integers of so many bits; those of a pixel sum up to one. */
const bits = 22;
const one = 1 << bits;

/**
 * Pillow's antialiased bilinear filter along one axis: a triangle as wide as two pixels of the smaller picture.
 * @param from - Length of the axis.
 * @param to - Its length when resized, of which the `side` pixels in the centre are wanted.
 */
function triangle(from: number, to: number): Taps {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  const count = Math.min(from, Math.ceil(2 * reach));
  const taps = { first: new Int32Array(side), count, weights: new Int32Array(side * count) };
  const crop = roundHalfToEven((to - side) / 2);
  for (let index = 0; index < side; index++) {
    const centre = (crop + index + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const first = Math.min(begin, from - count);
    const heights = Array.from({ length: count }, (_, tap) => {
      const pixel = first + tap;
      if (pixel < begin || pixel >= end) return 0;
      return Math.max(0, 1 - Math.abs(pixel + 0.5 - centre) / reach);
    });
    const sum = heights.reduce((total, height) => total + height, 0);
    const weights = heights.map((height) => Math.trunc((height / sum) * one + 0.5));
    taps.first[index] = first;
    taps.weights.set(weights, index * count);
  }
  return taps;
}

/** As Python's round(), which decides where torchvision's crop begins. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/**
 * Filters the lines of three colours, and writes them as columns: done twice, both axes are resized and the picture stands upright again.
 * @param strides - From a colour to the next, from a line to the next, from a pixel to the next.
 * @returns Planes [3, side, lines], rounded to 8 bits as Pillow does between its passes.
 */
function filterAndTurn(
  source: Uint8Array,
  lines: number,
  [colourStride, lineStride, step]: readonly [number, number, number],
  { first, count, weights }: Taps,
): Uint8Array {
  const target = new Uint8Array(colours.length * side * lines);
  for (const colour of colours) {
    for (let line = 0; line < lines; line++) {
      const start = colour * colourStride + line * lineStride;
      for (let index = 0; index < side; index++) {
        let at = start + (first[index] ?? 0) * step;
        let sum = one >> 1;
        for (let tap = index * count; tap < (index + 1) * count; tap++, at += step) {
          sum += Math.imul(weights[tap] ?? 0, source[at] ?? 0);
        }
        target[(colour * side + index) * lines + line] = Math.min(255, sum >> bits);
      }
    }
  }
  return target;
}

/** Resize(256) and CenterCrop(224): planes [3, 224, 224] of bytes, the same as Pillow's to the last bit. */
export function resizeAndCrop({ data, width, height }: Pixels): Uint8Array {
  const short = Math.min(width, height);
  const columns = triangle(width, Math.trunc((shortSide * width) / short));
  const rows = triangle(height, Math.trunc((shortSide * height) / short));
  const narrow = filterAndTurn(data, height, [1, width * 3, 3], columns);
  return filterAndTurn(narrow, side, [side * height, height, 1], rows);
}

/** What each of the 256 values of red, green and blue becomes, in single precision as torchvision computes it. */
const normalized = [
  { mean: 0.485, deviation: 0.229 },
  { mean: 0.456, deviation: 0.224 },
  { mean: 0.406, deviation: 0.225 },
].map(({ mean, deviation }) => {
  const centred = (value: number): number =>
    Math.fround(Math.fround(value / 255) - Math.fround(mean));
  return Float32Array.from({ length: 256 }, (_, value) => centred(value) / Math.fround(deviation));
});

/** ToTensor() and Normalize(): [3, 224, 224]. */
export function normalize(crop: Uint8Array): Float32Array {
  const area = side * side;
  const tensor = new Float32Array(crop.length);
  normalized.forEach((table, colour) => {
    for (let pixel = colour * area; pixel < (colour + 1) * area; pixel++) {
      tensor[pixel] = table[crop[pixel] ?? 0] ?? 0;
    }
  });
  return tensor;
}

/** From a picture to the network's input. Open it with `{ ignoreIcc: true }`: torchvision does not apply colour profiles. */
export async function preprocess(picture: Sharp): Promise<Float32Array> {
  return normalize(resizeAndCrop(await decode(picture)));
}
