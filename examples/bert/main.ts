// A sentence through BERT: by Session in five lines, and by TensorRT's own steps (low-level.ts); both beside what PyTorch computed.
import { parseArgs } from 'node:util';
import { Session, Tensor, readNpy } from 'trt-node';
import { main } from '../kit/failure.ts';
import { chooseModel, describeModel, exampleFolder } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { classify } from './low-level.ts';
import { planOf } from './plans.ts';

const argmax = (tensor: Tensor): number => {
  const logits = tensor.toFloat32();
  return logits.indexOf(Math.max(...logits));
};
const told = (logits: Iterable<number>): string =>
  Array.from(logits, (logit) => logit.toFixed(4)).join(', ');

await main(async () => {
  parseArgs(); // there are no flags
  const { name } = chooseRuntime();
  const model = chooseModel(import.meta.url);
  console.log(describeModel(model));
  const plan = await planOf(model, exampleFolder(import.meta.url).work, 'two-profiles');
  const expected = (what: string): Promise<Tensor> => readNpy(model.file(`expected/1x200.${what}`));
  const ids = (await expected('input_ids.npy')).data as Int32Array;
  const segments = (await expected('segment_ids.npy')).data as Int32Array;

  // The five lines.
  await using session = await Session.load(plan);
  const input_ids = new Tensor('int32', ids, [1, ids.length]);
  const segment_ids = new Tensor('int32', segments, [1, segments.length]);
  const { output } = await session.run({ input_ids, segment_ids });
  const label = argmax(output!);

  const profile = session.profileFor({ input_ids: [1, 200], segment_ids: [1, 200] });
  console.log(`\n200 tokens on ${name}, in profile ${profile}, which the session chose:`);
  const lowLevel = await classify(plan, input_ids, segment_ids);
  const pytorch = await expected('output.npy');
  console.table({
    Session: { label, logits: told(output!.toFloat32()) },
    'low-level.ts': { label: lowLevel.label, logits: told(lowLevel.logits) },
    'PyTorch (expected)': { label: argmax(pytorch), logits: told(pytorch.toFloat32()) },
  });

  const started = performance.now();
  for (let loop = 0; loop < 5; loop++) await session.run({ input_ids, segment_ids });
  const milliseconds = (performance.now() - started) / 5;
  console.log(
    `${milliseconds.toFixed(2)} ms a run (mean of 5). npm run figures has the whole table.`,
  );
});
