// npm run figures: FP32 against FP16, the stages by themselves, frames a second, latency at the camera's rate, and the ensemble over gRPC.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import {
  InferTensor,
  ModelRepository,
  Session,
  Tensor,
  float16ToFloat32,
  float32ToFloat16,
} from 'trt-node';
import { writeBars } from '../kit/chart.ts';
import { explain, main } from '../kit/failure.ts';
import { type FigureRow, type Latency, latencyOf, measure, writeFigures } from '../kit/figures.ts';
import { chooseModel, exampleFolder } from '../kit/models.ts';
import { runPython } from '../kit/python.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { startServer } from '../kit/server.ts';
import { compareLanes } from './accuracy.ts';
import { filmFrame, play } from './camera.ts';
import { type Frame, LaneDetector } from './detect.ts';
import { decodeLanes } from './model_repository/lane_postprocess/1/model.mjs';
import { preprocess } from './model_repository/lane_preprocess/1/model.mjs';
import { ensurePlans, makeRepository, painted } from './repository.ts';
import { drawFrame, frameHeight, frameWidth, framesInLoop } from './scene.ts';
import { FrameStream } from './stream.ts';

const { work } = exampleFolder(import.meta.url);
const frameCount = 30;

const round = (value: number): number => Number(value.toPrecision(3));
const row = (what: string, { p50, p99, count }: Latency): FigureRow => ({
  what,
  'p50, ms': round(p50),
  'p99, ms': round(p99),
  loops: count,
});

/** Inputs and outputs in FP32 and FP16, as typed arrays: copies to the device and back included. */
async function engines(folder: string, loops: number): Promise<FigureRow[]> {
  const plans = await ensurePlans(folder);
  const planes = preprocess(drawFrame(0).pixels, frameWidth, frameHeight);
  const shape = [1, 3, 360, 640];
  const inputs = {
    fp32: new Tensor('float32', planes, shape),
    fp16: new Tensor('float16', float32ToFloat16(planes), shape),
  };
  const rows = [];
  for (const type of ['fp32', 'fp16'] as const) {
    await using session = await Session.load(plans[type]);
    const run = () => session.run({ input: inputs[type] }, { outputs: ['predict_lanes'] });
    rows.push(row(`${path.basename(folder)}, ${type.toUpperCase()}`, await measure(run, loops)));
  }
  return rows;
}

/** Mean and largest error of single lanes, in pixels of 1280, with FP32 and FP16. */
async function accuracy(plans: { fp32: string; fp16: string }): Promise<FigureRow[]> {
  await using fp32 = await Session.load(plans.fp32);
  await using fp16 = await Session.load(plans.fp16);
  const outputs = ['predict_lanes'];
  const networks = {
    FP32: async (planes: Float32Array) =>
      (await fp32.run({ input: planes }, { outputs })).predict_lanes!.data as Float32Array,
    FP16: async (planes: Float32Array) => {
      const input = new Tensor('float16', float32ToFloat16(planes), [1, 3, 360, 640]);
      const { predict_lanes: lanes } = await fp16.run({ input }, { outputs });
      return float16ToFloat32(lanes!.data as Uint16Array);
    },
  };
  const rows: FigureRow[] = [];
  for (const [type, network] of Object.entries(networks)) {
    const errors: number[] = [];
    let extra = 0;
    for (let frame = 0; frame < framesInLoop; frame += framesInLoop / frameCount) {
      const { pixels, lanes } = drawFrame(frame);
      const predicted = await network(preprocess(pixels, frameWidth, frameHeight));
      const compared = compareLanes(lanes, decodeLanes(predicted, frameWidth, frameHeight));
      errors.push(...compared.errors);
      extra += compared.extra;
    }
    const found = errors.filter(Number.isFinite);
    rows.push({
      network: `small, ${type}`,
      lanes: errors.length,
      found: found.length,
      'not lanes': extra,
      'mean error, pixels': round(found.reduce((a, b) => a + b, 0) / found.length),
      'largest, pixels': round(Math.max(...found)),
    });
  }
  return rows;
}

/** Each part of the way from frame to lanes by itself. */
async function stages(detector: LaneDetector, video: Readonly<Record<Frame['format'], Frame[]>>) {
  const rows: FigureRow[] = [];
  for (const format of ['jpeg', 'rgb'] as const) {
    const times: Record<'resize' | 'engine' | 'decode', number[]> = {
      resize: [],
      engine: [],
      decode: [],
    };
    for (let loop = -5; loop < 4 * frameCount; loop++) {
      const detection = await detector.detect(video[format][(loop + frameCount) % frameCount]!);
      if (loop < 0) continue;
      for (const stage of ['resize', 'engine', 'decode'] as const) {
        times[stage].push(detection.times[stage]);
      }
    }
    const name = format === 'jpeg' ? 'JPEG: decode and resize (sharp)' : 'RGB: resize (sharp)';
    rows.push(row(name, latencyOf(times.resize)));
    if (format === 'rgb') continue;
    rows.push(row('engine, small FP32, pinned memory', latencyOf(times.engine)));
    rows.push(row('lane decoding', latencyOf(times.decode)));
  }
  const { data } = video.rgb[0]!;
  const inJs = () => preprocess(data, frameWidth, frameHeight);
  rows.push(row('RGB: resize (JavaScript, of the ensemble)', await measure(inJs, frameCount)));
  return rows;
}

async function streams(
  detector: LaneDetector,
  video: Readonly<Record<Frame['format'], Frame[]>>,
  seconds: number,
): Promise<FigureRow[]> {
  const rows: FigureRow[] = [];
  for (const [format, fps] of [
    ['jpeg', 30],
    ['jpeg', 60],
    ['rgb', 60],
    ['jpeg', 1000],
    ['rgb', 1000],
  ] as const) {
    const stream = new FrameStream(detector.detect.bind(detector), () => undefined, {
      inFlight: 4,
    });
    const started = performance.now();
    await play(
      video[format],
      fps,
      (frame, capturedAt) => stream.push(frame, capturedAt),
      AbortSignal.timeout(1000 * seconds),
    );
    await stream.close();
    const elapsed = (performance.now() - started) / 1000;
    const { arrived, dropped, done } = stream.counters;
    rows.push({
      camera: `${fps === 1000 ? 'flat out' : `${fps} fps`}, ${format}`,
      arrived,
      dropped,
      done,
      fps: round(done / elapsed),
      'glass to result p50, ms': round(stream.latency(50)),
      'p99, ms': round(stream.latency(99)),
    });
  }
  return rows;
}

/** The same frame, one request after another: this process' session, its repository, and a server through Python's gRPC client. */
async function ensemble(
  plans: { fp32: string; fp16: string },
  detector: LaneDetector,
  frame: Frame,
  loops: number,
): Promise<FigureRow[]> {
  const repository = makeRepository(plans);
  const rows = [row('LaneDetector', await measure(() => detector.detect(frame), loops))];
  {
    await using models = await ModelRepository.open(repository);
    const raw_image = new InferTensor('UINT8', frame.data, [frameHeight, frameWidth, 3]);
    const run = () => models.infer('lane_pipeline', { raw_image });
    rows.push(row('ensemble in process', await measure(run, loops)));
  }
  try {
    mkdirSync(work, { recursive: true });
    const picture = path.join(work, 'frame.png');
    const raw = { width: frameWidth, height: frameHeight, channels: 3 } as const;
    await sharp(frame.data, { raw }).png().toFile(picture);
    await using server = await startServer(repository);
    const script = path.join(import.meta.dirname, 'bench.py');
    const args = [picture, server.grpc, String(loops)];
    const told = await runPython(script, args, ['numpy', 'tritonclient', 'PIL']);
    rows.push(row('ensemble over gRPC (Python)', latencyOf(told.trim().split('\n').map(Number))));
  } catch (error) {
    const why = explain(error);
    if (why === undefined) throw error;
    rows.push({ what: `ensemble over gRPC (Python): ${why}` });
  }
  return rows;
}

await main(async () => {
  const place = chooseRuntime();
  const onGpu = place.runtime === 'tensorrt';
  const model = chooseModel(import.meta.url);
  const loops = onGpu ? 300 : 50;
  const plans = await ensurePlans(painted);
  const rows = await engines(painted, loops);
  if (model.size === 'full') rows.push(...(await engines(model.folder, onGpu ? loops : 5)));
  else rows.push({ what: 'full: not exported (npm run export; needs PyTorch)' });

  const numbers = Array.from({ length: frameCount }, (_, i) => (i * framesInLoop) / frameCount);
  const video = {
    jpeg: await Promise.all(numbers.map((number) => filmFrame(number, 'jpeg'))),
    rgb: await Promise.all(numbers.map((number) => filmFrame(number, 'rgb'))),
  };
  await using detector = await LaneDetector.load(plans.fp32, 4);
  const stageRows = await stages(detector, video);
  const streamRows = await streams(detector, video, 5);
  const ensembleRows = await ensemble(plans, detector, video.rgb[0]!, loops);
  const at30 = streamRows[0]!;
  const flatOut = streamRows[3]!;
  const headline = `${flatOut.fps} fps flat out from JPEG; at 30 fps glass to lanes ${at30['glass to result p50, ms']} ms p50`;
  const { date } = writeFigures(work, model, headline, {
    'Engine, Session.run with arrays': rows,
    'Stages, one frame at a time': stageRows,
    'Streams of 1280 x 720, four frames in flight': streamRows,
    'One raw frame to lanes, one after another': ensembleRows,
    Accuracy: await accuracy(plans),
  });
  const bars = [...stageRows, ...ensembleRows].filter((one) => 'p50, ms' in one);
  writeBars(path.join(work, 'lanes.svg'), {
    title: 'Lanes in a frame of 1280 x 720',
    unit: 'milliseconds, p50',
    groups: bars.map(({ what }) => String(what)),
    series: { p50: bars.map((one) => Number(one['p50, ms'])) },
    caption: `${place.name}, ${date}; flat out ${flatOut.fps} frames a second`,
  });
});
