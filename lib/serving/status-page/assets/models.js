// The table of models and the details of one version. Third part of the status page's script.

const statusModels = (() => {
  const { number, bytes, micros, element, quantile } = statusFormat;
  const { bars } = statusCharts;
  const phases = [
    ['request', 'Whole request'],
    ['queue', 'Queue'],
    ['h2d', 'Host to device'],
    ['compute', 'Compute'],
    ['d2h', 'Device to host'],
    ['wakeup', 'Wake-up'],
  ];
  const reasons = {
    immediate: 'at once',
    preferred: 'preferred size',
    full: 'full',
    delay: 'queue delay over',
    drain: 'drained',
  };
  const columns = [
    'Model',
    'Version',
    'State',
    'Platform',
    'Instances',
    'Pending',
    'Inferences/s',
    'p50',
    'p99',
    'Mean batch',
    'Failed',
    'Memory',
  ];
  const tones = { READY: 'good', LOADING: 'busy', UNLOADING: 'busy', UNAVAILABLE: 'bad' };

  const keyOf = ({ name, version }) => `${name}\n${version}`;
  const find = (snapshot, key) => snapshot?.models.find((model) => keyOf(model) === key)?.served;

  /** Histogram counts of the period: since the start, or since `base`. */
  const counts = (now, before) =>
    before ? now.buckets.map((count, index) => count - before.buckets[index]) : now.buckets;

  /** Quantiles, mean and number of a phase in the period, in microseconds. */
  const latency = (bounds, now, before) => {
    const inPeriod = counts(now, before);
    const count = now.count - (before?.count ?? 0);
    return {
      count,
      mean: count > 0 ? (now.sumUs - (before?.sumUs ?? 0)) / count : NaN,
      p50: quantile(bounds, inPeriod, 0.5),
      p90: quantile(bounds, inPeriod, 0.9),
      p99: quantile(bounds, inPeriod, 0.99),
    };
  };

  /** Puts text where it differs: what is not touched keeps a selection. */
  const put = (cell, text) => {
    if (cell.textContent !== text) cell.textContent = text;
  };

  /** Rows stay in the page as long as their version is there, so that focus does not get lost each second. */
  const table = (parts, { select, act }) => {
    const rows = new Map();
    parts.head.replaceChildren(
      element(
        'tr',
        {},
        ...columns.slice(0, 3).map((name) => element('th', { scope: 'col' }, name)),
        element('th', { scope: 'col' }, element('span', { class: 'sr' }, 'Load and unload')),
        ...columns.slice(3).map((name) => element('th', { scope: 'col' }, name)),
      ),
    );

    const newRow = (model) => {
      const key = keyOf(model);
      const name = element(
        'button',
        {
          type: 'button',
          class: 'name',
          'aria-expanded': 'false',
          onclick: () => select(key),
        },
        model.name,
      );
      const note = element('span', { class: 'reason' });
      const pill = element('span', { class: 'pill' });
      const actions = element('td', { class: 'text actions' });
      const cells = columns
        .slice(3)
        .map((_, index) => element('td', { class: index < 2 ? 'text' : '' }));
      // Instead of the figures, where there are none.
      const reason = element('td', { class: 'text reason', colspan: cells.length });
      const row = element(
        'tr',
        {},
        element('th', { scope: 'row' }, name, note),
        element('td', { class: 'text' }, model.version),
        element('td', { class: 'text' }, pill),
        actions,
      );
      return { row, name, note, reason, pill, cells, actions, shown: '', told: undefined };
    };

    const actionsFor = (model, explicit) => {
      if (!explicit) return [];
      if (model.state === 'READY') return ['Reload', 'Unload'];
      return model.state === 'LOADING' || model.state === 'UNLOADING' ? [] : ['Load'];
    };

    const update = (snapshot, base, rateBase, selected, busy) => {
      const { models, bucketsUs } = snapshot;
      const seen = new Set();
      for (const model of models) {
        const key = keyOf(model);
        seen.add(key);
        const made = rows.get(key) ?? newRow(model);
        rows.set(key, made);
        const { served } = model;
        const request = served
          ? latency(bucketsUs, served.latencies.request, find(base, key)?.latencies.request)
          : undefined;
        const before = find(rateBase, key);
        const seconds = rateBase ? (snapshot.now - rateBase.now) / 1000 : 0;
        const rate =
          served && before && seconds > 0
            ? (served.inferences - before.inferences) / seconds
            : served
              ? 0
              : NaN;
        const figures = served !== null;
        if (made.told !== figures) {
          made.told = figures;
          for (const old of [made.reason, ...made.cells]) old.remove();
          made.row.append(...(figures ? made.cells : [made.reason]));
        }
        put(made.note, figures ? model.reason : '');
        put(made.reason, model.reason);
        put(made.pill, model.state === '' ? 'NOT LOADED' : model.state);
        made.pill.className = `pill ${tones[model.state] ?? ''}`;
        const texts = served
          ? [
              served.platform,
              served.instances,
              number(served.pending),
              number(rate),
              micros(request.p50),
              micros(request.p99),
              served.executions > 0 ? number(served.inferences / served.executions) : '–',
              number(served.requests.fail),
              bytes(served.memory.deviceBytes),
            ]
          : columns.slice(3).map(() => '');
        made.cells.forEach((cell, index) => put(cell, texts[index]));
        made.name.setAttribute('aria-expanded', String(key === selected));
        made.row.classList.toggle('selected', key === selected);
        const wanted = actionsFor(model, snapshot.controlMode === 'explicit');
        const shown = wanted.join();
        if (shown !== made.shown) {
          made.shown = shown;
          made.actions.replaceChildren(
            ...wanted.map((what) =>
              element(
                'button',
                {
                  type: 'button',
                  class: 'quiet',
                  'aria-label': `${what} ${model.name}`,
                  onclick: () => act(what, model.name),
                },
                what,
              ),
            ),
          );
        }
        for (const button of made.actions.children) button.disabled = busy.has(model.name);
      }
      for (const [key, { row }] of rows) {
        if (seen.has(key)) continue;
        row.remove();
        rows.delete(key);
      }
      const order = models.map((model) => rows.get(keyOf(model)).row);
      if (order.some((row, index) => parts.body.children[index] !== row))
        parts.body.replaceChildren(...order);
    };
    return { update };
  };

  const nonZero = (record, names = {}) =>
    Object.entries(record)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => [names[name] ?? name, count]);

  const block = (title, content, note) =>
    element(
      'div',
      { class: 'block' },
      element('h3', {}, title),
      content,
      note === undefined ? undefined : element('p', { class: 'dim' }, note),
    );

  const nothing = (text) => element('p', { class: 'dim' }, text);

  /** The details of `model`: latencies by phase, batch sizes, why batches were sent, failures. */
  const detail = (section, snapshot, base, model) => {
    const { served } = model;
    const before = find(base, keyOf(model));
    const rows = phases
      .map(([phase, label]) => [
        label,
        latency(snapshot.bucketsUs, served.latencies[phase], before?.latencies[phase]),
      ])
      .filter(([, { count }]) => count > 0);
    const latencies =
      rows.length === 0
        ? nothing('No request yet.')
        : element(
            'table',
            {},
            element(
              'thead',
              {},
              element(
                'tr',
                {},
                ...['Part', 'p50', 'p90', 'p99', 'Mean', 'Requests'].map((name) =>
                  element('th', { scope: 'col' }, name),
                ),
              ),
            ),
            element(
              'tbody',
              {},
              ...rows.map(([label, { p50, p90, p99, mean, count }]) =>
                element(
                  'tr',
                  {},
                  element('th', { scope: 'row' }, label),
                  ...[p50, p90, p99, mean].map((us) => element('td', {}, micros(us))),
                  element('td', {}, number(count)),
                ),
              ),
            ),
          );
    const earlier = new Map(before?.batchSizes ?? []);
    const sizes = served.batchSizes
      .map(([size, count]) => [String(size), count - (earlier.get(size) ?? 0)])
      .filter(([, count]) => count > 0);
    const dispatches = nonZero(
      Object.fromEntries(
        Object.entries(served.dispatches).map(([name, count]) => [
          name,
          count - (before?.dispatches[name] ?? 0),
        ]),
      ),
      reasons,
    );
    const failures = nonZero(
      Object.fromEntries(
        Object.entries(served.failures).map(([name, count]) => [
          name,
          count - (before?.failures[name] ?? 0),
        ]),
      ),
    );
    const { hits, misses } = served.cache;
    const { memory } = served;
    section.replaceChildren(
      element('h2', { id: 'detail-title' }, `${model.name} · version ${model.version}`),
      element(
        'p',
        { class: 'dim' },
        `max_batch_size ${served.maxBatchSize} · ${number(served.requests.success)} requests answered, ${number(served.requests.fail)} failed · ${number(served.inferences)} inferences in ${number(served.executions)} batches · device ${bytes(memory.deviceBytes)}, pinned ${bytes(memory.pinnedBytes)}, host ${bytes(memory.hostBytes)}${hits + misses > 0 ? ` · cache ${number(hits)} hits, ${number(misses)} misses` : ''}`,
      ),
      element(
        'div',
        { class: 'blocks' },
        block('Latency by part', latencies),
        block(
          'Batch sizes',
          sizes.length > 0 ? bars(sizes, number, 'c1') : nothing('No batch yet.'),
          served.paddedItems > 0
            ? `${number(served.paddedItems)} items were padding since the start.`
            : undefined,
        ),
        block(
          'Why batches were sent',
          dispatches.length > 0 ? bars(dispatches, number, 'c2') : nothing('No batch yet.'),
        ),
        block('Failures', failures.length > 0 ? bars(failures, number, 'c4') : nothing('None.')),
      ),
    );
    section.hidden = false;
  };

  return { table, detail, latency, keyOf, find };
})();
