// A preflight report as lines for people.

import type { PreflightReport } from './preflight.js';

const verdicts = {
  runs: 'The plan runs here, as far as it tells.',
  'cannot-run': 'The plan cannot run here.',
  unknown: 'Whether the plan runs here is not known.',
};

function header(report: PreflightReport): string[] {
  const { header } = report;
  if (header === undefined) return [];
  const known: [string, string | number | boolean | undefined][] = [
    ['Built by', header.runtime === 'reference' ? "trt-node's CPU reference runtime" : 'TensorRT'],
    ['Version', header.version],
    ['Serialization version', header.serializationVersion],
    ['Compute capability', header.computeCapability?.join('.')],
    ['Multiprocessors', header.multiprocessors],
    ['Hardware compatibility', header.hardwareCompatibilityLevel],
    ['Version-compatible', header.versionCompatible],
    ['Lean runtime inside', header.leanRuntime],
    ['Weights stripped', header.stripped],
    ['Weights', header.weightsBytes],
    ['Weight streaming', header.weightStreaming],
    ['Activations by profile', header.activationBytesPerProfile?.join(', ')],
    ['Bytes', header.bytes],
  ];
  const lines = known.map(([name, value]) => {
    const words = value === undefined ? 'unknown' : String(value);
    return `  ${`${name}:`.padEnd(24)} ${words.replace(/^true$/, 'yes').replace(/^false$/, 'no')}`;
  });
  return ['Header:', ...lines, ''];
}

/** What `trt-node inspect PLAN --preflight` prints. */
export function preflightText(report: PreflightReport): string {
  const checks = report.checks.flatMap(({ check, status, expected, found, hint }) => [
    `  [${status}]`.padEnd(12) + `${check}: expected ${expected}; found ${found}`,
    ...(hint === '' ? [] : [`${' '.repeat(12)}${hint}`]),
  ]);
  return [...header(report), 'Checks:', ...checks, '', verdicts[report.verdict]].join('\n');
}
