// trt-node's rows of the speed table, and the profile trap: the report's plan, and one with a second profile, run in turn.
import { type BenchFinding, Session, bench } from 'trt-node';
import type { FigureRow, Latency } from '../kit/figures.ts';
import type { ExampleModel } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { planOf } from './plans.ts';
import { type Limits, type Row, type Sentence, timeInTurn } from './speed.ts';

async function logitsOf(session: Session, sentence: Sentence): Promise<number[]> {
  const { output } = await session.run({ ...sentence });
  return Array.from(output!.toFloat32());
}

/** One plan alone. */
async function timePlan(what: string, plan: string, sentence: Sentence, limits: Limits) {
  await using session = await Session.load(plan);
  const [latency] = await timeInTurn([() => session.run({ ...sentence })], limits);
  return { what, latency: latency!, logits: await logitsOf(session, sentence) };
}

export interface ProfileTrap {
  readonly rows: readonly Row[];
  /** Empty where every profile is the same. */
  readonly table: readonly FigureRow[];
  /** How many times as long a run takes in the profile for 20x512; undefined where every profile is the same. */
  readonly ratio: number | undefined;
  /** What `trt-node bench` says of the report's plan at this length. */
  readonly finding: BenchFinding | undefined;
}

/** How far the device alone is apart, by trtexec's measurement, and what bench makes of it. */
async function benched(plan: string, { input_ids }: Sentence, seconds: number) {
  const durationMs = seconds * 20;
  const { device, findings } = await bench(plan, {
    shapes: { input_ids: input_ids.shape, segment_ids: input_ids.shape },
    phases: ['device'],
    iterations: 3,
    warmUpMs: durationMs / 5,
    durationMs,
  });
  const finding = findings.find(({ code }) => code === 'far-from-optimum');
  return { compute: device!.compute.mean, finding };
}

/** The report's plan and the one with two profiles, in turn; on the reference runtime one of them, as every profile has the same kernels there. */
export async function timePlans(
  model: ExampleModel,
  work: string,
  sentence: Sentence,
  limits: Limits,
): Promise<ProfileTrap> {
  const [, length = 0] = sentence.input_ids.shape;
  const one = await planOf(model, work, 'one-profile', length);
  const two = await planOf(model, work, 'two-profiles', length);
  const what = {
    one: 'TensorRT, one profile (20x512)',
    two: `TensorRT, second profile (1x${length})`,
    fp16: `TensorRT, FP16 (1x${length})`,
  };
  if (chooseRuntime().runtime === 'reference') {
    const missing = 'an NVIDIA GPU and TensorRT (trt-node doctor says what is missing)';
    const { finding } = await benched(one, sentence, 0);
    const reference = await timePlan('trt-node, CPU reference runtime', two, sentence, limits);
    const rows = [reference, ...Object.values(what).map((name) => ({ what: name, missing }))];
    return { rows, table: [], ratio: undefined, finding };
  }
  await using first = await Session.load(one);
  await using second = await Session.load(two);
  const run = (session: Session) => () => session.run({ ...sentence });
  const [slow, fast] = (await timeInTurn([run(first), run(second)], limits)) as [Latency, Latency];
  const onDevice = [
    await benched(one, sentence, limits.seconds),
    await benched(two, sentence, limits.seconds),
  ] as const;
  const shapes = { input_ids: sentence.input_ids.shape, segment_ids: sentence.segment_ids.shape };
  const row = (name: string, session: Session, index: 0 | 1, latency: Latency): FigureRow => ({
    plan: name,
    'profile used': session.profileFor(shapes),
    'mean ms': latency.mean.toPrecision(3),
    'p50 ms': latency.p50.toPrecision(3),
    'p99 ms': latency.p99.toPrecision(3),
    'times as long': (latency.p50 / fast.p50).toFixed(2),
    'GPU ms (bench)': onDevice[index].compute.toPrecision(3),
  });
  const fp16 = await planOf(model, work, 'fp16', length);
  return {
    rows: [
      { what: what.one, latency: slow, logits: await logitsOf(first, sentence) },
      { what: what.two, latency: fast, logits: await logitsOf(second, sentence) },
      await timePlan(what.fp16, fp16, sentence, limits),
    ],
    table: [
      row('one profile: 1x1, 20x512, 20x512', first, 0, slow),
      row(`and a second: 1x1, 1x${length}, 1x512`, second, 1, fast),
    ],
    ratio: slow.p50 / fast.p50,
    finding: onDevice[0].finding,
  };
}
