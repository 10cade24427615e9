// A comparison as text: a table of errors, what is off and by how much, and the verdict.

import { formatShape } from '../validate.js';
import type { ComparisonReport } from './compare.js';
import type { OutputComparison } from './metrics.js';

function number(value: number | undefined): string {
  if (value === undefined) return '-';
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : value > 0 ? 'inf' : '-inf';
}

const header = [
  'output',
  'verdict',
  'max abs',
  'mean abs',
  'median abs',
  'max rel',
  'mean rel',
  'cosine',
  'PSNR dB',
  'NaN',
  'Inf',
];

function row(output: OutputComparison): string[] {
  const { absolute, relative, cosine, psnr, nan, infinite } = output;
  return [
    `${output.name} ${output.dtype.actual}${formatShape(output.shape.actual)}`,
    output.passed ? 'passed' : 'FAILED',
    number(absolute?.max),
    number(absolute?.mean),
    number(absolute?.median),
    number(relative?.max),
    number(relative?.mean),
    cosine === undefined ? '-' : cosine.toFixed(7),
    number(psnr),
    String(nan.actual),
    String(infinite.actual),
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows.map((cells) =>
    `  ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd(),
  );
}

/** How large the largest error is against the output's own range, and what would let it pass. */
function explain({ name, reason, worst, range, absolute, relative }: OutputComparison): string[] {
  const lines = [`  ${name}: ${reason}`];
  if (worst !== undefined && absolute !== undefined && absolute.max > 0) {
    const span = range === undefined ? 0 : range[1] - range[0];
    const share =
      span === 0 ? '' : `, ${number((absolute.max / span) * 100)} % of the output's range`;
    lines.push(
      `    largest error at [${worst.index.join(', ')}]: ${number(worst.actual)}, expected ${number(worst.expected)}: off by ${number(worst.absolute)}${share}`,
      `    alone, atol=${number(absolute.max)} or rtol=${number(relative?.max)} would let every element pass`,
    );
  }
  return lines;
}

/** The lines of a report. */
export function comparisonText(report: ComparisonReport, title: string): string {
  const { outputs, missing, unexpected, passed } = report;
  const failed = outputs.filter((output) => !output.passed);
  const lines = [title];
  if (outputs.length > 0) lines.push(...table([header, ...outputs.map(row)]));
  lines.push(...failed.flatMap(explain));
  for (const name of missing) lines.push(`  ${name}: the plan has no such output`);
  if (unexpected.length > 0)
    lines.push(`  not compared, as only the plan has them: ${unexpected.join(', ')}`);
  if (failed.some(({ absolute }) => absolute !== undefined)) {
    lines.push(
      '  Kernels in TF32 (allowed by default for float32), float16, bfloat16 or int8 differ by their precision: TF32 and float16 keep 11 bits, bfloat16 8.',
      '  To tell a wrong model from rounding, compare a plan built with --noTF32 and without --fp16, --bf16, --int8 and --best.',
    );
  }
  const good = outputs.length - failed.length;
  lines.push(
    `${passed ? 'PASSED' : 'FAILED'} | ${good} of ${outputs.length + missing.length} outputs are within the tolerances`,
  );
  return lines.join('\n');
}
