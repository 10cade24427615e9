// The table of models that `trt-node serve` prints when it starts, in the form of tritonserver's: 80 columns wide. Memory is the device's.

import type { ModelDescription } from '../serving/repository/memory-report.js';

const headings = ['Model', 'Version', 'Status', 'Platform', 'Instances', 'Memory'];
/** Names longer than this, and reasons, are broken into lines. */
const nameWidth = 20;
const reasonWidth = 78;

/** 260 MiB */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

/** Names of folders and messages are anybody's: nothing of them may steer the terminal. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of plain(text).split(' ')) {
    const last = lines.length - 1;
    const line = lines[last] ?? '';
    if (line !== '' && line.length + word.length + 1 > width) lines.push(word);
    else lines[last] = line === '' ? word : `${line} ${word}`;
  }
  return lines.flatMap((line) => line.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']);
}

function cells(row: ModelDescription): string[][] {
  const loaded = row.state === 'READY';
  return [
    wrap(row.name, nameWidth),
    [row.version === '' ? '-' : row.version],
    [row.state === '' ? 'not loaded' : row.state],
    [loaded ? row.platform : '-'],
    [loaded && row.instances > 0 ? String(row.instances) : '-'],
    [loaded ? bytesText(row.deviceBytes) : '-'],
  ];
}

/** Why rows are not as they should be. */
function notes(rows: readonly ModelDescription[]): string[] {
  return rows
    .filter(({ reason }) => reason !== '')
    .flatMap(({ name, version, reason }) => {
      const who = version === '' ? name : `${name} version ${version}`;
      return wrap(`${who}: ${reason}`, reasonWidth - 2).map((line, index) =>
        index === 0 ? line : `  ${line}`,
      );
    });
}

/** The table, and below it the reasons; a line that says so where there are no models. */
export function modelTable(rows: readonly ModelDescription[]): string {
  if (rows.length === 0) return 'No models are loaded.';
  const body = rows.map(cells);
  const widths = headings.map((heading, column) =>
    Math.max(
      heading.length,
      ...body.flatMap((row) => (row[column] ?? []).map((line) => line.length)),
    ),
  );
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const line = (texts: readonly string[]): string =>
    `|${widths.map((width, column) => ` ${(texts[column] ?? '').padEnd(width)} `).join('|')}|`;
  const lines = body.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length));
    return Array.from({ length: height }, (_, index) => line(row.map((cell) => cell[index] ?? '')));
  });
  return [rule, line(headings), rule, ...lines, rule, ...notes(rows)].join('\n');
}
