// The charts of the HTML report. Runs in a browser, after Chart.js; what it shows lies in #data.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const charts = [];
  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const tone = (name) => color(`c-${name}`);
  const milliseconds = (value) => `${Number(value.toPrecision(4))} ms`;
  const title = (text) => ({ display: true, text, color: color('dim') });

  /** Colors are read anew when light and dark change. */
  const axes = (x, y) => {
    for (const axis of [x, y]) {
      axis.grid = { color: color('line'), ...axis.grid };
      axis.ticks = { color: color('dim'), ...axis.ticks };
      axis.border = { color: color('line') };
    }
    return { x, y };
  };

  const common = (options) => ({
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    ...options,
    plugins: {
      legend: { labels: { color: color('text'), boxWidth: 14, boxHeight: 14 } },
      ...options.plugins,
    },
  });

  const histogram = ({ edges, width, series }) => ({
    type: 'bar',
    data: {
      labels: edges,
      datasets: series.map(({ name, color: own, counts }) => ({
        label: name,
        data: counts,
        backgroundColor: `${tone(own)}b3`,
        borderColor: tone(own),
        borderWidth: 1,
        grouped: false,
        categoryPercentage: 1,
        barPercentage: 1,
      })),
    },
    options: common({
      interaction: { mode: 'index', intersect: false },
      scales: axes(
        {
          title: title('milliseconds'),
          grid: { display: false },
          ticks: { maxRotation: 0, autoSkipPadding: 24 },
        },
        { title: title('queries'), beginAtZero: true, ticks: { precision: 0 } },
      ),
      plugins: {
        tooltip: {
          callbacks: {
            title: ([item]) =>
              `${milliseconds(edges[item.dataIndex])} to ${milliseconds(edges[item.dataIndex] + width)}`,
            afterLabel: ({ dataIndex, datasetIndex }) => {
              const { above } = series[datasetIndex];
              return dataIndex === edges.length - 1 && above > 0
                ? `${above} of them are above the chart's end`
                : '';
            },
          },
        },
      },
    }),
  });

  const percentiles = ({ ranks, series }) => ({
    type: 'line',
    data: {
      labels: ranks.map((rank) => `p${rank}`),
      datasets: series.map(({ name, color: own, values }) => ({
        label: name,
        data: values,
        borderColor: tone(own),
        backgroundColor: tone(own),
        borderWidth: 2,
        pointRadius: 3,
        cubicInterpolationMode: 'monotone',
      })),
    },
    options: common({
      interaction: { mode: 'index', intersect: false },
      scales: axes(
        { grid: { display: false } },
        {
          type: 'logarithmic',
          title: title('milliseconds'),
          ticks: {
            // 1, 2 and 5 times the powers of ten: the others would overlap.
            callback: (value) =>
              [1, 2, 5].includes(Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9)))
                ? Number(value.toPrecision(3))
                : '',
          },
        },
      ),
      plugins: {
        tooltip: {
          callbacks: {
            label: ({ dataset, parsed }) => `${dataset.label}: ${milliseconds(parsed.y)}`,
          },
        },
      },
    }),
  });

  const split = (parts) => ({
    type: 'bar',
    data: {
      labels: ['mean'],
      datasets: parts.map(({ name, color: own, value }) => ({
        label: `${name} (${milliseconds(value)})`,
        data: [value],
        backgroundColor: tone(own),
      })),
    },
    options: common({
      indexAxis: 'y',
      scales: axes(
        { stacked: true, title: title('milliseconds') },
        { stacked: true, ticks: { display: false }, grid: { display: false } },
      ),
      plugins: { tooltip: { callbacks: { title: () => '', label: (item) => item.dataset.label } } },
    }),
  });

  const timeline = ({ what, rows, phases }) => ({
    type: 'bar',
    data: {
      labels: rows,
      datasets: phases.map(({ name, color: own, thin, spans }) => ({
        label: name,
        data: spans,
        backgroundColor: tone(own),
        grouped: false,
        barPercentage: thin ? 0.22 : 0.72,
        categoryPercentage: 1,
        minBarLength: 1,
        order: thin ? 0 : 1,
      })),
    },
    options: common({
      indexAxis: 'y',
      scales: axes(
        { title: title('milliseconds'), beginAtZero: true },
        { title: title(what), grid: { display: false } },
      ),
      plugins: {
        tooltip: {
          callbacks: {
            label: ({ dataset, raw: [start, end] }) =>
              `${dataset.label}: ${milliseconds(end - start)} (from ${milliseconds(start)})`,
          },
        },
      },
    }),
  });

  const draw = (id, content, make) => {
    if (content === undefined || content === null) return;
    document.getElementById(`section-${id}`).hidden = false;
    charts.push(new Chart(document.getElementById(id), make(content)));
  };

  const drawAll = () => {
    for (const chart of charts.splice(0)) chart.destroy();
    draw('histogram', data.histogram, histogram);
    draw('percentiles', data.percentiles, percentiles);
    draw('split', data.split, split);
    draw('device-timeline', data.deviceTimeline, timeline);
    draw('js-timeline', data.jsTimeline, timeline);
  };

  drawAll();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
})();
