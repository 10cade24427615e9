// Raw pixels in, lanes out: pre-processing, detector and post-processing in one process. Usage: node run.mjs MODEL_REPOSITORY
// @ts-check
import { ModelRepository, Tensor } from 'trt-node';

/** The picture of client.py: 720 x 1280 pixels of road. */
function rawPicture() {
  const pixels = new Uint8Array(720 * 1280 * 3);
  for (let y = 0; y < 720; y++) {
    for (let x = 0; x < 1280; x++) {
      const at = (y * 1280 + x) * 3;
      pixels.set([(x + y) % 256, Math.trunc(x / 5) % 256, Math.trunc(y / 3) % 256], at);
    }
  }
  return pixels;
}

const repository = await ModelRepository.open(process.argv[2] ?? 'model_repository');
const outputs = await repository.infer('lane_pipeline', {
  raw_image: new Tensor('uint8', rawPicture(), [720, 1280, 3]),
});
const summary = /** @type {Uint8Array[]} */ (outputs['summary']?.data ?? []);
for (const { anchor, score } of JSON.parse(Buffer.concat(summary).toString())) {
  console.log(`anchor ${anchor} score ${score.toFixed(6)}`);
}
await repository.close();
