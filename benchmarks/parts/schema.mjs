// The result file's form (README.md explains the fields), and a validator for it.

export const schemaName = 'trt-node-benchmark/1';

const text = { type: 'string' };
const number = { type: 'number' };
const list = (items) => ({ type: 'array', items });
const object = (required, optional = {}, open = false) => ({
  type: 'object',
  required,
  optional,
  open,
});
const anything = { type: 'any' };
const record = { type: 'object', required: {}, optional: {}, open: true };
const orNull = (schema) => ({ ...schema, nullable: true });

const figuresOptional = {
  count: number,
  mean: number,
  min: number,
  max: number,
  p50: number,
  p95: number,
  p99: number,
  perSecond: number,
  heapBytesPerRun: number,
  externalBytesPerRun: number,
  nativeCallsPerRun: number,
  nativeBytesPerRun: number,
  collections: number,
};
const peer = object(
  {
    name: text,
    kind: text,
    config: record,
    rounds: list(object({}, { ...figuresOptional, seconds: number, runs: number }, true)),
    pooled: object({}, { ...figuresOptional, quantiles: list(number), runs: number }),
  },
  {
    against: text,
    error: text,
    versions: record,
    library: text,
    notes: list(text),
    outputs: record,
    difference: record,
    ratio: object(
      { against: text },
      {
        p50: number,
        p95: number,
        p99: number,
        mean: number,
        perSecond: number,
        spread: list(number),
      },
    ),
  },
);

const schema = object({
  schema: text,
  date: text,
  arguments: list(text),
  environment: object(
    { gpu: orNull(record), cpu: text, cores: number, kernel: text, node: text },
    {
      gpuBefore: orNull(record),
      loadAverage: list(number),
      memoryGiB: number,
      os: anything,
      glibc: anything,
      commit: anything,
    },
  ),
  settings: record,
  scenarios: list(
    object(
      { name: text, title: text, mode: text, model: text, shapes: record, peers: list(peer) },
      { reference: text, gpuAfterRounds: list(record) },
    ),
  ),
  targets: list(
    object(
      {
        scenario: text,
        peer: text,
        figure: text,
        limit: text,
        value: number,
        allowed: number,
        met: { type: 'boolean' },
      },
      { ratio: number },
    ),
  ),
});

const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

function check(value, expected, where, problems) {
  if (expected.type === 'any' || (expected.nullable && value === null)) return;
  if (typeOf(value) !== expected.type) {
    problems.push(`${where}: expected ${expected.type}, got ${typeOf(value)}`);
    return;
  }
  if (expected.type === 'array') {
    value.forEach((one, i) => {
      check(one, expected.items, `${where}[${i}]`, problems);
    });
  }
  if (expected.type !== 'object') return;
  const { required, optional, open } = expected;
  for (const [name, inner] of Object.entries(required)) {
    if (value[name] === undefined) problems.push(`${where}.${name} is missing`);
    else check(value[name], inner, `${where}.${name}`, problems);
  }
  for (const [name, one] of Object.entries(value)) {
    if (name in required || one === undefined) continue;
    if (name in optional) check(one, optional[name], `${where}.${name}`, problems);
    else if (!open) problems.push(`${where}.${name} is not in the schema`);
  }
}

/** What is wrong with a result, as lines; none when it is as the schema says. */
export function validate(result) {
  const problems = [];
  check(result, schema, 'result', problems);
  if (result?.schema !== undefined && result.schema !== schemaName) {
    problems.push(`result.schema: expected ${schemaName}, got ${result.schema}`);
  }
  for (const scenario of Array.isArray(result?.scenarios) ? result.scenarios : []) {
    const names = (scenario.peers ?? []).map((one) => one.name);
    if (new Set(names).size !== names.length) {
      problems.push(`scenario ${scenario.name}: two peers of one name`);
    }
  }
  return problems;
}
