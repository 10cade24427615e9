// npm start: some seconds of road at the camera's rate, lanes found in it, and what that cost. Options: --fps=30 --seconds=6 --raw
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ExampleError, main } from '../kit/failure.ts';
import { exampleFolder } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { filmFrame, play } from './camera.ts';
import { type Detection, type Frame, LaneDetector } from './detect.ts';
import { animate, drawLanes } from './draw.ts';
import { ensurePlans, makeRepository, painted } from './repository.ts';
import { framesInLoop } from './scene.ts';
import { FrameStream } from './stream.ts';

const { work } = exampleFolder(import.meta.url);

function readOptions(): { fps: number; seconds: number; format: Frame['format'] } {
  const { values } = parseArgs({
    options: {
      fps: { type: 'string', default: '30' },
      seconds: { type: 'string', default: '6' },
      raw: { type: 'boolean', default: false },
    },
  });
  const fps = Number(values.fps);
  const seconds = Number(values.seconds);
  if (!(fps > 0 && fps <= 1000) || !(seconds > 0)) {
    throw new ExampleError(
      `--fps=${values.fps} --seconds=${values.seconds} cannot be.`,
      'Give --fps from 1 to 1000, and --seconds above 0.',
    );
  }
  return { fps, seconds, format: values.raw ? 'rgb' : 'jpeg' };
}

/** Every third frame of the loop, as pictures: for the eye, not for the clock. */
async function drawPictures(video: readonly Frame[], detector: LaneDetector): Promise<void> {
  const pictures = [];
  for (let index = 0; index < video.length; index += 3) {
    const { lanes } = await detector.detect(video[index]!);
    pictures.push(drawLanes(video[index]!, lanes));
  }
  await drawLanes(video[12]!, []).png().toFile(path.join(work, 'frame.png'));
  await pictures[4]!.clone().png().toFile(path.join(work, 'lanes.png'));
  writeFileSync(path.join(work, 'lanes.webp'), await animate(pictures, 10, 480));
}

await main(async () => {
  const { fps, seconds, format } = readOptions();
  console.log(`Runs on ${chooseRuntime().name}.`);
  console.log('Model: set by hand, not learned; it finds painted lines (README.md).');
  mkdirSync(work, { recursive: true });
  const plans = await ensurePlans(painted);
  makeRepository(plans); // for trt-node serve
  await using detector = await LaneDetector.load(plans.fp32, 2);

  console.log(`Drawing ${framesInLoop} frames of road...`);
  const video: Frame[] = [];
  for (let number = 0; number < framesInLoop; number++) video.push(await filmFrame(number, format));

  const sums = { resize: 0, engine: 0, decode: 0 };
  const found = (detection: Detection): void => {
    for (const stage of ['resize', 'engine', 'decode'] as const)
      sums[stage] += detection.times[stage];
  };
  const stream = new FrameStream(detector.detect.bind(detector), found, { inFlight: 2 });
  const stop = new AbortController();
  process.once('SIGINT', () => {
    stop.abort('SIGINT');
  });
  const started = performance.now();
  const rate = (): string =>
    ((1000 * stream.counters.done) / (performance.now() - started)).toFixed(1);
  const live = setInterval(() => {
    const { arrived, dropped, done } = stream.counters;
    const latency = `${stream.latency(50).toFixed(1)} ms p50, ${stream.latency(99).toFixed(1)} ms p99`;
    if (process.stdout.isTTY) {
      process.stdout.write(
        `\r\x1b[Karrived ${arrived}, dropped ${dropped}, done ${done}, ${rate()} fps, glass to result ${latency}`,
      );
    }
  }, 250).unref();
  setTimeout(() => {
    stop.abort('done');
  }, 1000 * seconds).unref();
  await play(video, fps, (frame, capturedAt) => stream.push(frame, capturedAt), stop.signal);
  await stream.close();
  clearInterval(live);
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');

  const { arrived, dropped, done } = stream.counters;
  const mean = (sum: number): string => (sum / Math.max(1, done)).toFixed(2);
  console.table({
    [`${fps} fps of 1280 x 720 ${format}`]: {
      arrived,
      dropped,
      done,
      fps: rate(),
      'glass to result p50, ms': stream.latency(50).toFixed(1),
      'p99, ms': stream.latency(99).toFixed(1),
      'decode and resize, ms': mean(sums.resize),
      'engine, ms': mean(sums.engine),
      'lanes, ms': mean(sums.decode),
    },
  });
  if (stop.signal.reason === 'SIGINT') return;
  await drawPictures(video, detector);
  console.log('Pictures: work/lanes.png, work/lanes.webp');
});
