// The picture that the examples classify, and its way to a network trained on ImageNet: as in resnet50/client.py.
// @ts-check

/** 256 x 256 RGB pixels. */
export function drawPicture() {
  const pixels = new Uint8Array(256 * 256 * 3);
  for (let y = 0; y < 256; y++) {
    for (let x = 0; x < 256; x++) pixels.set([x, y, (x * y) % 256], (y * 256 + x) * 3);
  }
  return pixels;
}

const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

/**
 * Centre crop of 224, 0 to 1, normalized, in planes.
 * @param {Uint8Array} pixels - 256 x 256 RGB.
 */
export function normalize(pixels) {
  const planes = new Float32Array(3 * 224 * 224);
  for (let index = 0; index < planes.length; index++) {
    const channel = Math.trunc(index / (224 * 224));
    const y = Math.trunc(index / 224) % 224;
    const pixel = pixels[((y + 16) * 256 + (index % 224) + 16) * 3 + channel] ?? 0;
    planes[index] = (pixel / 255 - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
  }
  return planes;
}
