// Plays the generated road as a camera would: frames at a steady rate, whether or not anyone is ready for them.
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import type { Frame } from './detect.ts';
import { drawFrame, frameHeight, frameWidth } from './scene.ts';

/** A frame of the road as the camera gives it. */
export async function filmFrame(number: number, format: Frame['format']): Promise<Frame> {
  const { pixels } = drawFrame(number);
  const size = { width: frameWidth, height: frameHeight };
  if (format === 'rgb') return { format, data: pixels, ...size };
  const picture = sharp(pixels, { raw: { ...size, channels: 3 } });
  return { format, data: await picture.jpeg({ quality: 85 }).toBuffer(), ...size };
}

/** Calls `onFrame` for each frame, over and over, until `signal` is aborted. Capture times are those of the clock, also where the process is late. */
export async function play(
  video: readonly Frame[],
  fps: number,
  onFrame: (frame: Frame, capturedAt: number, index: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  for (let number = 0; ; number++) {
    const capturedAt = started + (1000 * number) / fps;
    const wait = capturedAt - performance.now();
    // A camera does not wait for the program: frames that are overdue come at once.
    if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => undefined);
    else await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
    const index = number % video.length;
    onFrame(video[index]!, capturedAt, index);
  }
}
