// The five best classes of a picture, without a server: node run.mjs MODEL_REPOSITORY
// @ts-check
import { ModelRepository } from 'trt-node';
import { drawPicture, normalize } from '../parts/picture.mjs';

const repository = await ModelRepository.open(process.argv[2] ?? 'model_repository');
const outputs = await repository.infer('resnet50', {
  'gpu_0/data_0': normalize(drawPicture()),
});
const scores = /** @type {Float32Array} */ (outputs['gpu_0/softmax_1']?.data);
const best = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
console.log(
  best
    .slice(0, 5)
    .map((index) => `${scores[index].toFixed(6)}:${index}`)
    .join(' '),
);
await repository.close();
