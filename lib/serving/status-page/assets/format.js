// Numbers and times as people read them, and elements of the page. First part of the status page's script.
'use strict';

const statusFormat = (() => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

  /** 3 digits that count: 0.12, 1.23, 12.3, 123, 1 234. */
  const number = (value) => {
    if (!Number.isFinite(value)) return '–';
    const size = Math.abs(value);
    const digits = size === 0 || size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
    return value
      .toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
      .replaceAll(',', '\u202f');
  };

  const bytes = (value) => {
    let unit = 0;
    let rest = value;
    while (rest >= 1024 && unit < units.length - 1) {
      rest /= 1024;
      unit++;
    }
    return `${number(unit === 0 ? rest : Number(rest.toPrecision(3)))} ${units[unit]}`;
  };

  const micros = (us) => {
    if (us === undefined || !Number.isFinite(us)) return '–';
    if (us < 1000) return `${number(us < 10 ? us : Math.round(us))} µs`;
    return us < 1e6 ? `${number(us / 1000)} ms` : `${number(us / 1e6)} s`;
  };

  const duration = (seconds) => {
    const whole = Math.floor(seconds);
    const [days, hours, minutes] = [
      Math.floor(whole / 86400),
      Math.floor(whole / 3600) % 24,
      Math.floor(whole / 60) % 60,
    ];
    if (days > 0) return `${days} d ${hours} h`;
    if (hours > 0) return `${hours} h ${minutes} min`;
    return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
  };

  /** An element; text is always text, never HTML. */
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === false) continue;
      if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? '' : String(value));
    }
    made.append(...children.filter((child) => child !== undefined));
    return made;
  };

  /** The `q`th quantile of histogram counts in microseconds, as the server computes it. */
  const quantile = (bounds, counts, q) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return NaN;
    const rank = q * total;
    let seen = 0;
    for (let index = 0; index < counts.length; index++) {
      const here = counts[index];
      if (here > 0 && seen + here >= rank) {
        const from = index === 0 ? 0 : bounds[index - 1];
        const to = bounds[index] ?? from;
        return from + ((to - from) * Math.max(0, rank - seen)) / here;
      }
      seen += here;
    }
    return bounds.at(-1);
  };

  return { number, bytes, micros, duration, element, quantile };
})();
