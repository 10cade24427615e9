// The detector's 2784 anchors become the few lanes that it is surest of. Column 1 is the score of "a lane", column 0 that of "none".
// @ts-check

const columns = 77;
const most = 4;

/**
 * @param {Float32Array} predicted - Of [2784, 77].
 * @returns {{ anchor: number, score: number }[]} The best, the surest first.
 */
export function bestLanes(predicted) {
  const lanes = [];
  for (let anchor = 0; anchor * columns < predicted.length; anchor++) {
    const none = predicted[anchor * columns] ?? 0;
    const lane = predicted[anchor * columns + 1] ?? 0;
    if (lane > none) lanes.push({ anchor, score: 1 / (1 + Math.exp(none - lane)) });
  }
  return lanes.sort((a, b) => b.score - a.score || a.anchor - b.anchor).slice(0, most);
}

/** @param {readonly import('trt-node').JsRequest[]} requests */
export function execute(requests) {
  return requests.map(({ inputs }) => {
    const { data } = /** @type {import('trt-node').JsTensor} */ (inputs['predict_lanes']);
    const predicted = /** @type {Float32Array} */ (data);
    const best = bestLanes(predicted);
    const lanes = new Float32Array(best.length * columns);
    best.forEach(({ anchor }, index) => {
      lanes.set(predicted.subarray(anchor * columns, (anchor + 1) * columns), index * columns);
    });
    return {
      outputs: {
        lanes: { data: lanes, shape: [best.length, columns] },
        summary: { data: [JSON.stringify(best)], shape: [1] },
      },
    };
  });
}
