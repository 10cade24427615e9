// What the figures say, in words, and what to do about it.

import { formatShape, volume } from '../validate.js';
import type { BenchFinding, BenchInput, BenchReport, DeviceReport, JsReport } from './types.js';

/** Enqueueing is said to bound from this share of the computing on: trtexec's. */
const enqueueShare = 0.8;
/** Percent; trtexec's. */
const unstableVariation = 2.5;
/** So many times as many elements as the optimum, or as few. */
const farFromOptimum = 4;
/** Of the wall time the device computes less than this: it waits. */
const idleShare = 0.6;
/** A caller waits so many times as long as the device works. */
const overheadFactor = 1.5;
/** Milliseconds of the event loop's delay that other requests of a service notice. */
const blockedMs = 10;

type Subject = Omit<BenchReport, 'findings'>;

function ms(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** For the command line: names with a comma or colon are quoted. */
function shapeFlag(flag: string, inputs: readonly BenchInput[]): string {
  const entries = inputs.map(
    ({ name, shape }) => `${/[,'"\s]/.test(name) ? `'${name}'` : name}:${shape.join('x')}`,
  );
  return `--${flag}=${entries.join(',')}`;
}

/** How many times as large one is as the other, at least 1; 1 where there is nothing to compare. */
function apart({ shape, optimum }: BenchInput): number {
  if (optimum?.length !== shape.length) return 1;
  const ratio =
    volume(optimum.map((extent) => Math.max(extent, 1))) /
    volume(shape.map((extent) => Math.max(extent, 1)));
  return Math.max(ratio, 1 / ratio);
}

/** S3's slow table: one profile, optimized for 20x512, run at 1x200. */
function profileFindings({ inputs, profile }: Subject): BenchFinding[] {
  const far = inputs.filter((input) => apart(input) >= farFromOptimum);
  if (far.length === 0) return [];
  const texts = far.map(
    (input) =>
      `'${input.name}' is ${formatShape(input.shape)}, but the optimum is ${formatShape(input.optimum ?? [])} (${Math.round(apart(input))} times ${volume(input.optimum ?? []) > volume(input.shape) ? 'as many' : 'as few'} elements)`,
  );
  const dynamic = inputs.filter(({ optimum }) => optimum !== undefined);
  return [
    {
      code: 'far-from-optimum',
      severity: 'warning',
      what: `Profile ${profile} was optimized for other shapes: ${texts.join('; ')}. TensorRT chose its kernels for the optimum; they may be several times slower here.`,
      todo: `Build the plan with one more profile whose optimum is these shapes, after those that it has: --profile=N ${['minShapes', 'optShapes', 'maxShapes'].map((flag) => shapeFlag(flag, dynamic)).join(' ')} (widen min and max as needed). Sessions choose the best profile by themselves.`,
    },
  ];
}

function boundFindings(device: DeviceReport, { settings }: Subject): BenchFinding[] {
  const { enqueue, compute, h2d, d2h, cudaGraph } = device;
  const findings: BenchFinding[] = [];
  if (enqueue.median > enqueueShare * compute.median) {
    findings.push({
      code: 'enqueue-bound',
      severity: 'warning',
      what: `Throughput may be bound by enqueueing (${ms(enqueue.median)}) rather than by computing (${ms(compute.median)}): the GPU waits for the host.`,
      todo: cudaGraph.used
        ? 'A CUDA graph is in use already: give the device more to do at a time (larger batches), or use a faster host CPU.'
        : 'Use a CUDA graph: --useCudaGraph here, and in a Session cudaGraph (its default captures by itself); or larger batches.',
    });
  }
  for (const [name, direction, what, time] of [
    ['h2d-bound', 'host-to-device', 'inputs', h2d],
    ['d2h-bound', 'device-to-host', 'outputs', d2h],
  ] as const) {
    if (!settings.transfers || time.median < compute.median) continue;
    findings.push({
      code: name,
      severity: 'warning',
      what: `Throughput may be bound by the ${direction} transfers of the ${what} (${ms(time.median)}) rather than by computing (${ms(compute.median)}).`,
      todo:
        name === 'h2d-bound'
          ? 'Send less: uint8 instead of float32 with the conversion inside the model, or keep data on the device (DeviceTensor). --noDataTransfers shows the rest without them.'
          : "Fetch less: name the outputs that are needed, leave the others on the device ('device'), or reduce them (argmax, top-k) inside the model. --noDataTransfers shows the rest without them.",
    });
  }
  return findings;
}

function stabilityFindings(device: DeviceReport, { settings }: Subject): BenchFinding[] {
  const findings: BenchFinding[] = [];
  if (device.computeVariation > unstableVariation) {
    findings.push({
      code: 'unstable',
      severity: 'info',
      what: `The computing time is unstable: its standard deviation is ${device.computeVariation.toFixed(1)} % of the mean.`,
      todo: `Lock the GPU's clocks (nvidia-smi --lock-gpu-clocks)${settings.spinWait ? '' : ', try --useSpinWait'}, look for other users of the GPU, or measure longer (--duration).`,
    });
  }
  if (settings.streams > 1) {
    findings.push({
      code: 'streams',
      severity: 'info',
      what: `${settings.streams} inferences share the GPU, so that each one's computing time has the others' in it.`,
      todo: 'Compare throughput, not latency; measure latency with --streams=1.',
    });
  }
  return findings;
}

function deviceFindings(device: DeviceReport, subject: Subject): BenchFinding[] {
  const { settings } = subject;
  const findings = [...boundFindings(device, subject)];
  if (settings.cudaGraph && !device.cudaGraph.used) {
    findings.push({
      code: 'graph-refused',
      severity: 'warning',
      what: `No CUDA graph was used: ${device.cudaGraph.refusal}`,
      todo: 'The figures are those of ordinary launches. Outputs whose size depends on the data, and some plugins, cannot be captured.',
    });
  }
  if (device.truncated) {
    findings.push({
      code: 'truncated',
      severity: 'info',
      what: `The device phase ended early: more than ${device.queries} queries are not kept.`,
      todo: 'Measure for a shorter time (--duration), or with --idleTime between queries.',
    });
  }
  const busy = device.totalComputeMs / device.wallMs / settings.streams;
  const alone = settings.streams === 1 && settings.idleMs === 0;
  if (alone && busy < idleShare && findings.length === 0) {
    findings.push({
      code: 'device-idle',
      severity: 'info',
      what: `The GPU computes only ${percent(busy)} of the time.`,
      todo: 'Keep more inferences in flight (--streams=2; in a Session, instances: 2), or make batches larger.',
    });
  }
  return [...findings, ...stabilityFindings(device, subject)];
}

/** The largest part of what a caller waits beyond the device's own work, and its remedy. */
function overheadRemedy({ timed }: JsReport, subject: Subject): string {
  if (timed === undefined) {
    return 'Compare with the device phase: what lies between is JavaScript, submission and the wake-up.';
  }
  const { split } = timed;
  const parts = [
    [
      split.js.mean,
      'the call itself in JavaScript, or the wait for a slot: feed typed arrays or pinned buffers of the right size, and raise instances if runs wait',
    ],
    [
      split.submit.mean,
      "submission until the device begins: CUDA graphs (cudaGraph: 'on') shorten it",
    ],
    [
      split.wakeUp.mean,
      subject.settings.session.completion === 'spin'
        ? 'the way back to JavaScript: the event loop is busy; run sessions in a worker, or move other work off this thread'
        : "the way back to JavaScript: completion: 'spin' (--useSpinWait) notices the end sooner, for a busy core; or the event loop is busy",
    ],
  ] as const;
  const [worst] = [...parts].sort((a, b) => b[0] - a[0]);
  if (worst === undefined) return '';
  const share = `${ms(worst[0])} of ${ms(timed.latency.mean)} where the parts were timed`;
  return `The largest part of the rest (${share}) is ${worst[1]}.`;
}

function jsFindings(js: JsReport, subject: Subject): BenchFinding[] {
  const findings: BenchFinding[] = [];
  const { device, settings } = subject;
  const split = js.timed?.split;
  const work =
    split === undefined
      ? device?.latency.mean
      : split.h2d.mean + split.compute.mean + split.d2h.mean;
  if (work !== undefined && settings.streams === 1 && js.latency.mean > overheadFactor * work) {
    findings.push({
      code: 'caller-overhead',
      severity: 'info',
      what: `A caller waits ${ms(js.latency.mean)} on average, of which the device works ${ms(work)}.`,
      todo: overheadRemedy(js, subject),
    });
  }
  const delay = js.eventLoopDelay?.load.percentiles['99'];
  if (delay !== undefined && delay > blockedMs) {
    findings.push({
      code: 'event-loop-blocked',
      severity: 'warning',
      what: `Under this load 1 % of other events wait more than ${ms(delay)} for JavaScript.`,
      todo: 'Outputs are copied on this thread: ask only for those that are needed, write them into arrays of yours, leave them on the device, or run the session in a worker.',
    });
  }
  return findings;
}

function sampleFindings(subject: Subject): BenchFinding[] {
  const { device, js, settings } = subject;
  const highest = Math.max(0, ...settings.percentiles.filter((percentile) => percentile < 100));
  const needed = Math.ceil(10 / (1 - highest / 100));
  const queries = Math.min(device?.queries ?? Infinity, js?.queries ?? Infinity);
  if (queries >= needed) return [];
  return [
    {
      code: 'few-queries',
      severity: 'info',
      what: `With ${queries} queries the ${highest}th percentile rests on fewer than ten of them.`,
      todo: `Measure longer (--duration) or more (--iterations=${needed}).`,
    },
  ];
}

/** What there is to say, the weightiest first. */
export function explain(subject: Subject): BenchFinding[] {
  const { device, js, environment } = subject;
  const findings = profileFindings(subject);
  if (device !== undefined) findings.push(...deviceFindings(device, subject));
  if (js !== undefined) findings.push(...jsFindings(js, subject));
  findings.push(...sampleFindings(subject));
  if (environment.runtime === 'reference') {
    findings.push({
      code: 'reference',
      severity: 'warning',
      what: 'These are figures of the CPU reference runtime. They say nothing about a GPU.',
      todo: 'Measure where the plan is to run.',
    });
  }
  const order = { warning: 0, info: 1 };
  return findings.sort((a, b) => order[a.severity] - order[b.severity]);
}
