// ResNet-50 in this process, in ten lines: tsx ten-lines.ts MODEL.plan PICTURE
import sharp from 'sharp';
import { Session } from 'trt-node';
import { preprocess } from './preprocess.ts';

const [plan = 'model.plan', file = 'picture.jpg'] = process.argv.slice(2);
await using session = await Session.load(plan);
const input = await preprocess(sharp(file, { ignoreIcc: true }));
const scores = new Float32Array(1000);
await session.run({ 'gpu_0/data_0': input }, { outputs: { 'gpu_0/softmax_1': scores } });
const best = [...scores.entries()].sort(([, a], [, b]) => b - a).slice(0, 5);
console.log(best.map(([index, score]) => `${score.toFixed(6)}:${index}`));
