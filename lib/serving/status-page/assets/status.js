// The status page: fetches status.json each second, keeps two minutes of it, and shows it. Last part of the page's script.

(() => {
  const { number, bytes, micros, duration, element, quantile } = statusFormat;
  const { lines, stack } = statusCharts;
  const periodMs = 1000;
  const slots = 120;
  const recentMs = 60_000;
  const rateMs = 3000;
  const byId = (id) => document.getElementById(id);

  const history = [];
  const points = { throughput: [], latency: [], pending: [], loop: [] };
  const busy = new Set();
  let recent = false;
  let selected;
  let token = sessionStorage.getItem('trt-node-token') ?? '';
  let lastSeen = 0;
  let notice = '';

  // ---- the server

  const headers = () => (token === '' ? {} : { authorization: `Bearer ${token}` });

  const askForToken = () => {
    byId('login').hidden = false;
  };

  const poll = async () => {
    try {
      const response = await fetch('status.json', { headers: headers(), cache: 'no-store' });
      if (response.status === 401 || response.status === 403) {
        askForToken();
        readiness('Unknown', '');
        banner(token === '' ? '' : 'The server does not accept this token.', true);
        return;
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      byId('login').hidden = true;
      take(await response.json());
    } catch {
      const since = lastSeen === 0 ? '' : ` since ${new Date(lastSeen).toLocaleTimeString()}`;
      readiness('No answer', 'bad');
      banner(`No answer from the server${since}.`, true);
    }
  };

  const act = async (what, name) => {
    const verb = what === 'Unload' ? 'unload' : 'load';
    if (
      verb === 'unload' &&
      !confirm(`Unload ${name}? Requests to it will fail until it is loaded again.`)
    )
      return;
    busy.add(name);
    notice = `${what}ing ${name} …`;
    show();
    try {
      const response = await fetch(`v2/repository/models/${encodeURIComponent(name)}/${verb}`, {
        method: 'POST',
        headers: { ...headers(), 'content-type': 'application/json' },
        body: '{}',
      });
      if (response.status === 401 || response.status === 403) askForToken();
      const text = await response.text();
      let reason = text;
      try {
        reason = JSON.parse(text).error ?? text;
      } catch {
        // not JSON: shown as it is
      }
      notice = response.ok
        ? ''
        : `${what} of ${name} failed: ${reason || `status ${response.status}`}`;
    } catch {
      notice = `${what} of ${name} failed: no answer from the server.`;
    }
    busy.delete(name);
    await poll();
  };

  // ---- what was seen

  /** The newest snapshot that is at least `ms` older than the last, else the oldest. */
  const before = (ms) => {
    const last = history.at(-1);
    return history.findLast((snapshot) => last.now - snapshot.now >= ms) ?? history[0];
  };

  const sum = (snapshot, of) =>
    snapshot.models.reduce((total, { served }) => total + (served ? of(served) : 0), 0);

  /** Counters of all requests by bucket. */
  const requestBuckets = (snapshot) => {
    const total = snapshot.bucketsUs.concat(0).map(() => 0);
    for (const { served } of snapshot.models) {
      served?.latencies.request.buckets.forEach((count, index) => (total[index] += count));
    }
    return total;
  };

  /** How much a counter grew in a second, or nothing when a version was unloaded meanwhile. */
  const rate = (from, to, of) => {
    const seconds = (to.now - from.now) / 1000;
    return seconds > 0 ? Math.max(0, sum(to, of) - sum(from, of)) / seconds : 0;
  };

  const quantiles = (from, to) => {
    const now = requestBuckets(to);
    const old = from ? requestBuckets(from) : now.map(() => 0);
    const counts = now.map((count, index) => Math.max(0, count - old[index]));
    return [0.5, 0.9, 0.99].map((q) => quantile(to.bucketsUs, counts, q));
  };

  const take = (snapshot) => {
    const last = history.at(-1);
    if (
      last &&
      (last.server.pid !== snapshot.server.pid || last.uptimeSeconds > snapshot.uptimeSeconds)
    ) {
      history.length = 0;
      for (const list of Object.values(points)) list.length = 0;
    }
    lastSeen = Date.now();
    history.push(snapshot);
    if (history.length > slots) history.shift();
    const previous = history.at(-2);
    if (previous) {
      points.throughput.push([
        rate(previous, snapshot, ({ inferences }) => inferences),
        rate(previous, snapshot, ({ requests }) => requests.fail),
      ]);
      const [p50, , p99] = quantiles(previous, snapshot);
      points.latency.push([p50, p99]);
    }
    points.pending.push([sum(snapshot, ({ pending }) => pending)]);
    points.loop.push([snapshot.eventLoop.p50Ms * 1000, snapshot.eventLoop.p99Ms * 1000]);
    for (const list of Object.values(points)) if (list.length > slots) list.shift();
    show();
  };

  // ---- what is shown

  const readiness = (text, tone) => {
    const pill = byId('readiness');
    if (pill.textContent !== text) pill.textContent = text;
    pill.className = `pill ${tone}`;
  };

  const banner = (text, isError) => {
    const line = byId('banner');
    if (line.textContent !== text) line.textContent = text;
    line.hidden = text === '';
    line.className = isError ? 'banner error' : 'banner';
  };

  const tiles = new Map();
  const tile = (id, name, value, note) => {
    let made = tiles.get(id);
    if (made === undefined) {
      made = {
        value: element('span', { class: 'value', id: `tile-${id}` }),
        note: element('span', { class: 'note dim' }),
      };
      tiles.set(id, made);
      byId('tiles').append(
        element(
          'div',
          { class: 'card tile' },
          element('span', { class: 'dim' }, name),
          made.value,
          made.note,
        ),
      );
    }
    made.value.textContent = value;
    made.note.textContent = note;
  };

  const charts = {
    throughput: lines(
      'Throughput',
      [
        { name: 'inferences/s', tone: 'c1' },
        { name: 'failed requests/s', tone: 'c4' },
      ],
      number,
      slots,
    ),
    latency: lines(
      'Request latency',
      [
        { name: 'p50', tone: 'c1' },
        { name: 'p99', tone: 'c3' },
      ],
      micros,
      slots,
    ),
    pending: lines('Queue depth', [{ name: 'requests', tone: 'c2' }], number, slots),
    loop: lines(
      'Event-loop delay',
      [
        { name: 'p50', tone: 'c1' },
        { name: 'p99', tone: 'c3' },
      ],
      micros,
      slots,
    ),
  };
  byId('charts').append(...Object.values(charts).map(({ card }) => card));

  const table = statusModels.table(
    { head: byId('models').tHead, body: byId('models').tBodies[0] },
    {
      select: (key) => {
        selected = selected === key ? undefined : key;
        show();
      },
      act: (what, name) => void act(what, name),
    },
  );

  const modes = {
    none: 'Loaded at the start; it stays so.',
    poll: 'The folder is watched for changes.',
    explicit: 'Loaded and unloaded on request.',
  };

  const showMemory = (snapshot) => {
    const served = snapshot.models.filter(
      (model) => model.served && model.served.memory.deviceBytes > 0,
    );
    const sorted = served.toSorted(
      (a, b) => b.served.memory.deviceBytes - a.served.memory.deviceBytes,
    );
    const all = sorted.reduce((total, model) => total + model.served.memory.deviceBytes, 0);
    const rows = [];
    for (const { index, name, totalBytes, usedBytes } of snapshot.devices) {
      rows.push(
        element(
          'p',
          {},
          element('b', {}, `${index}: ${name}`),
          ` ${bytes(usedBytes)} of ${bytes(totalBytes)} used, by all processes`,
        ),
        stack([{ value: usedBytes, tone: 'c5' }], totalBytes),
      );
    }
    if (sorted.length > 0) {
      const tones = ['c1', 'c2', 'c3', 'c5', 'c6'];
      const parts = sorted.map((model, index) => ({
        model,
        value: model.served.memory.deviceBytes,
        tone: tones[index % tones.length],
      }));
      rows.push(
        element('p', {}, element('b', {}, 'Models here'), ` ${bytes(all)}`),
        stack(parts, all),
        element(
          'ul',
          { class: 'keys' },
          ...parts.map(({ model, value, tone }) =>
            element(
              'li',
              { class: `key ${tone}` },
              `${model.name} ${model.version}: ${bytes(value)}`,
            ),
          ),
        ),
      );
    }
    byId('memory').hidden = rows.length === 0;
    byId('memory-rows').replaceChildren(...rows);
  };

  const show = () => {
    const snapshot = history.at(-1);
    if (snapshot === undefined) return;
    const base = recent ? before(recentMs) : undefined;
    const rateBase = before(rateMs);
    const { server, runtime } = snapshot;
    const { ready } = snapshot.readiness;
    document.title = `${ready ? '' : '✕ '}${server.name}`;
    byId('server-name').textContent = server.name;
    readiness(ready ? 'Ready' : 'Not ready', ready ? 'good' : 'bad');
    byId('server-line').textContent = [
      runtime || 'nothing loaded yet',
      `up ${duration(snapshot.uptimeSeconds)}`,
      `process ${server.pid}`,
      `${bytes(snapshot.process.rssBytes)} resident`,
    ].join(' · ');
    const reasons = ready
      ? ''
      : `Not ready: ${snapshot.readiness.reasons.join('; ') || 'no reason was given'}`;
    banner(notice || reasons, notice.includes('failed') || !ready);

    const [p50, p90, p99] = quantiles(base, snapshot);
    const success = sum(snapshot, ({ requests }) => requests.success);
    const fail = sum(snapshot, ({ requests }) => requests.fail);
    const inferences = sum(snapshot, (served) => served.inferences);
    const executions = sum(snapshot, (served) => served.executions);
    const period = recent ? 'last minute' : 'since start';
    tile(
      'throughput',
      'Inferences a second',
      number(rate(rateBase, snapshot, (served) => served.inferences)),
      `${number(inferences)} since start`,
    );
    tile(
      'requests',
      'Requests answered',
      number(success),
      fail === 0 ? 'none failed' : `${number(fail)} failed`,
    );
    tile(
      'latency',
      'Latency, median',
      micros(p50),
      `p90 ${micros(p90)}, p99 ${micros(p99)}; ${period}`,
    );
    tile(
      'batch',
      'Mean batch',
      executions > 0 ? number(inferences / executions) : '–',
      `${number(executions)} batches since start`,
    );
    tile(
      'pending',
      'Queue depth',
      number(sum(snapshot, ({ pending }) => pending)),
      'requests that wait or run',
    );
    tile(
      'loop',
      'Event-loop p99',
      micros(snapshot.eventLoop.p99Ms * 1000),
      `longest ${micros(snapshot.eventLoop.maxMs * 1000)}`,
    );

    for (const [name, chart] of Object.entries(charts)) chart.update(points[name]);
    byId('mode').textContent = modes[snapshot.controlMode];
    byId('empty').hidden = snapshot.models.length > 0;
    table.update(snapshot, base, rateBase, selected, busy);
    const chosen = snapshot.models.find(
      (model) => statusModels.keyOf(model) === selected && model.served,
    );
    if (chosen) statusModels.detail(byId('detail'), snapshot, base, chosen);
    else byId('detail').hidden = true;
    showMemory(snapshot);
    byId('foot').textContent = `trt-node ${server.version}`;
  };

  // ---- what the reader does

  const choosePeriod = (value) => {
    recent = value;
    byId('period-all').setAttribute('aria-pressed', String(!value));
    byId('period-recent').setAttribute('aria-pressed', String(value));
    show();
  };
  byId('period-all').addEventListener('click', () => choosePeriod(false));
  byId('period-recent').addEventListener('click', () => choosePeriod(true));

  const themes = [
    ['', 'Auto', 'Colours: as the system has them'],
    ['light', 'Light', 'Colours: light'],
    ['dark', 'Dark', 'Colours: dark'],
  ];
  const applyTheme = (name) => {
    const [value, text, label] = themes.find(([each]) => each === name) ?? themes[0];
    if (value === '') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    byId('theme').textContent = text;
    byId('theme').setAttribute('aria-label', label);
    localStorage.setItem('trt-node-theme', value);
  };
  applyTheme(localStorage.getItem('trt-node-theme') ?? '');
  byId('theme').addEventListener('click', () => {
    const now = document.documentElement.dataset.theme ?? '';
    const at = themes.findIndex(([each]) => each === now);
    applyTheme(themes[(at + 1) % themes.length][0]);
  });

  byId('login').addEventListener('submit', (event) => {
    event.preventDefault();
    token = byId('token').value.trim();
    byId('token').value = '';
    sessionStorage.setItem('trt-node-token', token);
    void poll();
  });

  /** One request at a time; none while nobody looks. */
  const run = async () => {
    if (!document.hidden) await poll();
    setTimeout(() => void run(), periodMs);
  };
  void run();
})();
