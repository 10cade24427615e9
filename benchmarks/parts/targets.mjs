// What trt-node must reach on a GPU, each against another peer of the same run, and whether a result has it.
import { round } from './statistics.mjs';

// limit: `times` the other's figure, plus `plus` µs; `atLeast`: the figure must not be below it, else not above. `fixed`: a number.
const targets = [
  { scenario: 'mlp-latency', peer: 'trt-node runSync', figure: 'p50', of: 'C++', times: 1.02 },
  { scenario: 'mlp-latency', peer: 'trt-node runSync', figure: 'p99', of: 'C++', times: 1.1 },
  {
    scenario: 'mlp-latency',
    peer: 'trt-node await run',
    figure: 'p50',
    of: 'C++',
    times: 1,
    plus: 5,
  },
  {
    scenario: 'mlp-latency',
    peer: 'trt-node await run',
    figure: 'p99',
    of: 'C++',
    times: 1,
    plus: 10,
  },
  {
    scenario: 'mlp-latency',
    peer: 'trt-node await run',
    figure: 'p50',
    of: 'TensorRT Python',
    times: 1,
  },
  {
    scenario: 'mlp-latency',
    peer: 'trt-node await run',
    figure: 'p99',
    of: 'TensorRT Python',
    times: 1,
  },
  {
    scenario: 'mlp-throughput',
    peer: 'trt-node run, 16 in flight',
    figure: 'perSecond',
    of: 'C++, 16 streams',
    times: 0.95,
    atLeast: true,
  },
  {
    scenario: 'mlp-throughput',
    peer: 'trt-node runMany, 16 instances',
    figure: 'perSecond',
    of: 'C++, 16 streams',
    times: 1,
    atLeast: true,
  },
  { scenario: 'resnet50-b1', peer: 'trt-node runSync', figure: 'p50', of: 'C++', times: 1.02 },
  { scenario: 'resnet50-b1', peer: 'trt-node await run', figure: 'p50', of: 'C++', times: 1.02 },
  ...[2, 4, 8].map((count) => ({
    scenario: 'resnet50-throughput',
    peer: `trt-node run, ${count} in flight`,
    figure: 'perSecond',
    of: `C++, ${count} streams`,
    times: 0.99,
    atLeast: true,
  })),
  ...['event-loop-mlp', 'event-loop-saturated', 'event-loop-resnet50'].map((scenario) => ({
    scenario,
    peer: /^run, \d+ in flight$/,
    figure: 'p99',
    fixed: 1000,
  })),
  ...['trt-node runSync', 'trt-node await run', 'trt-node run, 16 in flight'].flatMap((peer) => [
    { scenario: 'allocations', peer, figure: 'nativeBytesPerRun', fixed: 0 },
    { scenario: 'allocations', peer, figure: 'heapBytesPerRun', fixed: 500 },
  ]),
  ...['mlp', 'resnet50', 'encoder'].map((model) => ({
    scenario: `load-${model}`,
    peer: 'trt-node Session.load',
    figure: 'p50',
    of: 'C++, read + deserialize',
    times: 1.05,
  })),
];

/** `of` that ends in ", " names several: the best of them counts. */
function otherFigure(peers, target) {
  const several = target.of.endsWith(', ');
  const values = peers
    .filter((peer) => (several ? peer.name.startsWith(target.of) : peer.name === target.of))
    .map((peer) => peer.error === undefined && peer.pooled?.[target.figure])
    .filter((value) => typeof value === 'number');
  if (values.length === 0) return undefined;
  return target.atLeast ? Math.max(...values) : Math.min(...values);
}

function limitText({ of, times, plus, fixed, atLeast }) {
  const relation = atLeast ? '≥' : '≤';
  if (fixed !== undefined) return `${relation} ${fixed}`;
  const other = of.endsWith(', ') ? 'the best C++' : of;
  return `${relation} ${times === 1 ? '' : `${times} × `}${other}${plus ? ` + ${plus} µs` : ''}`;
}

/** Of each target that this result can answer: { scenario, peer, figure, limit, value, allowed, met }. */
export function checkTargets(scenarios) {
  return targets.flatMap((target) => {
    const peers = scenarios.find((one) => one.name === target.scenario)?.peers ?? [];
    const peer = peers.find(({ name }) =>
      target.peer instanceof RegExp ? target.peer.test(name) : name === target.peer,
    );
    const value = peer?.error === undefined ? peer?.pooled?.[target.figure] : undefined;
    const other = target.fixed ?? otherFigure(peers, target);
    if (value === undefined || other === undefined) return [];
    const allowed = target.fixed ?? round(other * target.times + (target.plus ?? 0));
    return [
      {
        scenario: target.scenario,
        peer: peer.name,
        figure: target.figure,
        limit: limitText(target),
        value,
        allowed,
        ratio: target.fixed === undefined ? round(value / other, 4) : undefined,
        met: target.atLeast ? value >= allowed : value <= allowed,
      },
    ];
  });
}
