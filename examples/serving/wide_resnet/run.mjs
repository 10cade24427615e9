// ONNX and TensorRT side by side in one process, loaded on demand. Usage: node run.mjs MODEL_REPOSITORY
// @ts-check
import { ModelRepository } from 'trt-node';
import { drawPicture, normalize } from '../parts/picture.mjs';

const repository = await ModelRepository.open(process.argv[2] ?? 'model_repository', {
  controlMode: 'explicit',
});
const image = normalize(drawPicture());
for (const model of ['onnx_model', 'trt_model']) {
  await repository.load(model);
  const outputs = await repository.infer(model, { actual_input_1: image }, { version: 1 });
  const scores = /** @type {Float32Array} */ (outputs['output1']?.data);
  const best = scores.indexOf(Math.max(...scores));
  console.log(model, best, repository.model(model).label('output1', best), scores[best].toFixed(4));
}
await repository.close();
