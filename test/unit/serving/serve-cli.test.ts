// The flags of `trt-node serve`: what each becomes, and that none is silently ignored.

import { describe, expect, test } from 'vitest';
import { UsageError, parseFlags } from '../../../lib/cli/flags.js';
import { serveFlags } from '../../../lib/cli/serve-flags.js';
import { type ServePlan, servePlan } from '../../../lib/cli/serve-options.js';
import { modelTable } from '../../../lib/cli/serve-table.js';

function plan(...words: string[]): ServePlan {
  return servePlan(parseFlags(['--model-repository=models', ...words], serveFlags));
}

function usage(...words: string[]): string {
  try {
    plan(...words);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('expected wrong usage');
}

test('S2: tritonserver’s command line, with spaces, carries over', () => {
  const words = ['--http-port', '8100', '--grpc-port', '8101', '--metrics-port', '8102'];
  const { paths, serve } = plan(...words);
  expect(paths).toEqual(['models']);
  expect(serve.http).toMatchObject({ port: 8100, address: '0.0.0.0' });
  expect(serve.grpc).toMatchObject({ port: 8101, address: '0.0.0.0' });
  expect(serve.metrics).toMatchObject({ port: 8102, address: '0.0.0.0' });
});

test('--model-repository and --model-store may be repeated, and one is needed', () => {
  expect(plan('--model-store=more', '--model-repository', 'third').paths).toEqual([
    'models',
    'more',
    'third',
  ]);
  expect(() => servePlan(parseFlags([], serveFlags))).toThrow(
    '--model-repository must be specified',
  );
});

test('booleans in tritonserver’s words', () => {
  expect(plan('--strict-readiness=false').repository.strictReadiness).toBe(false);
  expect(plan('--exit-on-error', 'OFF').exitOnError).toBe(false);
  expect(plan('--allow-grpc=0').serve.grpc).toBe(false);
  expect(plan('--allow-http=1').serve.http).not.toBe(false);
  expect(usage('--strict-readiness=maybe')).toContain('needs true or false');
});

test('defaults are tritonserver’s', () => {
  const { repository, settings, exitOnError, exitTimeoutMs, exitOnDeviceLost } = plan();
  expect(repository).toMatchObject({ controlMode: 'none', autoComplete: true, loadModels: [] });
  expect(settings.log).toMatchObject({
    log_info: true,
    log_verbose_level: 0,
    log_format: 'default',
  });
  expect({ exitOnError, exitTimeoutMs, exitOnDeviceLost }).toEqual({
    exitOnError: true,
    exitTimeoutMs: 30_000,
    exitOnDeviceLost: false,
  });
});

test('model control: explicit with --load-model, which is wrong usage otherwise', () => {
  const { repository } = plan('--model-control-mode=explicit', '--load-model=a', '--load-model=b');
  expect(repository).toMatchObject({ controlMode: 'explicit', loadModels: ['a', 'b'] });
  expect(usage('--load-model=a')).toContain('--model-control-mode=explicit');
  expect(usage('--repository-poll-secs=3')).toContain('--model-control-mode=poll');
  expect(plan('--model-control-mode=POLL', '--repository-poll-secs=3').repository.pollSeconds).toBe(
    3,
  );
});

test('sizes, backends, cache, rate limiter and metrics', () => {
  const { repository, serve } = plan(
    '--memory-budget=8G',
    '--memory-full=lru',
    '--backend-config=tensorrt,plugins=a.so;b.so',
    '--cache-config=local,size=1048576',
    '--rate-limit=execution_count',
    '--rate-limit-resource=R1:4:0',
    '--rate-limit-resource=R2:2',
    '--metrics-config=summary_latencies=true',
    '--metrics-config=summary_quantiles=0.5:0.05,0.99:0.001',
    '--max-body-bytes=1M',
    '--model-load-thread-count=2',
  );
  expect(repository).toMatchObject({
    memoryBudgetBytes: 8 * 2 ** 30,
    unloadWhenFull: 'lru',
    loadThreads: 2,
    backendConfig: { tensorrt: { plugins: 'a.so;b.so' } },
    cache: { sizeBytes: 1_048_576 },
    rateLimit: 'execution_count',
    rateLimitResources: [
      { name: 'R1', count: 4, device: 0 },
      { name: 'R2', count: 2, device: undefined },
    ],
  });
  expect(serve.metrics).toMatchObject({ summaries: { latencies: true, quantiles: [0.5, 0.99] } });
  expect(serve.limits?.maxBodyBytes).toBe(2 ** 20);
  expect(plan('--response-cache-byte-size=5').repository.cache).toEqual({ sizeBytes: 5 });
});

test('traces: --trace-config, and its old names', () => {
  const trace = { file: 't.json', levels: ['TIMESTAMPS'], rate: 1, count: 10 };
  expect(
    plan(
      '--trace-config=triton,file=t.json',
      '--trace-config',
      'level=TIMESTAMPS',
      '--trace-config=rate=1',
      '--trace-count=10',
    ).settings.trace,
  ).toEqual(trace);
  expect(plan('--trace-level=OFF', '--trace-level=TENSORS').settings.trace).toEqual({ levels: [] });
  expect(usage('--trace-config=opentelemetry,url=x')).toContain('is not supported');
});

test('TLS and restricted APIs', () => {
  const files = ['--grpc-server-cert=c.pem', '--grpc-server-key=k.pem', '--grpc-root-cert=r.pem'];
  expect(plan('--grpc-use-ssl-mutual=true', ...files).serve.grpc).toMatchObject({
    tls: { certFile: 'c.pem', keyFile: 'k.pem', clientCaFile: 'r.pem' },
  });
  expect(usage(...files)).toContain('--grpc-use-ssl=true');
  expect(usage('--grpc-use-ssl=true')).toContain('--grpc-server-cert');
  expect(usage('--http-server-cert=c.pem')).toContain('--http-server-key');
  expect(plan('--http-restricted-api=model-repository,trace:admin=key').serve.http).toMatchObject({
    access: {
      restricted: [{ apis: ['model-repository', 'trace'], header: 'admin', value: 'key' }],
    },
  });
  expect(usage('--http-restricted-api=nothing:admin=key')).toContain('nothing');
  expect(usage('--disable-api=nothing')).toContain('unknown part of the API');
});

describe('what is malformed is refused, naming the form', () => {
  test.each([
    '--backend-config=plugins',
    '--cache-config=size=5',
    '--cache-config=redis,host=x',
    '--rate-limit-resource=R1',
    '--rate-limit-resource=R1:x',
    '--metrics-config=nothing',
    '--http-port=70000',
    '--memory-budget=lots',
    '--log-format=plain',
    '--model-control-mode=sometimes',
    '--trace-config=level=LOUD',
  ])('%s', (flag) => {
    expect(usage(flag)).toContain(flag.split('=')[0]!.slice(2).split('-')[0]!);
  });
});

describe('flags without effect', () => {
  const ignored = serveFlags.filter((flag) => flag.ignored !== undefined);
  const refused = serveFlags.filter((flag) => flag.unsupported !== undefined);

  test.each(ignored.map(({ name }) => name))('--%s is taken, and a warning says why', (name) => {
    const { warnings } = parseFlags([`--${name}=1`], serveFlags);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`--${name} is ignored: `);
  });

  test.each(refused.map(({ name }) => name))('--%s is refused by name', (name) => {
    expect(() => parseFlags([`--${name}=1`], serveFlags)).toThrow(
      `--${name} is tritonserver's and not supported here`,
    );
  });
});

test('the table breaks long reasons, and nothing in a name steers the terminal', () => {
  const row = {
    version: '1',
    platform: 'tensorrt_plan',
    instances: 2,
    deviceBytes: 272_629_760,
    hostBytes: 0,
  };
  const table = modelTable([
    { ...row, name: 'good', state: 'READY', reason: '' },
    { ...row, name: 'bad\u001b[2J', state: 'UNAVAILABLE', reason: `because ${'word '.repeat(40)}` },
  ]);
  expect(table).toContain('| good    | 1       | READY');
  expect(table).toContain('260 MiB');
  expect(table).toContain('| UNAVAILABLE |');
  expect(table).toContain('\nbad [2J version 1: because word word');
  expect(table).not.toContain('\u001b');
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});
