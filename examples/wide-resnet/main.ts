// Side by side in one process: wide_resnet101_2 as ONNX on the CPU and as a TensorRT plan, loaded on request, on the same picture.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { InferTensor, ModelRepository, isTensorRTError, preflight } from 'trt-node';
import { main } from '../kit/failure.ts';
import { chooseModel, describeModel } from '../kit/models.ts';
import { decoded, findPicture } from '../kit/picture.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { planOfJetsonOrin } from './other-gpu.ts';
import { crop, normalize } from './picture.ts';
import { prepareRepository } from './repository.ts';

interface Answer {
  readonly scores: Float32Array;
  readonly best: number;
  readonly label: string;
  /** Median of `loops` requests. */
  readonly milliseconds: number;
}

/** What a model of the repository says of a picture, and how long that takes. */
async function classify(
  repository: ModelRepository,
  model: string,
  picture: Float32Array,
  loops = 11,
): Promise<Answer> {
  const input = new InferTensor('FP32', picture, [1, 3, 224, 224]);
  const times: number[] = [];
  let scores = new Float32Array();
  for (let loop = 0; loop <= loops; loop++) {
    const started = performance.now();
    const { output1 } = await repository.infer(model, { actual_input_1: input }, { version: 1 });
    if (loop > 0) times.push(performance.now() - started); // the first one warms up
    scores = output1?.data as Float32Array<ArrayBuffer>;
  }
  const best = scores.indexOf(Math.max(...scores));
  const label = repository.model(model).label('output1', best) ?? '';
  const milliseconds = times.sort((a, b) => a - b)[loops >> 1] ?? NaN;
  return { scores, best, label, milliseconds };
}

await main(async () => {
  const {
    positionals: [given],
  } = parseArgs({ allowPositionals: true });
  const place = chooseRuntime();
  const model = chooseModel(import.meta.url);
  console.log(describeModel(model));
  const file = findPicture(given ?? path.join(import.meta.dirname, 'picture.jpg'));
  const picture = normalize(await decoded(file, crop(file)));
  const { folder } = prepareRepository(model);

  await using repository = await ModelRepository.open(folder, { controlMode: 'explicit' });
  await repository.load('onnx_model');
  await repository.load('trt_model');
  const onnx = await classify(repository, 'onnx_model', picture);
  const plan = await classify(repository, 'trt_model', picture);
  const rows = { 'onnx_model, ONNX Runtime': onnx, [`trt_model, ${place.name}`]: plan };
  for (const [name, { best, label, scores, milliseconds }] of Object.entries(rows))
    console.log(
      `${name}: ${best} ${label} ${scores[best]?.toFixed(4)}, ${milliseconds.toFixed(2)} ms`,
    );
  const differences = onnx.scores.map((score, index) =>
    Math.abs(score - (plan.scores[index] ?? NaN)),
  );
  console.log(
    `Do they agree? ${onnx.best === plan.best ? 'Yes' : 'No'}; largest difference of 1000 scores: ${Math.max(...differences).toExponential(1)}`,
  );

  try {
    await repository.load('torch_model');
  } catch (error) {
    if (!isTensorRTError(error)) throw error;
    console.log(`\nThe TorchScript model: ${error.message}`);
  }

  const { verdict, checks, header } = await preflight(planOfJetsonOrin());
  console.log(
    `\nA plan built on a Jetson Orin (${header?.computeCapability?.join('.')}): ${verdict} here`,
  );
  for (const { check, status, expected, found, hint } of checks)
    if (status === 'failed')
      console.log(`${check}: built for ${expected}, here is ${found}. ${hint}`);
});
