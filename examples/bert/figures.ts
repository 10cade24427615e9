// The speed table, by one command on any machine: PyTorch, ONNX Runtime and TensorRT on one sentence, and what the wrong optimization profile costs.
// Usage: npm run figures [-- --length=200 --loops=500 --seconds=60 --out=FOLDER]; a slow row ends after so many seconds, and says how many loops it had.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Tensor, readNpy } from 'trt-node';
import { writeBars } from '../kit/chart.ts';
import { ExampleError, main } from '../kit/failure.ts';
import { type FigureRow, writeFigures } from '../kit/figures.ts';
import { type ExampleModel, chooseModel, describeModel, exampleFolder } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { type Row, type Sentence, timePeers } from './speed.ts';
import { timePlans } from './trt-node-rows.ts';

/** The report's means of 500 loops at length 200, in milliseconds: another machine, of which it does not tell. */
const reported: readonly [RegExp, number][] = [
  [/^PyTorch.* CPU$/, 144],
  [/^PyTorch.* GPU$/, 29],
  [/^ONNX Runtime.* CPU, Python$/, 66],
  [/one profile/, 101],
];
/** Only of the model that the report is about. */
const reportedOf = ({ size }: ExampleModel, length: number, what: string): number | undefined =>
  size === 'full' && length === 200
    ? reported.find(([pattern]) => pattern.test(what))?.[1]
    : undefined;

/** A sentence of as many tokens, cut from or going round the expected one. */
async function sentenceOf(model: ExampleModel, length: number): Promise<Sentence> {
  const { data } = await readNpy(model.file('expected/1x200.input_ids.npy'));
  const ids = Int32Array.from({ length }, (_, index) => Number(data[index % data.length]));
  const segments = Int32Array.from(ids, (_, index) => (index > length / 2 ? 1 : 0));
  const shape = [1, length];
  return {
    input_ids: new Tensor('int32', ids, shape),
    segment_ids: new Tensor('int32', segments, shape),
  };
}

const ms = (value: number): number => Number(value.toPrecision(4));

/** The first that was measured, PyTorch if it is here, is what the others' logits are compared with. */
function tableOf(rows: readonly Row[], model: ExampleModel, length: number): FigureRow[] {
  const base = rows.find((row) => 'logits' in row);
  return rows.map((row) => {
    const { what } = row;
    const report = { "report's mean ms": reportedOf(model, length, what) ?? '-' };
    if ('missing' in row) {
      const nothing = { 'mean ms': '-', 'p50 ms': '-', 'p99 ms': '-', loops: '-' };
      return { what, ...nothing, ...report, 'logits apart': '-', 'what it needs': row.missing };
    }
    const { mean, p50, p99, count } = row.latency;
    const apart = row.logits.map((logit, index) => Math.abs(logit - (base?.logits[index] ?? NaN)));
    return {
      what,
      'mean ms': ms(mean),
      'p50 ms': ms(p50),
      'p99 ms': ms(p99),
      loops: count,
      ...report,
      'logits apart': row === base ? '-' : Math.max(...apart).toExponential(0),
      'what it needs': '',
    };
  });
}

function numberOf(flag: string, value: string, low: number, high: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= low && number <= high) return number;
  throw new ExampleError(
    `--${flag} is '${value}'.`,
    `Give a whole number from ${low} to ${high}, for example --${flag}=${low}.`,
  );
}

await main(async () => {
  const { values } = parseArgs({
    options: {
      length: { type: 'string', default: '200' },
      loops: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '60' },
      out: { type: 'string' },
    },
  });
  const length = numberOf('length', values.length, 2, 512);
  const limits = {
    loops: numberOf('loops', values.loops, 1, 1_000_000),
    seconds: numberOf('seconds', values.seconds, 1, 3600),
  };
  chooseRuntime();
  const model = chooseModel(import.meta.url);
  const { work } = exampleFolder(import.meta.url);
  const out = values.out === undefined ? work : path.resolve(values.out);
  console.log(describeModel(model));
  const sentence = await sentenceOf(model, length);

  const plans = await timePlans(model, work, sentence, limits);
  const rows = [...(await timePeers(model, work, sentence, limits)), ...plans.rows];
  const mean = (what: RegExp): string => {
    const row = plans.rows.find((one) => what.test(one.what));
    return row !== undefined && 'latency' in row ? `${row.latency.mean.toPrecision(3)} ms` : '-';
  };
  const headline =
    plans.ratio === undefined
      ? `1x${length}: ${mean(/reference/)} on the reference runtime`
      : `1x${length}: ${mean(/second/)}, FP16 ${mean(/FP16/)}; ${plans.ratio.toFixed(2)}x without a second profile`;
  const speedTitle = `BERT, one sentence of ${length} tokens, host to host, at most ${limits.loops} loops or ${limits.seconds} s a row`;
  const figures = writeFigures(out, model, headline, {
    [speedTitle]: tableOf(rows, model, length),
    ...(plans.table.length > 0 && { 'The profile trap, run in turn': plans.table }),
  });
  if (plans.ratio === undefined) {
    console.log(
      '\nThe profile trap cannot be seen here: the reference runtime has the same kernels for every profile.',
    );
  }
  if (plans.finding !== undefined) {
    console.log(`\nOf the one profile trt-node bench says:\n${plans.finding.what}`);
    console.log(plans.finding.todo);
  }

  const measured = rows.flatMap((row) => ('latency' in row ? [row] : []));
  writeBars(path.join(out, 'speed.svg'), {
    title: `BERT, one sentence of ${length} tokens`,
    unit: 'ms a sentence, mean, logarithmic',
    groups: measured.map(({ what }) => what),
    series: {
      'measured here': measured.map(({ latency }) => latency.mean),
      ...(reportedOf(model, length, 'PyTorch, CPU') !== undefined && {
        "the report's, other hardware": measured.map(
          ({ what }) => reportedOf(model, length, what) ?? null,
        ),
      }),
    },
    caption: `${figures.date}, ${figures.place}; ${model.about.weights}`,
    logarithmic: true,
  });
});
