// Small charts as SVG: lines over time, and bars with their numbers. Second part of the status page's script.

const statusCharts = (() => {
  const { element } = statusFormat;
  const width = 400;
  const height = 96;

  const svg = (tag, attributes, ...children) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    made.append(...children);
    return made;
  };

  /** The next larger of 1, 2, 5, 10, 20, …: the top of an axis that does not jump about. */
  const ceiling = (value) => {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
  };

  /** A chart of lines; `update` draws it anew. `slots` points fit into its width. */
  const lines = (title, series, format, slots) => {
    const plot = svg('svg', {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none',
      role: 'img',
    });
    const top = element('span', { class: 'top' });
    const current = series.map(({ name, tone }) => {
      const value = element('b', {}, '–');
      return { value, item: element('span', { class: `key ${tone}` }, `${name} `, value) };
    });
    const card = element(
      'figure',
      { class: 'card chart' },
      element('figcaption', {}, element('span', {}, title), ...current.map(({ item }) => item)),
      element('div', { class: 'plot' }, plot, top),
    );
    const update = (points) => {
      const values = points.flat().filter(Number.isFinite);
      const most = ceiling(Math.max(0, ...values));
      const first = slots - points.length;
      const x = (index) => ((first + index) * width) / (slots - 1);
      const y = (value) => height - (value / most) * (height - 4) - 1;
      const grid = [0.5, 1].map((part) =>
        svg('line', { class: 'grid', x1: 0, x2: width, y1: y(most * part), y2: y(most * part) }),
      );
      const paths = series.map(({ tone }, which) => {
        let path = '';
        let open = false;
        points.forEach((point, index) => {
          const value = point[which];
          if (Number.isFinite(value))
            path += `${open ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
          open = Number.isFinite(value);
        });
        return svg('path', { class: `line ${tone}`, d: path });
      });
      plot.replaceChildren(...grid, ...paths);
      top.textContent = format(most);
      const latest = points.at(-1) ?? [];
      current.forEach(({ value }, which) => {
        value.textContent = format(latest[which]);
      });
      const told = series.map(({ name }, which) => `${name} ${format(latest[which])}`).join(', ');
      plot.setAttribute('aria-label', `${title}: now ${told}; the axis ends at ${format(most)}`);
    };
    update([]);
    return { card, update };
  };

  /** Bars with labels and numbers; a list for those who do not see them. */
  const bars = (rows, format, tone) => {
    const most = Math.max(1, ...rows.map(([, value]) => value));
    const items = rows.map(([label, value]) => {
      const bar = svg('svg', {
        viewBox: '0 0 100 10',
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      });
      bar.append(
        svg('rect', {
          class: `bar ${tone}`,
          x: 0,
          y: 0,
          width: (100 * value) / most,
          height: 10,
          rx: 1,
        }),
      );
      return element(
        'li',
        {},
        element('span', { class: 'label' }, label),
        bar,
        element('b', {}, format(value)),
      );
    });
    return element('ul', { class: 'bars' }, ...items);
  };

  /** One bar of parts; `total` is its whole length. */
  const stack = (parts, total) => {
    const bar = svg('svg', {
      class: 'stack',
      viewBox: '0 0 1000 10',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    let x = 0;
    for (const { value, tone } of parts) {
      const share = total > 0 ? (1000 * value) / total : 0;
      bar.append(svg('rect', { class: `bar ${tone}`, x, y: 0, width: share, height: 10 }));
      x += share;
    }
    return bar;
  };

  return { lines, bars, stack };
})();
