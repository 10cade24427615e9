// The drawn graph's page: pan, zoom, search, details. Text reaches the page through textContent only.
(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const svg = document.getElementById('graph');
  const view = document.getElementById('view');
  const panel = document.getElementById('details');
  const box = { width: 236, height: 58 };
  const boxes = new Map();
  for (const element of view.querySelectorAll('.n')) boxes.set(Number(element.dataset.id), element);
  const arrows = [...view.querySelectorAll('.a')];
  let [scale, x, y] = [1, 0, 0];

  function show() {
    view.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);
    svg.classList.toggle('far', scale < 0.32);
  }
  function zoom(factor, atX, atY) {
    const next = Math.min(4, Math.max(0.01, scale * factor));
    x = atX - ((atX - x) * next) / scale;
    y = atY - ((atY - y) * next) / scale;
    scale = next;
    show();
  }
  function middle() {
    const { width, height } = svg.getBoundingClientRect();
    return [width / 2, height / 2];
  }
  function fit(least) {
    const { width, height } = svg.getBoundingClientRect();
    const whole = Math.min((width - 48) / data.width, (height - 48) / data.height, 1.2);
    scale = Math.max(whole, least);
    x = (width - data.width * scale) / 2;
    y = data.height * scale > height ? 24 : (height - data.height * scale) / 2;
    if (data.width * scale > width && data.boxes.length > 0) {
      x = width / 2 - (data.boxes[0][0] + box.width / 2) * scale;
    }
    show();
  }
  function centre(id) {
    const place = data.boxes[id];
    if (place === undefined) return;
    const [halfWidth, halfHeight] = middle();
    scale = Math.max(scale, 0.8);
    x = halfWidth - (place[0] + box.width / 2) * scale;
    y = halfHeight - (place[1] + box.height / 2) * scale;
    show();
  }

  function add(parent, tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className !== undefined) element.className = className;
    parent.append(element);
    return element;
  }
  function neighbours(heading, edges, end) {
    if (edges.length === 0) return;
    add(panel.querySelector('dl'), 'dt', heading);
    const list = add(panel.querySelector('dl'), 'dd');
    for (const edge of edges.slice(0, 50)) {
      const node = data.nodes[edge[end]];
      const button = add(list, 'button', `${node.title}: ${node.name}`, 'link');
      button.type = 'button';
      button.title = edge[2].join('\n');
      button.addEventListener('click', () => choose(edge[end], true));
    }
  }
  function choose(id, move) {
    for (const element of view.querySelectorAll('.chosen, .near')) {
      element.classList.remove('chosen', 'near');
    }
    panel.hidden = id === undefined;
    svg.classList.toggle('some', id !== undefined || view.querySelector('.hit') !== null);
    if (id === undefined) return;
    boxes.get(id).classList.add('chosen');
    for (const arrow of arrows) {
      const [from, to] = [Number(arrow.dataset.from), Number(arrow.dataset.to)];
      if (from !== id && to !== id) continue;
      arrow.classList.add('near');
      boxes.get(from === id ? to : from).classList.add('near');
    }
    const node = data.nodes[id];
    panel.replaceChildren();
    const close = add(panel, 'button', '×', 'close');
    close.type = 'button';
    close.title = 'Close (Esc)';
    close.addEventListener('click', () => choose());
    add(panel, 'h2', node.title);
    add(panel, 'p', node.name, 'name');
    const list = add(panel, 'dl');
    for (const [heading, text] of node.details) {
      add(list, 'dt', heading);
      add(list, 'dd', text);
    }
    neighbours(
      'From',
      data.edges.filter(([, to]) => to === id),
      0,
    );
    neighbours(
      'To',
      data.edges.filter(([from]) => from === id),
      1,
    );
    if (move) centre(id);
  }

  // Dragging, and pinching with two fingers.
  const pointers = new Map();
  let moved = false;
  svg.addEventListener('pointerdown', (event) => {
    pointers.set(event.pointerId, event);
    moved = false;
  });
  svg.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    if (other !== undefined) {
      const length = (pointer) =>
        Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      const { left, top } = svg.getBoundingClientRect();
      if (length(before) > 0)
        zoom(length(event) / length(before), other.clientX - left, other.clientY - top);
    } else {
      const [byX, byY] = [event.clientX - before.clientX, event.clientY - before.clientY];
      if (!moved && Math.hypot(byX, byY) < 4) return;
      x += byX;
      y += byY;
      show();
    }
    if (!moved) svg.setPointerCapture(event.pointerId);
    moved = true;
    svg.classList.add('drag');
    pointers.set(event.pointerId, event);
  });
  for (const name of ['pointerup', 'pointercancel']) {
    svg.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      svg.classList.remove('drag');
    });
  }
  svg.addEventListener('click', (event) => {
    if (moved) return;
    const element = event.target.closest('.n');
    choose(element === null ? undefined : Number(element.dataset.id), false);
  });
  svg.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { left, top } = svg.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 18 : 1;
      zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - left, event.clientY - top);
    },
    { passive: false },
  );

  // Search: all words must be in what is known of a node.
  const words = document.getElementById('words');
  const found = document.getElementById('found');
  const texts = data.nodes.map(({ title, name, details }) =>
    [title, name, ...details.map(([, text]) => text)].join('\n').toLowerCase(),
  );
  let hits = [];
  let current = -1;
  function search() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    hits =
      wanted.length === 0
        ? []
        : [...texts.keys()].filter((id) => wanted.every((word) => texts[id].includes(word)));
    current = -1;
    const marked = new Set(hits);
    for (const [id, element] of boxes) element.classList.toggle('hit', marked.has(id));
    svg.classList.toggle('some', hits.length > 0 || !panel.hidden);
    found.textContent = wanted.length === 0 ? '' : String(hits.length);
  }
  words.addEventListener('input', search);
  document.getElementById('search').addEventListener('submit', (event) => {
    event.preventDefault();
    if (hits.length === 0) return;
    current = (current + 1) % hits.length;
    found.textContent = `${current + 1} / ${hits.length}`;
    choose(hits[current], true);
  });
  document.getElementById('fit').addEventListener('click', () => fit(0));
  document.getElementById('in').addEventListener('click', () => zoom(1.4, ...middle()));
  document.getElementById('out').addEventListener('click', () => zoom(1 / 1.4, ...middle()));
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') choose();
    if (event.target === words || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '0') fit(0);
    else if (event.key === '+' || event.key === '=') zoom(1.4, ...middle());
    else if (event.key === '-') zoom(1 / 1.4, ...middle());
    else if (event.key === '/') {
      words.focus();
      event.preventDefault();
    }
  });
  // All of it, if that can be read; else its beginning.
  fit(0.6);
})();
