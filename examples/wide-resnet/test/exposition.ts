// Prometheus' text format (version 0.0.4), read strictly: whatever Prometheus would refuse or take wrongly is an error.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Kind = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';
const kinds = new Set<string>(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"/;
const number = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;

function numberOf(text: string): number {
  if (!number.test(text)) throw new Error(`no number: ${text}`);
  return Number(text.replace(/Inf$/i, 'Infinity'));
}

function sampleOf(line: string): Sample {
  const name = metricName.exec(line)?.[0];
  if (name === undefined) throw new Error(`no metric's name: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const [all, key, value] = label.exec(rest) ?? [];
      if (all === undefined || key === undefined || value === undefined)
        throw new Error(`no label: ${line}`);
      if (key in labels) throw new Error(`label ${key} twice: ${line}`);
      labels[key] = value.replace(/\\(.)/g, (_, escaped: string) =>
        escaped === 'n' ? '\n' : escaped,
      );
      rest = rest.slice(all.length);
      if (rest.startsWith(',')) rest = rest.slice(1);
      else if (!rest.startsWith('}')) throw new Error(`neither , nor }: ${line}`);
    }
    rest = rest.slice(1);
  }
  const [value, timestamp, ...more] = rest.trim().split(/\s+/);
  if (
    value === undefined ||
    more.length > 0 ||
    (timestamp !== undefined && !/^-?\d+$/.test(timestamp))
  )
    throw new Error(`no value, or more than value and timestamp: ${line}`);
  return { name, labels, value: numberOf(value) };
}

/** The family a sample belongs to: `x_bucket` is part of the histogram x. */
function familyOf(name: string, types: ReadonlyMap<string, Kind>): string {
  const [, base, part] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const kind = base === undefined ? undefined : types.get(base);
  const isPart = kind === 'histogram' || (kind === 'summary' && part !== 'bucket');
  return base !== undefined && isPart ? base : name;
}

function checkHistogram(family: string, samples: readonly Sample[]): void {
  const series = new Map<string, { le: number; value: number }[]>();
  const counts = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (name === `${family}_count`) counts.set(key, value);
    if (name !== `${family}_bucket`) continue;
    if (le === undefined) throw new Error(`${name} without le`);
    const buckets = series.get(key) ?? [];
    series.set(key, [...buckets, { le: numberOf(le), value }]);
  }
  for (const [key, buckets] of series) {
    for (const [index, { le, value }] of buckets.entries()) {
      const previous = buckets[index - 1];
      if (previous !== undefined && (previous.le >= le || previous.value > value))
        throw new Error(`${family} ${key}: buckets do not grow`);
    }
    const last = buckets.at(-1);
    if (last?.le !== Infinity || last.value !== counts.get(key))
      throw new Error(`${family} ${key}: the bucket +Inf is not the count`);
  }
}

/** All samples of a scrape. @throws on the first thing that is wrong with it */
export function parseExposition(text: string): readonly Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const types = new Map<string, Kind>();
  const families = new Map<string, Sample[]>();
  const seen = new Set<string>();
  let current: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (word === 'TYPE') {
      if (!kinds.has(rest)) throw new Error(`no type: ${line}`);
      if (types.has(name) || families.has(name))
        throw new Error(`type too late, or twice: ${line}`);
      types.set(name, rest as Kind);
    }
    if (line === '' || line.startsWith('#')) continue;
    const sample = sampleOf(line);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    const family = familyOf(sample.name, types);
    if (family !== current && families.has(family))
      throw new Error(`${family} is not in one piece`);
    current = family;
    families.set(family, [...(families.get(family) ?? []), sample]);
    if (types.get(family) === 'counter' && !(sample.value >= 0))
      throw new Error(`below 0: ${line}`);
  }
  for (const [family, samples] of families)
    if (types.get(family) === 'histogram') checkHistogram(family, samples);
  return [...families.values()].flat();
}
