// A picture on its way to a network trained on ImageNet: torchvision's Resize(256), CenterCrop(224), ToTensor and Normalize.
import sharp from 'sharp';

const size = 224;
const mean = [0.485, 0.456, 0.406] as const;
const deviation = [0.229, 0.224, 0.225] as const;

/** Where the middle `size` of `length` pixels begin; halves go to the even side, as Python rounds them. */
function middle(length: number): number {
  const start = (length - size) / 2;
  return Number.isInteger(start) ? start : 2 * Math.round(start / 2);
}

/** RGB pixels [224, 224, 3] of a picture file: its shorter side becomes 256, of which the middle is taken. */
export async function crop(file: string): Promise<Uint8Array> {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .resize({ width: 256, height: 256, fit: 'outside', kernel: 'linear', fastShrinkOnLoad: false })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const left = middle(info.width);
  const top = middle(info.height);
  const pixels = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const start = ((y + top) * info.width + left) * 3;
    pixels.set(data.subarray(start, start + size * 3), y * size * 3);
  }
  return pixels;
}

/** RGB pixels [n, 224, 224, 3] as the network takes them: [n, 3, 224, 224], scaled to [0,1] and normalized. */
export function normalize(pixels: Uint8Array): Float32Array {
  const plane = size * size;
  const planes = new Float32Array(pixels.length);
  for (let index = 0; index < pixels.length; index++) {
    const channel = index % 3;
    const picture = Math.trunc(index / (3 * plane));
    const value = ((pixels[index] ?? 0) / 255 - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
    planes[(picture * 3 + channel) * plane + (Math.trunc(index / 3) % plane)] = value;
  }
  return planes;
}
