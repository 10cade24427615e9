// Draws a result: node benchmarks/plot.mjs RESULT.json… [--png]; leaves an SVG beside each (and a PNG, where sharp is installed).
import { readFileSync, writeFileSync } from 'node:fs';
import * as echarts from 'echarts';
import { show } from './parts/tables.mjs';

const width = 1000;
const rowHeight = 26;
const titleHeight = 56;
const gap = 40;
const labelWidth = 330;

// Colours that stay apart for colour-blind eyes (Okabe and Ito).
const colours = {
  cpp: '#0072B2',
  'trt-node': '#D55E00',
  tensorrt: '#009E73',
  pytorch: '#CC79A7',
  onnxruntime: '#E69F00',
  'onnxruntime-node': '#56B4E9',
};
const kinds = {
  cpp: 'C++',
  'trt-node': 'trt-node',
  tensorrt: 'TensorRT Python',
  pytorch: 'PyTorch',
  onnxruntime: 'ONNX Runtime',
  'onnxruntime-node': 'onnxruntime-node',
};
const units = { throughput: 'inferences a second' };

/** What is drawn of a scenario: its peers that ran, with the figure of the bar and those of the marks. */
function panelOf(scenario) {
  const bar = scenario.mode === 'throughput' ? 'perSecond' : 'p50';
  const marks = { throughput: [], 'event-loop': ['p99', 'max'] }[scenario.mode] ?? ['p95', 'p99'];
  const peers = scenario.peers.filter((peer) => peer.pooled?.[bar] > 0);
  const values = peers.flatMap((peer) => [bar, ...marks].map((figure) => peer.pooled[figure]));
  const log = Math.max(...values) > 20 * Math.min(...values);
  return { scenario, bar, marks, peers, log, smallest: Math.min(...values) };
}

function chart(result) {
  const panels = result.scenarios
    .filter((scenario) => scenario.mode !== 'allocations')
    .map(panelOf)
    .filter((panel) => panel.peers.length > 0);
  const used = [...new Set(panels.flatMap(({ peers }) => peers.map(({ kind }) => kind)))];
  let top = 70;
  const option = {
    backgroundColor: '#ffffff',
    animation: false,
    textStyle: { fontFamily: 'sans-serif' },
    title: [
      {
        text: result.environment.gpu?.name ?? result.environment.cpu,
        subtext: `${result.date.slice(0, 10)}, bars: p50 or throughput, marks: as named below each`,
        left: 20,
        top: 10,
        textStyle: { fontSize: 16 },
      },
    ],
    graphic: used.map((kind, i) => ({
      type: 'group',
      left: width - 20 - 140 * (((used.length - 1 - i) % 3) + 1),
      top: 14 + 20 * Math.floor((used.length - 1 - i) / 3),
      children: [
        { type: 'rect', shape: { width: 12, height: 12 }, style: { fill: colours[kind] } },
        { type: 'text', left: 18, style: { text: kinds[kind], fontSize: 12 } },
      ],
    })),
    grid: [],
    xAxis: [],
    yAxis: [],
    series: [],
  };
  panels.forEach(({ scenario, bar, marks, peers, log, smallest }, i) => {
    const height = rowHeight * peers.length;
    option.title.push({
      text: scenario.title,
      subtext:
        bar === 'perSecond'
          ? units.throughput
          : `µs: bar p50, ${marks.map((mark, k) => `${k === 0 ? 'diamond' : 'line'} ${mark}`).join(', ')}`,
      left: 20,
      top,
      textStyle: { fontSize: 13 },
      subtextStyle: { fontSize: 11 },
      itemGap: 4,
    });
    option.grid.push({ left: labelWidth, right: 90, top: top + titleHeight, height });
    option.xAxis.push({
      type: log ? 'log' : 'value',
      ...(log && { min: 10 ** Math.floor(Math.log10(smallest)) }),
      gridIndex: i,
      axisLabel: { fontSize: 11, formatter: (value) => value.toLocaleString('en') },
      splitLine: { lineStyle: { color: '#e5e5e5' } },
    });
    option.yAxis.push({
      type: 'category',
      gridIndex: i,
      inverse: true,
      data: peers.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { fontSize: 11, width: labelWidth - 30, overflow: 'truncate' },
    });
    const axes = { xAxisIndex: i, yAxisIndex: i };
    option.series.push({
      type: 'bar',
      ...axes,
      barWidth: 14,
      data: peers.map((peer) => ({
        value: peer.pooled[bar],
        itemStyle: { color: colours[peer.kind] },
      })),
      label: {
        show: true,
        position: bar === 'perSecond' ? 'right' : 'insideLeft',
        fontSize: 10,
        color: bar === 'perSecond' ? '#333' : '#fff',
        formatter: ({ value }) => show(value),
      },
    });
    marks.forEach((mark, k) => {
      option.series.push({
        type: 'scatter',
        ...axes,
        symbol: k === 0 ? 'diamond' : 'rect',
        symbolSize: k === 0 ? 8 : [2, 16],
        itemStyle: { color: '#222' },
        data: peers.map((peer, row) => [peer.pooled[mark], row]),
      });
    });
    top += titleHeight + height + gap;
  });
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height: top });
  instance.setOption(option);
  const svg = instance.renderToSVGString();
  instance.dispose();
  return svg;
}

const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
if (names.length === 0) {
  console.error('usage: node benchmarks/plot.mjs RESULT.json… [--png]');
  process.exit(2);
}
for (const name of names) {
  const svg = chart(JSON.parse(readFileSync(name, 'utf8')));
  writeFileSync(name.replace(/\.json$/, '.svg'), svg);
  if (!process.argv.includes('--png')) continue;
  const { default: sharp } = await import('sharp');
  await sharp(Buffer.from(svg))
    .png()
    .toFile(name.replace(/\.json$/, '.png'));
}
