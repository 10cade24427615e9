// Markdown tables of a result.

/** Three significant digits for small values, thousands apart for large ones. */
export function show(value, unit = '') {
  if (value === undefined || value === null || Number.isNaN(value)) return '';
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  const shown = value.toFixed(digits).replaceAll(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ' ');
  return unit ? `${shown} ${unit}` : shown;
}

const cell = (text) =>
  String(text ?? '')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');

function table(header, rows) {
  return [header, header.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.map(cell).join(' | ')} |`)
    .join('\n');
}

/** The ratio and, when it is known, between which values single rounds had it. */
const ratioText = ({ ratio } = {}, figure) => {
  if (ratio?.[figure] === undefined) return '';
  const [low, high] = ratio.spread ?? [];
  const spread = low === undefined ? '' : ` (${low.toFixed(2)}–${high.toFixed(2)})`;
  return `${ratio[figure].toFixed(3)}${figure === 'p99' ? '' : spread}`;
};

const columns = {
  latency: {
    header: ['µs', 'p50', 'p95', 'p99', 'mean', 'ratio p50', 'ratio p99'],
    row: (peer) => [
      ...['p50', 'p95', 'p99', 'mean'].map((figure) => show(peer.pooled[figure])),
      ratioText(peer, 'p50'),
      ratioText(peer, 'p99'),
    ],
  },
  throughput: {
    header: ['inferences a second', 'median of rounds', 'ratio', 'against'],
    row: (peer) => [
      show(peer.pooled.perSecond),
      ratioText(peer, 'perSecond'),
      peer.ratio?.against ?? '',
    ],
  },
  'event-loop': {
    header: ['delay of an event, µs', 'p50', 'p95', 'p99', 'max', 'runs a second'],
    row: (peer) => [
      ...['p50', 'p95', 'p99', 'max'].map((figure) => show(peer.pooled[figure])),
      show(peer.pooled.perSecond),
    ],
  },
  allocations: {
    header: [
      'a run',
      'heap bytes',
      'external bytes',
      'malloc calls',
      'malloc bytes',
      'collections',
    ],
    row: ({ pooled }) => [
      show(pooled.heapBytesPerRun),
      show(pooled.externalBytesPerRun),
      show(pooled.nativeCallsPerRun),
      show(pooled.nativeBytesPerRun),
      show(pooled.collections),
    ],
  },
};
columns.load = columns.latency;

function scenarioTable(scenario) {
  const { header, row } = columns[scenario.mode] ?? columns.latency;
  const measured = scenario.peers.filter((peer) => peer.error === undefined);
  const against = scenario.reference
    ? ` Ratios: against ${scenario.reference} unless said otherwise.`
    : '';
  const absent = scenario.peers
    .filter((peer) => peer.error !== undefined)
    .map((peer) => `- ${peer.name}: not measured: ${cell(peer.error).slice(0, 160)}`);
  const name = (peer) =>
    peer.against && scenario.mode === 'latency'
      ? `${peer.name} (against ${peer.against})`
      : peer.name;
  return [
    `### ${scenario.title}`,
    `\`${scenario.name}\`.${against}\n`,
    table(
      header,
      measured.map((peer) => [name(peer), ...row(peer)]),
    ),
    ...(absent.length > 0 ? ['', ...absent] : []),
  ].join('\n');
}

function targetTable(targets) {
  const unit = { p50: 'µs', p99: 'µs', perSecond: 'a second' };
  const rows = targets.map((one) => [
    `${one.scenario}: ${one.peer}, ${one.figure}`,
    one.limit,
    show(one.value, unit[one.figure]),
    one.ratio === undefined ? '' : one.ratio.toFixed(3),
    one.met ? 'yes' : 'no',
  ]);
  return `### Targets\n\n${table(['what', 'limit', 'measured', 'ratio', 'met'], rows)}`;
}

function environmentText({ environment, date, scenarios }) {
  const { gpu } = environment;
  const versions = new Map();
  for (const peer of scenarios.flatMap((one) => one.peers)) {
    for (const [name, version] of Object.entries(peer.versions ?? {})) versions.set(name, version);
  }
  const machine = gpu
    ? `${gpu.name}, driver ${gpu.driver}${gpu.cuda ? `, CUDA ${gpu.cuda}` : ''}, power limit ${gpu.powerLimitW} W`
    : 'no GPU';
  const list = [...versions].map(([name, version]) => `${name} ${version}`).join(', ');
  const load = environment.loadAverage?.[0] ?? 0;
  const busy =
    load > environment.cores / 4 ? ` The machine was busy with other work: load ${load}.` : '';
  return `${date.slice(0, 10)}. ${machine}; ${environment.cpu}, ${environment.cores} cores, kernel ${environment.kernel}. ${list}.${busy}`;
}

/** All of a result as Markdown. */
export function tables(result) {
  return [
    environmentText(result),
    ...result.scenarios.map(scenarioTable),
    ...(result.targets.length > 0 ? [targetTable(result.targets)] : []),
  ].join('\n\n');
}
