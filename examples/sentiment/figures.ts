// npm run figures: one process against the original's three, the same sentences and the same load; writes work/figures.json and work/latency.svg.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeBars } from '../kit/chart.ts';
import { type FigureRow, writeFigures } from '../kit/figures.ts';
import { ExampleError, main } from '../kit/failure.ts';
import { chooseModel, exampleFolder } from '../kit/models.ts';
import { type LoadResult, load } from './load.ts';
import { prepareRepository } from './prepare.ts';
import { type RunningService, startOne, startOriginal } from './processes.ts';

const { root, work } = exampleFolder(import.meta.url);
const sentences = readFileSync(path.join(root, 'sentences.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t')[1] ?? '');
const crowds = [1, 16];
const seconds = 4;

/** The service, or why there is none. */
async function tryStart(start: () => Promise<RunningService>): Promise<RunningService | string> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ExampleError)) throw error;
    return `${error.message} ${error.hint}`;
  }
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

function rowOf(way: string, callers: number, result: LoadResult | string): FigureRow {
  if (typeof result === 'string') return { way, callers, 'not measured': result };
  const { latency, perSecond } = result;
  const [p50, p99] = [round(latency.p50), round(latency.p99)];
  return { way, callers, 'p50 ms': p50, 'p99 ms': p99, 'requests/s': round(perSecond, 0) };
}

await main(async () => {
  const model = chooseModel(import.meta.url);
  const repository = await prepareRepository(model);
  await using one = await startOne();
  const original = await tryStart(() => startOriginal(repository, model));
  const ways = { 'one process': one, 'web service + server': original };
  // Both are there all the time, and take turns.
  const results = new Map<string, (LoadResult | string)[]>();
  for (const callers of crowds) {
    for (const [way, service] of Object.entries(ways)) {
      const result =
        typeof service === 'string'
          ? service
          : await load(service.url, sentences, callers, seconds);
      results.set(way, [...(results.get(way) ?? []), result]);
    }
  }
  if (typeof original !== 'string') await original[Symbol.asyncDispose]();

  const rows = crowds.flatMap((callers, index) =>
    [...results].map(([way, list]) => rowOf(way, callers, list[index] ?? '')),
  );
  const headline = [...results]
    .map(([way, [alone]]) => [way, alone] as const)
    .map(([way, alone]) =>
      typeof alone === 'object' ? `${way} p50 ${round(alone.latency.p50)} ms` : `${way} -`,
    )
    .join(', ');
  const tables = { 'A sentence in, its label out': rows };
  const figures = writeFigures(work, model, headline, tables);
  writeBars(path.join(work, 'latency.svg'), {
    title: 'Sentence in, label out: one process or three',
    unit: 'ms',
    groups: crowds.flatMap((callers) => {
      const crowd = callers === 1 ? '1 caller' : `${callers} callers`;
      return [`${crowd}, p50`, `${crowd}, p99`];
    }),
    series: Object.fromEntries(
      [...results].map(([way, list]) => [
        way,
        list.flatMap((result) =>
          typeof result === 'string' ? [null, null] : [result.latency.p50, result.latency.p99],
        ),
      ]),
    ),
    caption: `${figures.date}, ${figures.place}; ${model.size} model`,
  });
});
