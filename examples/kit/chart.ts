// Bar charts as SVG, for the READMEs and the gallery.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Echarts from 'echarts';

// In one file: its hundreds of modules take seconds to load.
const echarts = createRequire(import.meta.url)('echarts/dist/echarts.min.js') as typeof Echarts;

export interface BarChart {
  readonly title: string;
  /** What the bars measure, with its unit. */
  readonly unit: string;
  /** Names along the axis. */
  readonly groups: readonly string[];
  /** Values of each series, one a group; null leaves the place empty. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
  /** Where and when it was measured. */
  readonly caption: string;
  readonly logarithmic?: boolean;
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toPrecision(3) : value.toPrecision(2);

/** Horizontal bars with their values beside them; 800 pixels wide, legible on light and dark pages. */
export function drawBars(chart: BarChart): string {
  const names = Object.keys(chart.series);
  const height = 120 + chart.groups.length * (14 + 22 * names.length);
  const svg = echarts.init(null, undefined, { renderer: 'svg', ssr: true, width: 800, height });
  svg.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: ['#76b900', '#4c78a8', '#f58518', '#b279a2'],
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: {
      text: chart.title,
      subtext: chart.caption,
      left: 16,
      top: 10,
      textStyle: { fontSize: 16 },
    },
    legend: { show: names.length > 1, right: 16, top: 14 },
    grid: { left: 16, right: 70, top: 70, bottom: 32, containLabel: true },
    xAxis: {
      type: chart.logarithmic ? 'log' : 'value',
      name: chart.unit,
      nameLocation: 'middle',
      nameGap: 24,
    },
    yAxis: { type: 'category', inverse: true, data: [...chart.groups] },
    series: names.map((name) => ({
      name,
      type: 'bar' as const,
      data: [...(chart.series[name] ?? [])],
      label: {
        show: true,
        position: 'right' as const,
        formatter: ({ value }: { value?: unknown }) =>
          typeof value === 'number' ? digits(value) : '',
      },
    })),
  });
  const text = svg.renderToSVGString();
  svg.dispose();
  return text;
}

export function writeBars(file: string, chart: BarChart): void {
  writeFileSync(file, `${drawBars(chart)}\n`);
}
