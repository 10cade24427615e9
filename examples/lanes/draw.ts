// Draws lanes onto the frame that they were found in.
import sharp, { type Sharp } from 'sharp';
import type { Frame } from './detect.ts';
import type { Lane } from './model_repository/lane_postprocess/1/model.mjs';

const colours = ['#00e676', '#40c4ff', '#ff4081', '#ffd740', '#b388ff', '#ff6e40'];

function svg(lanes: readonly Lane[], { width, height }: Frame, caption: string): Buffer {
  // From left to right, so that a lane keeps its colour from frame to frame.
  const sorted = lanes.toSorted((a, b) => a.points[0]!.x - b.points[0]!.x);
  const drawn = sorted.map(({ points, score }, index) => {
    const path = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
    const colour = colours[index % colours.length] ?? 'red';
    const { x, y } = points.at(-1)!;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="8" stroke-linecap="round" stroke-linejoin="round" stroke-opacity="0.75"/>
<text x="${x}" y="${y - 14}" fill="${colour}" font-size="22" text-anchor="middle">${score.toFixed(2)}</text>`;
  });
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">
${drawn.join('\n')}
<text x="20" y="40" fill="white" font-size="24">${caption}</text></svg>`,
  );
}

/** The frame with its lanes, as a picture that sharp can still scale or write in any format. */
export function drawLanes(frame: Frame, lanes: readonly Lane[], caption = ''): Sharp {
  const { format, data, width, height } = frame;
  const picture =
    format === 'jpeg' ? sharp(data) : sharp(data, { raw: { width, height, channels: 3 } });
  return picture.composite([{ input: svg(lanes, frame, caption) }]);
}

/** Pictures of one size as an animated WebP, `width` pixels wide. */
export async function animate(
  pictures: readonly Sharp[],
  fps: number,
  width: number,
): Promise<Buffer> {
  const scaled = await Promise.all(
    pictures.map(async (picture) => {
      // sharp scales before it composes: draw first.
      const drawn = await picture.png().toBuffer();
      return sharp(drawn).resize(width).png().toBuffer();
    }),
  );
  const delay = scaled.map(() => Math.round(1000 / fps));
  return sharp(scaled, { join: { animated: true } })
    .webp({ delay, loop: 0, quality: 55 })
    .toBuffer();
}
