// The camera: a road that is drawn, not filmed, so that where its lanes are is known to a part of a pixel.

export const frameWidth = 1280;
export const frameHeight = 720;

/** Frames after which the video begins again, without a seam. */
export const framesInLoop = 120;

/** A painted line of the road, in pixels of the frame, from below to above. */
export interface TrueLane {
  readonly dashed: boolean;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface SceneFrame {
  /** 720 rows of 1280 RGB pixels. */
  readonly pixels: Uint8Array;
  readonly lanes: readonly TrueLane[];
}

/** Of a pinhole camera 1.8 m above a flat road: pixels, pixels, metres. */
const horizon = 300;
const focalLength = 1000;
const cameraHeight = 1.8;
/** Where lines are known to: 30 m ahead. They are painted further. */
const farthestRow = horizon + 60;
const lastPaintedRow = horizon + 16;

/** Metres to the right of the camera when it is in the middle of its lane. */
const lines = [
  { at: -5.4, dashed: false, colour: [235, 200, 70] },
  { at: -1.8, dashed: true, colour: [235, 235, 230] },
  { at: 1.8, dashed: true, colour: [235, 235, 230] },
  { at: 5.4, dashed: false, colour: [235, 235, 230] },
] as const;
const lineWidth = 0.15;
const dashLength = 4;
const dashPeriod = 6;

const asphalt = [92, 94, 98] as const;
const grass = [74, 104, 58] as const;

/** Small pseudo-random numbers around 0, the same in every run. */
const noise = ((): Int8Array => {
  const values = new Int8Array(2 ** 20);
  let state = 20240607;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state >>> 28) - 8;
  }
  return values;
})();

const wave = (frame: number, turns: number, phase = 0): number =>
  Math.sin(2 * Math.PI * ((turns * frame) / framesInLoop + phase));

/** Where the camera is in frame number `frame`, and what the road does there. */
function situation(frame: number) {
  return {
    curvature: wave(frame, 1) / 280,
    /** The car weaves in its lane. */
    sideways: 0.35 * wave(frame, 2, 0.1),
    heading: 0.012 * wave(frame, 2, 0.35),
    travelled: (10 * dashPeriod * frame) / framesInLoop,
    /** The sun, and the shadow of a bridge that comes nearer three times a loop. */
    light: 1 + 0.2 * wave(frame, 3),
    shadowAt: 40 - ((3 * frame) / framesInLoop - Math.floor((3 * frame) / framesInLoop)) * 45,
  };
}
type Situation = ReturnType<typeof situation>;

const distanceAt = (y: number): number => (focalLength * cameraHeight) / (y - horizon);

/** The column at which a line `at` metres from the middle of the lane is seen in row `y`. */
function columnOf(at: number, y: number, { curvature, sideways, heading }: Situation): number {
  const z = distanceAt(y);
  const metres = at - sideways + heading * z + (curvature * z * z) / 2;
  return frameWidth / 2 + (focalLength * metres) / z;
}

function trueLanes(now: Situation): TrueLane[] {
  return lines.map(({ at, dashed }) => {
    const points: { x: number; y: number }[] = [];
    for (let y = frameHeight - 1; y >= farthestRow; y--) {
      const x = columnOf(at, y + 0.5, now);
      if (x >= 0 && x < frameWidth) points.push({ x, y: y + 0.5 });
    }
    return { dashed, points };
  });
}

/** Blends `colour` over the pixels from `left` to `right`; those at the ends by the part that is covered. */
function paint(row: Float32Array, left: number, right: number, colour: readonly number[]): void {
  const [red = 0, green = 0, blue = 0] = colour;
  const end = Math.min(frameWidth, Math.ceil(right));
  for (let x = Math.max(0, Math.floor(left)); x < end; x++) {
    const covered = Math.min(x + 1, right) - Math.max(x, left);
    const rest = 1 - covered;
    const at = 3 * x;
    row[at] = row[at]! * rest + red * covered;
    row[at + 1] = row[at + 1]! * rest + green * covered;
    row[at + 2] = row[at + 2]! * rest + blue * covered;
  }
}

/** Row `y` of sky or road, before light and noise. */
function drawRow(row: Float32Array, y: number, now: Situation): void {
  if (y <= horizon) {
    const up = (horizon - y) / horizon;
    paint(row, 0, frameWidth, [190 - 70 * up, 205 - 45 * up, 225 - 10 * up]);
    return;
  }
  paint(row, 0, frameWidth, grass);
  const middle = y + 0.5;
  const z = distanceAt(middle);
  const metre = focalLength / z;
  paint(row, columnOf(-6.2, middle, now), columnOf(6.2, middle, now), asphalt);
  if (y < lastPaintedRow) return;
  for (const { at, dashed, colour } of lines) {
    if (dashed && (z + now.travelled) % dashPeriod > dashLength) continue;
    const x = columnOf(at, middle, now);
    paint(row, x - (lineWidth / 2) * metre, x + (lineWidth / 2) * metre, colour);
  }
}

/** Frame number `frame`: the same pixels on every machine. */
export function drawFrame(frame: number): SceneFrame {
  const now = situation(frame);
  // Clamped: too bright is white.
  const pixels = new Uint8ClampedArray(3 * frameWidth * frameHeight);
  const row = new Float32Array(3 * frameWidth);
  for (let y = 0; y < frameHeight; y++) {
    drawRow(row, y, now);
    const z = y > horizon ? distanceAt(y + 0.5) : Infinity;
    const isShaded = z > now.shadowAt && z < now.shadowAt + 4;
    const light = now.light * (isShaded ? 0.6 : 1);
    const start = y * row.length;
    const grain = ((frame * frameHeight + y) * 7919) % (noise.length - row.length);
    for (let i = 0; i < row.length; i++) pixels[start + i] = row[i]! * light + noise[grain + i]!;
  }
  return { pixels: new Uint8Array(pixels.buffer), lanes: trueLanes(now) };
}
