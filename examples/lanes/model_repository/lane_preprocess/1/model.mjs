// A frame as it comes from the camera (height x width x RGB bytes) becomes the detector's input: scaled to 640 x 360, 0 to 1, in planes.
// @ts-check

const height = 360;
const width = 640;

/**
 * Where each of `to` places lies among `from`: the first of its two neighbours, and how far it is towards the second.
 * @param {number} from
 * @param {number} to
 */
function neighbours(from, to) {
  const first = new Int32Array(to);
  const towards = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    first[i] = Math.min(from - 2, Math.floor(at));
    towards[i] = at - first[i];
  }
  return { first, towards };
}

/** @type {import('./model.d.mts').preprocess} */
export function preprocess(pixels, frameWidth, frameHeight) {
  const size = height * width;
  const planes = new Float32Array(3 * size);
  const rows = neighbours(frameHeight, height);
  const columns = neighbours(frameWidth, width);
  const stride = 3 * frameWidth;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = rows.first[y] * stride;
    const below = rows.towards[y] / 255;
    const above = 1 / 255 - below;
    for (let x = 0; x < width; x++, to++) {
      const right = columns.towards[x];
      const left = 1 - right;
      const a = row + 3 * columns.first[x];
      const b = a + stride;
      // One channel after the other, written out: about twice as fast as a loop.
      planes[to] =
        (pixels[a] * left + pixels[a + 3] * right) * above +
        (pixels[b] * left + pixels[b + 3] * right) * below;
      planes[to + size] =
        (pixels[a + 1] * left + pixels[a + 4] * right) * above +
        (pixels[b + 1] * left + pixels[b + 4] * right) * below;
      planes[to + 2 * size] =
        (pixels[a + 2] * left + pixels[a + 5] * right) * above +
        (pixels[b + 2] * left + pixels[b + 5] * right) * below;
    }
  }
  return planes;
}

/** @param {readonly import('trt-node').JsRequest[]} requests */
export function execute(requests) {
  return requests.map(({ inputs: { raw_image: image } }) => {
    const [rows, columns] = image.shape;
    if (rows < 2 || columns < 2) {
      const error = new Error(
        `raw_image: expected at least 2 x 2 pixels, got ${rows} x ${columns}`,
      );
      return Object.assign(error, { code: 'ERR_TRT_REQUEST' });
    }
    const input = preprocess(/** @type {Uint8Array} */ (image.data), columns, rows);
    return { outputs: { input, frame_size: Int32Array.of(columns, rows) } };
  });
}
