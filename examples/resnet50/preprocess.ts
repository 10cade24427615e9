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
  const heights = new Float64Array(count);
  for (let index = 0; index < side; index++) {
    const centre = (crop + index + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const first = Math.min(begin, from - count);
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const pixel = first + tap;
      const inside = pixel >= begin && pixel < end;
      const height = inside ? Math.max(0, 1 - Math.abs(pixel + 0.5 - centre) / reach) : 0;
      heights[tap] = height;
      sum += height;
    }
    taps.first[index] = first;
    for (let tap = 0; tap < count; tap++) {
      const weight = (heights[tap] ?? 0) / sum;
      taps.weights[index * count + tap] = Math.trunc(weight * one + 0.5);
    }
  }
  return taps;
}

/** As Python's round(), which decides where torchvision's crop begins. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** Filters `lines` lines of `width` pixels along themselves: [lines, side, 3], rounded to 8 bits as Pillow does between its passes. */
function filterRows(source: Uint8Array, width: number, lines: number, taps: Taps): Uint8Array {
  const { first, count, weights } = taps;
  const target = new Uint8Array(lines * side * 3);
  for (let line = 0, to = 0; line < lines; line++) {
    for (let x = 0, tap = 0; x < side; x++, to += 3) {
      let at = (line * width + (first[x] ?? 0)) * 3;
      let red = one >> 1;
      let green = red;
      let blue = red;
      for (const end = tap + count; tap < end; tap++, at += 3) {
        const weight = weights[tap] ?? 0;
        red = (red + Math.imul(weight, source[at] ?? 0)) | 0;
        green = (green + Math.imul(weight, source[at + 1] ?? 0)) | 0;
        blue = (blue + Math.imul(weight, source[at + 2] ?? 0)) | 0;
      }
      target[to] = red >> bits;
      target[to + 1] = green >> bits;
      target[to + 2] = blue >> bits;
    }
  }
  return target;
}

/** Filters [lines, side, 3] from line to line: planes [3, side, side]. All of a pixel in one loop: a pass over whole lines for every tap takes twice as long. */
function filterColumns(source: Uint8Array, taps: Taps): Uint8Array {
  const { first, count, weights } = taps;
  const area = side * side;
  const target = new Uint8Array(3 * area);
  for (let y = 0, pixel = 0; y < side; y++) {
    const end = (y + 1) * count;
    for (let x = 0; x < side; x++, pixel++) {
      let at = ((first[y] ?? 0) * side + x) * 3;
      let red = one >> 1;
      let green = red;
      let blue = red;
      for (let tap = y * count; tap < end; tap++, at += side * 3) {
        const weight = weights[tap] ?? 0;
        red = (red + Math.imul(weight, source[at] ?? 0)) | 0;
        green = (green + Math.imul(weight, source[at + 1] ?? 0)) | 0;
        blue = (blue + Math.imul(weight, source[at + 2] ?? 0)) | 0;
      }
      target[pixel] = red >> bits;
      target[area + pixel] = green >> bits;
      target[2 * area + pixel] = blue >> bits;
    }
  }
  return target;
}

/**
 * Resize(256) and CenterCrop(224): planes [3, 224, 224] of bytes, the same as Pillow's to the last bit. (Pillow 13 filters pictures that are more than twice
 * as tall as wide in the other order; some bytes then differ by 1.) What the crop leaves out is not computed.
 */
export function resizeAndCrop({ data, width, height }: Pixels): Uint8Array {
  const short = Math.min(width, height);
  const columns = triangle(width, Math.trunc((shortSide * width) / short));
  const rows = triangle(height, Math.trunc((shortSide * height) / short));
  const top = rows.first[0] ?? 0;
  const lines = (rows.first[side - 1] ?? 0) + rows.count - top;
  const narrow = filterRows(data.subarray(top * width * 3), width, lines, columns);
  const first = rows.first.map((line) => line - top);
  return filterColumns(narrow, { ...rows, first });
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
