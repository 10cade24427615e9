// The networks' outputs are PyTorch's, in FP32 and FP16.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Session, Tensor, float16ToFloat32, float32ToFloat16, readNpy } from 'trt-node';
import { chooseModel } from '../../kit/models.ts';
import { chooseRuntime } from '../../kit/runtime.ts';
import { ensurePlans, painted } from '../repository.ts';

const { runtime } = chooseRuntime();
const chosen = chooseModel(new URL('../main.ts', import.meta.url).href).folder;
const every = 24;
const anchors = 2784;

/** The picture that export.py gave to PyTorch: each of its pixels is 4 x 4 of the input. */
async function readInput(folder: string): Promise<Float32Array> {
  const { data } = await readNpy(path.join(folder, 'expected/pixels.npy'));
  const input = new Float32Array(3 * 360 * 640);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < 360; y++) {
      for (let x = 0; x < 640; x++) {
        input[(c * 360 + y) * 640 + x] = Number(data[((y >> 2) * 160 + (x >> 2)) * 3 + c]) / 255;
      }
    }
  }
  return input;
}

const readExpected = async (folder: string, name: string): Promise<Float32Array> =>
  (await readNpy(path.join(folder, 'expected', `${name}.npy`))).data as Float32Array;

/** Largest difference, by column: the two scores, and the 72 columns (pixels) with the length. Starts are constants. */
function differences(got: Float32Array, expected: Float32Array) {
  let scores = 0;
  let pixels = 0;
  let starts = 0;
  for (let i = 0; i < expected.length; i++) {
    const column = i % 77;
    const row = (i - column) / 77;
    const difference = Math.abs(got[row * every * 77 + column]! - expected[i]!);
    if (column < 2) scores = Math.max(scores, difference);
    else if (column < 4) starts = Math.max(starts, difference);
    else pixels = Math.max(pixels, difference);
  }
  return { scores, pixels, starts };
}

const exact = runtime === 'reference';
for (const folder of new Set([painted, chosen])) {
  const name = path.basename(folder);
  test(`${name}: FP32 gives what PyTorch gave`, async (t) => {
    const { fp32 } = await ensurePlans(folder);
    await using session = await Session.load(fp32);
    const { predict_lanes: lanes } = await session.run({ input: await readInput(folder) });
    assert.deepEqual(lanes?.shape, [1, anchors, 77]);
    const expected = await readExpected(folder, 'predict_lanes');
    const { scores, pixels, starts } = differences(lanes.data as Float32Array, expected);
    t.diagnostic(`largest difference: scores ${scores}, pixels ${pixels}`);
    // TensorRT may multiply in TF32.
    assert.ok(scores < (exact ? 1e-3 : 0.1), `scores differ by ${scores}`);
    assert.ok(pixels < (exact ? 1e-2 : 0.5), `columns differ by ${pixels} pixels`);
    assert.ok(starts < 1e-6, `starts differ by ${starts}`);
  });

  test(`${name}: FP16 in and out, with the attention as '914'`, async (t) => {
    const { fp16 } = await ensurePlans(folder);
    await using session = await Session.load(fp16);
    const bits = float32ToFloat16(await readInput(folder));
    const outputs = await session.run({ input: new Tensor('float16', bits, [1, 3, 360, 640]) });
    const { predict_lanes: lanes, '914': attention } = outputs;
    assert.deepEqual([lanes?.dtype, lanes?.shape], ['float16', [1, anchors, 77]]);
    assert.deepEqual([attention?.dtype, attention?.shape], ['float16', [1, anchors, anchors]]);

    const got = float16ToFloat32(lanes!.data as Uint16Array);
    const { scores, pixels, starts } = differences(
      got,
      await readExpected(folder, 'predict_lanes'),
    );
    t.diagnostic(`largest difference: scores ${scores}, pixels ${pixels}`);
    // FP16 has steps of 1 pixel from 1024 on, where anchors leave the picture; and halves of bright pixels are not exact.
    assert.ok(scores < (exact ? 0.1 : 1), `scores differ by ${scores}`);
    assert.ok(pixels < (exact ? 1 : 4), `columns differ by ${pixels} pixels`);
    assert.ok(starts < 1e-3, `starts differ by ${starts}`);

    const heed = float16ToFloat32(attention!.data as Uint16Array);
    const expected = await readExpected(folder, '914');
    const size = Math.ceil(anchors / every);
    assert.equal(expected.length, size * size);
    const scale = Math.max(...expected);
    let largest = 0;
    for (let i = 0; i < expected.length; i++) {
      const row = Math.floor(i / size);
      const value = heed[row * every * anchors + (i % size) * every]!;
      largest = Math.max(largest, Math.abs(value - expected[i]!) / scale);
    }
    assert.ok(largest < (exact ? 0.02 : 0.3), `the attention differs by ${largest} of its largest`);
  });
}
