// npm start: builds the plan once, starts the service, asks it a few sentences through its own door, and goes on serving.
// Flags: --port=N (8080; 0 for any), --once ends after the demonstration.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { main } from '../kit/failure.ts';
import { chooseModel, describeModel } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { Classifier, type Sentiment } from './classifier.ts';
import { prepareRepository } from './prepare.ts';
import { createService, drain } from './service.ts';

const sentences = [
  'The soup was delicious and the waiter was friendly.',
  'A dull film with terrible acting.',
  'The battery lasts for days, I love this phone.',
  'It broke on the first day, what a waste of money.',
];

async function ask(url: string, sentence: string): Promise<Sentiment> {
  const response = await fetch(url, { method: 'POST', body: sentence });
  return (await response.json()) as Sentiment;
}

await main(async () => {
  const { values: flags } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      once: { type: 'boolean', default: false },
    },
  });
  console.log(`Runs on ${chooseRuntime().name}.`);
  const model = chooseModel(import.meta.url);
  console.log(describeModel(model));
  await using classifier = await Classifier.open(await prepareRepository(model), model.folder);

  const server = createService(classifier).listen(Number(flags.port));
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const answers = await Promise.all(sentences.map((sentence) => ask(url, sentence)));
  answers.forEach(({ label, score }, index) => {
    console.log(`${label} ${score.toFixed(3)}  ${sentences[index] ?? ''}`);
  });
  const { inferenceCount, executionCount } = classifier.statistics;
  console.log(`${inferenceCount} requests in ${executionCount} runs of the engine.`);
  if (!flags.once) {
    console.log(`Serving. Try: curl -H content-type:text/plain -d 'What a lovely day' ${url}`);
    await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  }
  await drain(server);
});
