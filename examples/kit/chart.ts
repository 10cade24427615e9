// Bar charts as SVG, for the READMEs and the gallery.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Echarts from 'echarts';

// In one file: its hundreds of modules take seconds to load.
const echarts = createRequire(import.meta.url)('echarts/dist/echarts.min.js') as typeof Echarts;

// Without a browser nobody knows how wide a text will be, and each reader's font is another: the widest of the usual ones, so that nothing is cut off.
// echarts takes the width of one Chinese character for the height of a line.
echarts.setPlatformAPI({
  measureText: (text, font = '12px') => {
    const size = Number(/([\d.]+)px/.exec(font)?.[1] ?? 12);
    return { width: text === '国' ? size : 0.62 * size * text.length };
  },
});

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
  const values = Object.values(chart.series).flatMap((row) =>
    row.filter((value) => value !== null),
  );
  /** The power of ten below all bars: a logarithmic axis would begin at 1, and smaller bars go to the left. */
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.1);
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
      subtextStyle: { width: 768, overflow: 'break' },
    },
    legend: { show: names.length > 1, right: 16, top: 14 },
    grid: { left: 16, right: 70, top: 70, bottom: 32, containLabel: true },
    xAxis: {
      type: chart.logarithmic ? 'log' : 'value',
      name: chart.unit,
      nameLocation: 'middle',
      nameGap: 24,
      ...(chart.logarithmic === true && { min: lowest, startValue: lowest }),
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: [...chart.groups],
      axisLabel: { width: 240, overflow: 'break' },
    },
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
