// A picture as it comes from the camera (height x width x RGB bytes) becomes the detector's input: scaled to 640 x 360, 0 to 1, in planes.
// @ts-check

const height = 360;
const width = 640;

/**
 * Bilinear, as far as two neighbours go.
 * @param {Uint8Array} pixels
 * @param {number} rows
 * @param {number} columns
 */
export function preprocess(pixels, rows, columns) {
  const planes = new Float32Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    const fromY = Math.max(0, ((y + 0.5) * rows) / height - 0.5);
    const top = Math.floor(fromY);
    const bottom = Math.min(rows - 1, top + 1);
    const downwards = fromY - top;
    for (let x = 0; x < width; x++) {
      const fromX = Math.max(0, ((x + 0.5) * columns) / width - 0.5);
      const left = Math.floor(fromX);
      const right = Math.min(columns - 1, left + 1);
      const rightwards = fromX - left;
      for (let channel = 0; channel < 3; channel++) {
        /** @type {(row: number, column: number) => number} */
        const at = (row, column) => pixels[(row * columns + column) * 3 + channel] ?? 0;
        const above = at(top, left) * (1 - rightwards) + at(top, right) * rightwards;
        const below = at(bottom, left) * (1 - rightwards) + at(bottom, right) * rightwards;
        planes[(channel * height + y) * width + x] =
          (above * (1 - downwards) + below * downwards) / 255;
      }
    }
  }
  return planes;
}

/** @param {readonly import('trt-node').JsRequest[]} requests */
export function execute(requests) {
  return requests.map(({ inputs }) => {
    const image = /** @type {import('trt-node').JsTensor} */ (inputs['raw_image']);
    const [rows = 0, columns = 0] = image.shape;
    if (rows < 2 || columns < 2) {
      const error = new Error(
        `raw_image: expected at least 2 x 2 pixels, got ${rows} x ${columns}`,
      );
      return Object.assign(error, { code: 'ERR_TRT_REQUEST' });
    }
    const planes = preprocess(/** @type {Uint8Array} */ (image.data), rows, columns);
    return { outputs: { input: { data: planes, shape: [1, 3, height, width] } } };
  });
}
