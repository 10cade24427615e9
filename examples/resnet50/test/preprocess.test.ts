// The tensor is torchvision's: for each way in which pictures are stored, and for sizes above and below the network's.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { decode, normalize, preprocess, resizeAndCrop } from '../preprocess.ts';
import { pictures, torchvisionCrop } from './expected.ts';

/** Greatest and mean difference. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): { max: number; mean: number } {
  assert.equal(a.length, b.length);
  let max = 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const off = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    max = Math.max(max, off);
    sum += off;
  }
  return { max, mean: sum / a.length };
}

/** How far a byte may be off. */
function allowance(name: string): { max: number; mean: number } {
  // Decoders of JPEG may round differently. Where it was measured, sharp's and Pillow's do not.
  if (name.endsWith('.jpg')) return { max: 3, mean: 0.1 };
  // Pillow 13 filters tall pictures in the other order.
  return name === 'tall.png' ? { max: 1, mean: 0.5 } : { max: 0, mean: 0 };
}

for (const picture of pictures) {
  const allowed = allowance(path.basename(picture));
  test(`${path.basename(picture)}: at most ${allowed.max} of 255 off torchvision`, async () => {
    const crop = await torchvisionCrop(picture);
    const ours = resizeAndCrop(await decode(sharp(picture, { ignoreIcc: true })));
    const { max, mean } = difference(ours, crop);
    assert.ok(max <= allowed.max && mean <= allowed.mean, `max ${max}, mean ${mean}`);
    assert.deepEqual(await preprocess(sharp(picture, { ignoreIcc: true })), normalize(ours));
  });
}

test('normalize() is ToTensor() and Normalize()', () => {
  const crop = Uint8Array.from({ length: 3 * 224 * 224 }, (_, i) => (i * 7) % 256);
  const wanted = Array.from(crop, (value, i) => {
    const colour = Math.trunc(i / (224 * 224));
    const mean = [0.485, 0.456, 0.406][colour] ?? NaN;
    return (value / 255 - mean) / ([0.229, 0.224, 0.225][colour] ?? NaN);
  });
  assert.ok(difference(normalize(crop), wanted).max < 1e-6);
});

test("sharp's own resizing would not do", async () => {
  const picture = pictures.find((file) => file.endsWith('tiny.png')) ?? '';
  const { width, height, data } = await decode(sharp(picture));
  const scale = 256 / Math.min(width, height);
  const size = { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  const resized = raw.resize({ ...size, fit: 'fill', kernel: 'linear' });
  const left = Math.round((size.width - 224) / 2);
  const cropped = resized.extract({ left, top: 16, width: 224, height: 224 });
  const bytes = await cropped.raw().toBuffer();
  const planes = bytes.map((_, i) => bytes[(i % 50176) * 3 + Math.trunc(i / 50176)] ?? 0);
  assert.ok(difference(planes, await torchvisionCrop(picture)).max > 10);
});
