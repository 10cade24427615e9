// Lanes are where they were painted; FP32, FP16, JPEG, raw pixels and the ensemble agree.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import {
  InferTensor,
  ModelRepository,
  Session,
  Tensor,
  float16ToFloat32,
  float32ToFloat16,
} from 'trt-node';
import { chooseRuntime } from '../../kit/runtime.ts';
import { compareLanes } from '../accuracy.ts';
import { filmFrame } from '../camera.ts';
import { type Frame, LaneDetector } from '../detect.ts';
import { animate, drawLanes } from '../draw.ts';
import { type Lane, decodeLanes } from '../model_repository/lane_postprocess/1/model.mjs';
import { preprocess } from '../model_repository/lane_preprocess/1/model.mjs';
import { ensurePlans, makeRepository, painted } from '../repository.ts';
import { type SceneFrame, drawFrame, frameHeight, frameWidth, framesInLoop } from '../scene.ts';

chooseRuntime();
const plans = await ensurePlans(painted);
const step = 10;
let detector: LaneDetector;
let repository: ModelRepository;
const scenes = new Map<number, SceneFrame>();

before(async () => {
  detector = await LaneDetector.load(plans.fp32);
  repository = await ModelRepository.open(makeRepository(plans));
  for (let frame = 0; frame < framesInLoop; frame += step) scenes.set(frame, drawFrame(frame));
});
after(async () => {
  await repository.close();
  await detector.close();
});

/** Each true lane was found, less than 8 pixels off on average, and nothing else. */
function checkLanes(frame: number, lanes: readonly Lane[], scene: SceneFrame): number {
  const { errors, extra } = compareLanes(scene.lanes, lanes);
  for (const [lane, error] of errors.entries()) {
    assert.ok(error < 8, `frame ${frame}: lane ${lane} is ${error} pixels off`);
  }
  assert.equal(extra, 0, `frame ${frame}: ${extra} lanes that are not there`);
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

for (const format of ['rgb', 'jpeg'] as const) {
  test(`each lane is found, less than 8 pixels off at 1280, and no other: ${format}`, async (t) => {
    const means = [];
    for (const [frame, scene] of scenes) {
      const { lanes } = await detector.detect(await filmFrame(frame, format));
      means.push(checkLanes(frame, lanes, scene));
    }
    const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
    t.diagnostic(`mean error ${mean.toFixed(2)} pixels over ${means.length} frames`);
    assert.ok(mean < 3, `mean error ${mean} pixels`);
  });
}

test('a road without paint has no lanes', async () => {
  const data = new Uint8Array(3 * frameWidth * frameHeight).fill(95);
  const { lanes } = await detector.detect({
    format: 'rgb',
    data,
    width: frameWidth,
    height: frameHeight,
  });
  assert.deepEqual(lanes, []);
});

test('FP16 finds what FP32 finds', async () => {
  await using session = await Session.load(plans.fp16);
  for (const [frame, scene] of scenes) {
    const planes = preprocess(scene.pixels, frameWidth, frameHeight);
    const input = new Tensor('float16', float32ToFloat16(planes), [1, 3, 360, 640]);
    const { predict_lanes: lanes } = await session.run({ input }, { outputs: ['predict_lanes'] });
    const predicted = float16ToFloat32(lanes!.data as Uint16Array);
    checkLanes(frame, decodeLanes(predicted, frameWidth, frameHeight), scene);
  }
});

test('the ensemble gives, from raw pixels, what the steps give one by one in this process', async () => {
  await using session = await Session.load(plans.fp32);
  for (const frame of [0, 50, 100]) {
    const { pixels } = scenes.get(frame)!;
    const input = preprocess(pixels, frameWidth, frameHeight);
    const { predict_lanes: predicted } = await session.run({ input });
    const lanes = decodeLanes(predicted!.data as Float32Array, frameWidth, frameHeight);

    const raw = new InferTensor('UINT8', pixels, [frameHeight, frameWidth, 3]);
    const outputs = await repository.infer('lane_pipeline', { raw_image: raw });
    const [summary] = outputs.summary!.data as readonly Uint8Array[];
    assert.deepEqual(JSON.parse(Buffer.from(summary!).toString()), lanes);
    assert.deepEqual(outputs.polylines!.shape, [lanes.length, 72, 2]);
    assert.deepEqual(
      outputs.scores!.data,
      Float32Array.from(lanes, ({ score }) => score),
    );
    const polylines = outputs.polylines!.data as Float32Array;
    const points = [...polylines.keys()].filter((i) => i % 2 === 0 && polylines[i]! >= 0);
    assert.equal(
      points.length,
      lanes.map((lane) => lane.points.length).reduce((a, b) => a + b),
    );
    assert.equal(polylines[points[0]!], Math.fround(lanes[0]!.points[0]!.x));
  }
});

test('raw pixels of a frame that is not one are refused in words', async () => {
  const raw_image = new InferTensor('UINT8', new Uint8Array(3), [1, 1, 3]);
  await assert.rejects(
    repository.infer('lane_pipeline', { raw_image }),
    /expected at least 2 x 2 pixels, got 1 x 1/,
  );
});

test('preprocessing halves a frame by the mean of 2 x 2 pixels, and keeps one of 640 x 360', () => {
  const { pixels } = scenes.get(0)!;
  const half = preprocess(pixels, frameWidth, frameHeight);
  const at = (x: number, y: number): number => pixels[3 * (y * frameWidth + x) + 1]!;
  const mean = (at(200, 400) + at(201, 400) + at(200, 401) + at(201, 401)) / 4 / 255;
  assert.ok(Math.abs(half[(360 + 200) * 640 + 100]! - mean) < 1e-6);
  const same = preprocess(pixels.subarray(0, 3 * 640 * 360), 640, 360);
  for (const i of [0, 12345, 640 * 360 - 1]) {
    assert.ok(Math.abs(same[i]! - pixels[3 * i]! / 255) < 1e-6);
  }
});

test('lanes are drawn onto the frame, still and moving', async () => {
  const frame: Frame = await filmFrame(0, 'jpeg');
  const { lanes } = await detector.detect(frame);
  const { data, info } = await drawLanes(frame, lanes).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [frameWidth, frameHeight]);
  const { pixels } = scenes.get(0)!;
  const { x, y } = lanes[0]!.points[10]!;
  const at = info.channels * (Math.floor(y) * frameWidth + Math.floor(x));
  const before = 3 * (Math.floor(y) * frameWidth + Math.floor(x));
  const change = [0, 1, 2].map((c) => Math.abs(data[at + c]! - pixels[before + c]!));
  assert.ok(Math.max(...change) > 50, `the line is not to be seen: ${change.join(', ')}`);

  const picture = await animate([drawLanes(frame, lanes), drawLanes(frame, [])], 10, 160);
  const { pages, format } = await sharp(picture, { animated: true }).metadata();
  assert.deepEqual([pages, format], [2, 'webp']);
});
