// The detector's 2784 proposals become the few lanes that it is surest of, as polylines in pixels of the frame.
// @ts-check

// A row: scores of "none" and "lane", start (0 below, 1 above), start column, length in strips, then a column for each of 72 strips from below to above.
const columns = 77;
const strips = 72;
const inputWidth = 640;

/** What LaneATT calls conf_threshold, nms_thres (pixels of 640) and nms_topk. */
const leastScore = 0.5;
const leastDistance = 45;
const most = 8;

/**
 * First and last strip of a proposal.
 * @param {Float32Array} proposal
 */
function extent(proposal) {
  const first = Math.round(proposal[2] * (strips - 1));
  return { first, last: Math.min(strips - 1, first + Math.round(proposal[4]) - 1) };
}

/**
 * Whether two proposals are the same lane: by their mean distance in the strips that both have.
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
function areSame(a, b) {
  const one = extent(a);
  const other = extent(b);
  const first = Math.max(one.first, other.first);
  const last = Math.min(one.last, other.last);
  let distance = 0;
  for (let strip = first; strip <= last; strip++) {
    distance += Math.abs(a[5 + strip] - b[5 + strip]);
  }
  return distance < leastDistance * (last - first + 1);
}

/**
 * The points of a proposal, from below to above. One that begins above the frame's lower border goes on downwards as long as it stays in the frame.
 * @param {Float32Array} proposal
 * @param {number} width
 * @param {number} height
 */
function pointsOf(proposal, width, height) {
  /** @type {(strip: number) => boolean} */
  const isInside = (strip) => proposal[5 + strip] >= 0 && proposal[5 + strip] <= inputWidth;
  const { first, last } = extent(proposal);
  let strip = Math.max(0, first);
  while (strip > 0 && isInside(strip - 1)) strip--;
  const points = [];
  for (; strip <= last; strip++) {
    if (!isInside(strip)) continue;
    points.push({
      x: (proposal[5 + strip] / inputWidth) * width,
      y: (1 - strip / (strips - 1)) * height,
    });
  }
  return points;
}

/** @type {import('./model.d.mts').decodeLanes} */
export function decodeLanes(predicted, frameWidth, frameHeight) {
  const candidates = [];
  for (let anchor = 0; anchor * columns < predicted.length; anchor++) {
    const at = anchor * columns;
    const score = 1 / (1 + Math.exp(predicted[at] - predicted[at + 1]));
    if (score <= leastScore) continue;
    candidates.push({ anchor, score, proposal: predicted.subarray(at, at + columns) });
  }
  candidates.sort((a, b) => b.score - a.score || a.anchor - b.anchor);
  /** @type {typeof candidates} */
  const kept = [];
  const lanes = [];
  for (const candidate of candidates) {
    const { anchor, score, proposal } = candidate;
    if (kept.some((better) => areSame(better.proposal, proposal))) continue;
    const points = pointsOf(proposal, frameWidth, frameHeight);
    if (points.length < 2) continue;
    kept.push(candidate);
    lanes.push({ anchor, score, points });
    if (lanes.length === most) break;
  }
  return lanes;
}

/** @param {readonly import('trt-node').JsRequest[]} requests */
export function execute(requests) {
  return requests.map(({ inputs }) => {
    const [width, height] = inputs.frame_size.data;
    const predicted = /** @type {Float32Array} */ (inputs.predict_lanes.data);
    const lanes = decodeLanes(predicted, Number(width), Number(height));
    // A strip where the lane is not has the point -1, -1.
    const polylines = new Float32Array(lanes.length * strips * 2).fill(-1);
    lanes.forEach(({ points }, lane) => {
      for (const { x, y } of points) {
        const strip = Math.round((1 - y / Number(height)) * (strips - 1));
        polylines.set([x, y], 2 * (lane * strips + strip));
      }
    });
    return {
      outputs: {
        polylines: { data: polylines, shape: [lanes.length, strips, 2] },
        scores: { data: Float32Array.from(lanes, ({ score }) => score), shape: [lanes.length] },
        summary: { data: [JSON.stringify(lanes)], shape: [1] },
      },
    };
  });
}
