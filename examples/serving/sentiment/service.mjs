// Sentiment classification as a web service: tokenizer, engine and HTTP handler in one process.
// Usage: node service.mjs MODEL_REPOSITORY [--port=8080], then curl -d 'a great film' localhost:8080
// @ts-check
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { ModelRepository, Tensor } from 'trt-node';
import { sequenceLength, tokenize } from '../parts/words.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8080' } },
});
const repository = await ModelRepository.open(positionals[0] ?? 'model_repository');

/** @param {string} sentence */
async function classify(sentence) {
  const { inputIds, segmentIds } = tokenize(sentence);
  const shape = [1, sequenceLength];
  const outputs = await repository.infer('sentence_classification', {
    input_ids: new Tensor('int32', inputIds, shape),
    segment_ids: new Tensor('int32', segmentIds, shape),
  });
  const scores = /** @type {Float32Array} */ (outputs['output']?.data ?? []);
  const [negative = 0, positive = 0] = scores;
  return positive > negative ? 'positive' : 'negative';
}

const server = createServer((request, response) => {
  text(request)
    .then(classify)
    .then(
      (sentiment) => response.end(`${sentiment}\n`),
      (error) => response.writeHead(500).end(`${error.message}\n`),
    );
});
server.listen(Number(flags.port), () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on ${address.port}`);
});
process.once('SIGTERM', () => {
  server.close(() => {
    repository.close().catch(console.error);
  });
});
