// benchmarks/serving: what the load generator sends, counts and reports, against servers whose answers are known.

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type ServerHttp2Stream, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

interface Lane {
  send(done: (outcome: string) => void): void;
  close(): void;
}
interface Loaded {
  seconds: number;
  latencies: Float64Array;
  refusals: Float64Array;
  outcomes: Record<string, number>;
  unsent?: number;
}
type OpenLanes = (job: object) => Promise<Lane[]>;
type Loop = (lanes: readonly Pick<Lane, 'send'>[], job: object) => Promise<Loaded>;

const load = async <T>(name: string): Promise<T> =>
  (await import(new URL(`../../../benchmarks/serving/${name}.mjs`, import.meta.url).href)) as T;
const { httpLanes } = await load<{ httpLanes: OpenLanes }>('http-lanes');
const { grpcLanes } = await load<{ grpcLanes: OpenLanes }>('grpc-lanes');
const { closedLoop, openLoop } = await load<{ closedLoop: Loop; openLoop: Loop }>('loops');
const { csv, serverParts, summarize } = await load<{
  csv(rows: object[]): string;
  serverParts(before: object, after: object): Record<string, number>;
  summarize(about: object, answers: Loaded[], server?: object): Record<string, unknown>;
}>('report');

async function listen(server: Server): Promise<{ host: string; port: number; model: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, model: 'mlp' };
}

const outcome = (lane: Lane): Promise<string> => new Promise((resolve) => lane.send(resolve));

test('HTTP: whole requests, answers in pieces, statuses, connections that break', async () => {
  const bodies: Buffer[] = [];
  const answers: ((message: IncomingMessage, response: ServerResponse) => void)[] = [
    (_, response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('12345');
      setTimeout(() => response.end('67890'), 20);
    },
    (_, response) => response.writeHead(503).end('{"error":"full"}'),
    (message) => message.socket.destroy(),
    (_, response) => response.end('ok'),
  ];
  const server = createServer((message, response) => {
    void buffer(message).then((body) => {
      bodies.push(body);
      answers.shift()?.(message, response);
    });
  });
  const [lane] = await httpLanes({ ...(await listen(server)), lanes: 1 });
  onTestFinished(() => lane!.close());
  expect(await outcome(lane!)).toBe('');
  expect(await outcome(lane!)).toBe('503');
  expect(await outcome(lane!)).toBe('closed');
  expect(await outcome(lane!)).toBe('');
  expect(bodies).toHaveLength(4);
  const json = bodies[0]!.subarray(0, bodies[0]!.length - 256).toString();
  expect(JSON.parse(json)).toMatchObject({ inputs: [{ name: 'x', shape: [1, 64] }] });
  expect(bodies[0]!.readFloatLE(bodies[0]!.length - 256)).toBe(-0.5);
});

test('gRPC: status in trailers, and in the headers of an answer that is nothing else', async () => {
  const sent: Buffer[] = [];
  const statuses = [
    (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    },
    (stream: ServerHttp2Stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '14' }, { endStream: true }),
  ];
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    void buffer(stream).then((body) => {
      sent.push(body);
      statuses.shift()?.(stream);
    });
  });
  const [lane] = await grpcLanes({ ...(await listen(server)), lanes: 1 });
  expect(await outcome(lane!)).toBe('');
  expect(await outcome(lane!)).toBe('grpc 14');
  lane!.close();
  expect(sent[0]!.readUInt32BE(1)).toBe(sent[0]!.length - 5);
  expect(sent[0]!.includes('mlp')).toBe(true);
});

/** A lane whose requests take so long, and end so. */
function lane(ms: number, ends = ''): Pick<Lane, 'send'> {
  return { send: (done) => void setTimeout(() => done(ends), ms) };
}

test('a closed loop has as many requests at a time as lanes; refusals are counted apart', async () => {
  const times = { warmupMs: 0, durationMs: 300 };
  const result = await closedLoop([lane(10), lane(10), lane(10, '503')], times);
  expect(result.latencies.length).toBeGreaterThan(10);
  expect(result.latencies.length).toBeLessThanOrEqual(60);
  expect(Math.min(...result.latencies)).toBeGreaterThan(8_000);
  expect(Object.keys(result.outcomes)).toEqual(['503']);
  expect(result.refusals.length).toBe(result.outcomes['503']);
});

test('an open loop counts latencies from when a request was due, and what it could not send', async () => {
  const times = { warmupMs: 0, durationMs: 400, rate: 200 };
  const enough = await openLoop(
    Array.from({ length: 50 }, () => lane(5)),
    times,
  );
  expect(enough.unsent).toBe(0);
  expect(enough.latencies.length).toBeGreaterThan(60);
  const tooFew = await openLoop([lane(100)], times);
  expect(tooFew.unsent).toBeGreaterThan(50);
});

test('the report: percentiles, the server’s own parts, perf_analyzer’s columns', () => {
  const stats = (count: number, ns: number): object => ({
    model_stats: [
      {
        inference_count: count * 2,
        execution_count: count / 2,
        inference_stats: Object.fromEntries(
          ['success', 'queue', 'compute_input', 'compute_infer', 'compute_output'].map((name) => [
            name,
            { count, ns },
          ]),
        ),
      },
    ],
  });
  const parts = serverParts(stats(10, 1e6), stats(110, 3e6));
  expect(parts).toMatchObject({ requests: 100, averageBatch: 4, queueUs: 20, requestUs: 20 });
  const latencies = Float64Array.from({ length: 100 }, (_, index) => index + 1);
  const answer = { seconds: 2, latencies, refusals: new Float64Array(), outcomes: {} };
  const row = summarize({ concurrency: 4 }, [answer, answer], parts);
  expect(row).toMatchObject({
    inferencesPerSecond: 100,
    latencyUs: { avg: 50.5, p50: 50, p99: 99 },
  });
  expect(csv([row])).toBe(
    'Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency\n' +
      '4,100,0,0,20,20,20,20,0,50,91,95,99\n',
  );
});
