// The report as one HTML file: charts, tables and findings, without network. Readable without scripts, too.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileError } from '../errors.js';
import { escapeHtml, scriptJson } from '../html.js';
import { chartData } from './chart-data.js';
import {
  columnsOf,
  environmentRows,
  formatMs,
  modeText,
  scalarRows,
  tableGroups,
} from './table.js';
import type { BenchFinding, BenchReport } from './types.js';

/** The parts of the page that are files: our style and script, and Chart.js with its license. */
export interface Assets {
  readonly style: string;
  readonly script: string;
  readonly chart: string;
  readonly license: string;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
}

/** Reads the parts of the page. @throws ERR_TRT_FILE */
export function loadAssets(): Assets {
  const assets = path.join(__dirname, 'assets');
  let chart = path.join(assets, 'chart.umd.min.js');
  let license = path.join(assets, 'chart.js-LICENSE.md');
  if (!existsSync(chart)) {
    // In the sources' tree, where scripts/copy-assets.mjs has not been.
    const folder = path.dirname(createRequire(__filename).resolve('chart.js'));
    chart = path.join(folder, 'chart.umd.min.js');
    license = path.join(folder, '../LICENSE.md');
  }
  return {
    style: read(path.join(assets, 'report.css')),
    script: read(path.join(assets, 'report.js')),
    chart: read(chart).replace(/^\/\/# sourceMappingURL=.*$/m, ''),
    license: read(license),
  };
}

/** Script of ours or of Chart.js, within a script element. */
function inlineScript(code: string): string {
  return code.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
}

function table(report: BenchReport): string {
  const groups = tableGroups(report);
  const columns = columnsOf(groups);
  const head = columns.map(({ heading }) => `<th scope="col">${escapeHtml(heading)}</th>`).join('');
  const body = groups.map(({ heading, rows }) => {
    const lines = rows.map(
      ([name, summary]) =>
        `<tr><th scope="row">${escapeHtml(name)}</th>${columns.map((column) => `<td>${column.value(summary)}</td>`).join('')}</tr>`,
    );
    return `<tbody><tr class="group"><th scope="rowgroup" colspan="${columns.length + 1}">${escapeHtml(heading)}</th></tr>${lines.join('')}</tbody>`;
  });
  return `<div class="scroll"><table><thead><tr><th scope="col">milliseconds</th>${head}</tr></thead>${body.join('')}</table></div>`;
}

function pairs(rows: readonly (readonly [string, string])[]): string {
  const items = rows.map(
    ([name, text]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

function finding({ severity, what, todo }: BenchFinding): string {
  const label = severity === 'warning' ? 'Warning' : 'Note';
  const remedy = todo === '' ? '' : `<p class="todo">${escapeHtml(todo)}</p>`;
  return `<li class="${severity}"><strong>${label}</strong><div><p>${escapeHtml(what)}</p>${remedy}</div></li>`;
}

/** A figure at the top of the page. */
function tile(name: string, value: string, unit: string, note: string): string {
  return `<div class="tile"><span class="name">${escapeHtml(name)}</span><span class="value">${escapeHtml(value)}<small> ${escapeHtml(unit)}</small></span><span class="note">${escapeHtml(note)}</span></div>`;
}

function tiles({ device, js }: BenchReport): string {
  const parts: string[] = [];
  if (device !== undefined) {
    parts.push(
      tile('GPU compute', formatMs(device.compute.median), 'ms', 'median'),
      tile('Device throughput', device.throughput.toFixed(1), '/s', `${device.queries} queries`),
    );
  }
  if (js !== undefined) {
    const [highest] = Object.entries(js.latency.percentiles).sort(
      (a, b) => Number(b[0]) - Number(a[0]),
    );
    const note =
      highest === undefined ? 'median' : `median; p${highest[0]} ${formatMs(highest[1])} ms`;
    const delay = js.eventLoopDelay?.load;
    parts.push(
      tile('A caller waits', formatMs(js.latency.median), 'ms', note),
      tile('JavaScript throughput', js.throughput.toFixed(1), '/s', `${js.queries} queries`),
    );
    if (delay !== undefined) {
      parts.push(
        tile(
          'Event loop delay',
          formatMs(delay.percentiles['99'] ?? NaN),
          'ms',
          `p99; max ${formatMs(delay.max)} ms`,
        ),
      );
    }
  }
  return `<div class="tiles">${parts.join('')}</div>`;
}

function chart(id: string, title: string, text: string, tall = false): string {
  return `<section class="card chart" id="section-${id}" hidden><h2>${escapeHtml(title)}</h2><p>${escapeHtml(text)}</p><div class="canvas${tall ? ' tall' : ''}"><canvas id="${id}" role="img" aria-label="${escapeHtml(title)}"></canvas></div></section>`;
}

function layersTable({ layers }: BenchReport): string {
  if (layers === undefined) return '';
  const rows = [...layers.layers]
    .sort((a, b) => b.timeMs - a.timeMs)
    .map(
      ({ name, averageMs, medianMs, percentage }) =>
        `<tr><th scope="row">${escapeHtml(name)}</th><td>${formatMs(averageMs)}</td><td>${formatMs(medianMs)}</td><td>${percentage.toFixed(1)}</td></tr>`,
    );
  return `<section class="card"><h2>Layers</h2><p>From a run of its own of ${layers.count} queries; profiling slows inference.</p><div class="scroll"><table><thead><tr><th scope="col">layer</th><th scope="col">average, ms</th><th scope="col">median, ms</th><th scope="col">%</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

function planName({ plan, engineName }: BenchReport): string {
  return plan === undefined ? engineName || 'a plan' : path.basename(plan);
}

/** The page. `assets` are read when they are not given. @throws ERR_TRT_FILE */
export function htmlReport(report: BenchReport, assets: Assets = loadAssets()): string {
  const title = `trt-node bench: ${planName(report)}`;
  const findings =
    report.findings.length === 0
      ? ''
      : `<section class="card"><h2>What the figures say</h2><ul class="findings">${report.findings.map(finding).join('')}</ul></section>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>
${assets.style}</style>
</head>
<body>
<header><h1>${escapeHtml(planName(report))}</h1><p>${escapeHtml(report.environment.device.name)} · ${escapeHtml(report.environment.runtime === 'reference' ? 'CPU reference runtime' : `TensorRT ${report.environment.version}`)} · ${escapeHtml(report.environment.date)}</p><p class="mode">${escapeHtml(modeText(report))}</p></header>
<main>
${tiles(report)}
${findings}
<div class="grid">
${chart('histogram', 'Latency, how often', 'Device: copies and computing. JavaScript: from the call of run() to the line after await.')}
${chart('percentiles', 'Latency by percentile', 'How long all but the slowest take.')}
</div>
${chart('split', 'Where a caller’s time goes', 'Means of requests that were timed in their parts, apart from the others; they add up to the mean latency of these.')}
${chart('device-timeline', 'Queries on the device', 'Some queries from the middle of the measurement, from the first one’s start. Enqueueing is the host’s and overlaps.', true)}
${chart('js-timeline', 'Requests as JavaScript sees them', 'Some requests from the middle of the measurement, from the first one’s call.', true)}
<section class="card"><h2>Figures</h2>${table(report)}${pairs(scalarRows(report))}</section>
${layersTable(report)}
<section class="card"><h2>Measured on</h2>${pairs(environmentRows(report))}</section>
</main>
<footer><p>Made by trt-node ${escapeHtml(report.environment.trtNode)}. Charts by Chart.js.</p><details><summary>License of Chart.js</summary><pre>${escapeHtml(assets.license)}</pre></details></footer>
<script type="application/json" id="data">${scriptJson(chartData(report))}</script>
<script>${inlineScript(assets.chart)}</script>
<script>${inlineScript(assets.script)}</script>
</body>
</html>
`;
}
