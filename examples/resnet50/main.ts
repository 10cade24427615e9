// npm start: the five best classes of a picture, in this process, and what that takes. Usage: tsx main.ts [PICTURE]
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { Session } from 'trt-node';
import { main } from '../kit/failure.ts';
import { chooseModel, describeModel } from '../kit/models.ts';
import { decoded, findPicture } from '../kit/picture.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { prepare, readLabels } from './prepare.ts';
import { decode, normalize, resizeAndCrop } from './preprocess.ts';

/** Fills `scores`. @returns Milliseconds of each part. */
async function classify(session: Session, file: string, scores: Float32Array): Promise<string> {
  const started = performance.now();
  const pixels = await decode(sharp(file, { ignoreIcc: true }));
  const decoded = performance.now();
  const input = normalize(resizeAndCrop(pixels));
  const resized = performance.now();
  await session.run({ 'gpu_0/data_0': input }, { outputs: { 'gpu_0/softmax_1': scores } });
  const ran = performance.now();
  const told = (from: number, to: number): string => `${(to - from).toFixed(1)} ms`;
  return `decode ${told(started, decoded)}, resize and normalize ${told(decoded, resized)}, engine ${told(resized, ran)}`;
}

await main(async () => {
  const {
    positionals: [given],
  } = parseArgs({ allowPositionals: true });
  const model = chooseModel(import.meta.url);
  console.log(describeModel(model));
  const file = findPicture(given ?? path.join(import.meta.dirname, 'pictures/lighthouse.png'));
  await decoded(file, decode(sharp(file, { ignoreIcc: true }))); // before minutes of building
  const { plan } = await prepare(model);

  await using session = await Session.load(plan);
  const scores = new Float32Array(1000);
  const first = await classify(session, file, scores);
  const best = [...scores.entries()].sort(([, a], [, b]) => b - a).slice(0, 5);
  const labels = readLabels(model);
  console.log(`\n${path.relative('', file)}`);
  for (const [index, score] of best) {
    console.log([score.toFixed(6), index, labels?.[index] ?? []].flat().join(':'));
  }

  let last = first;
  for (let round = 2; round <= 20; round++) last = await classify(session, file, scores);
  console.log(`\nOn ${chooseRuntime().name}`);
  console.log(`the first time: ${first}`);
  console.log(`the 20th time:  ${last}`);
});
