// The child of serving-doors-memory.test.ts: node --expose-gc serving-doors-memory.cjs REPOSITORY. Prints memory in MiB, and what was left over, as JSON.
const http2 = require('node:http2');
const { request, Agent } = require('node:http');
const { serve } = require('trt-node');

const [folder] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const json = Buffer.from(
  JSON.stringify({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [1, 64], parameters: { binary_data_size: 256 } },
    ],
    outputs: [{ name: 'y', parameters: { binary_data: true } }],
  }),
);
const good = Buffer.concat([json, Buffer.alloc(256)]);

/** The n-th request: most are good, some wrong, some given up. Resolves to its status; 0: given up. */
function overHttp(port, n) {
  const kind = n % 10;
  const body = kind === 7 ? good.subarray(0, good.length - 1) : good;
  return new Promise((resolve) => {
    const call = request(
      {
        port,
        agent,
        method: 'POST',
        path: `/v2/models/${kind === 8 ? 'unknown' : 'mlp'}/infer`,
        headers: {
          'inference-header-content-length': json.length,
          'content-length': body.length,
        },
      },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      },
    );
    call.on('error', () => resolve(0));
    call.end(body, () => {
      if (kind === 9) call.destroy();
    });
  });
}

const field = (number, bytes) =>
  Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
const text = (number, value) => field(number, Buffer.from(value));
function message(model) {
  const input = Buffer.concat([text(1, 'x'), text(2, 'FP32'), field(3, Buffer.from([1, 64]))]);
  const raw = Buffer.concat([Buffer.from([58, 0x80, 2]), Buffer.alloc(256)]);
  const body = Buffer.concat([text(1, model), field(5, input), raw]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}
const messages = { mlp: message('mlp'), unknown: message('unknown') };

function overGrpc(session, n) {
  const kind = n % 10;
  return new Promise((resolve) => {
    let status = 0;
    const stream = session.request({
      ':method': 'POST',
      ':path': '/inference.GRPCInferenceService/ModelInfer',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const seen = (headers) => {
      if (headers['grpc-status'] !== undefined) status = headers['grpc-status'] === '0' ? 200 : 400;
    };
    stream.on('response', seen);
    stream.on('trailers', seen);
    stream.on('error', () => {});
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.end(kind === 8 ? messages.unknown : messages.mlp);
    // Not so many that the server takes it for an attack (rapid reset) and closes the connection.
    if (n % 50 === 9) setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL));
  });
}

async function used() {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const mib = (bytes) => Math.round(bytes / 2 ** 20);
  return { heap: mib(heapUsed), external: mib(external + arrayBuffers) };
}

async function run() {
  const server = await serve(folder, {
    repository: { runtime: 'reference' },
    http: { port: 0 },
    grpc: { port: 0 },
    metrics: false,
    settings: { log: { log_error: false, log_info: false } },
  });
  const session = http2.connect(`http://127.0.0.1:${server.ports.grpc}`);
  const statuses = { 0: 0, 200: 0, 400: 0, 404: 0 };
  const many = async (count) => {
    let left = count;
    const caller = async () => {
      while (left > 0) {
        const n = left--;
        statuses[await overHttp(server.ports.http, n)]++;
        statuses[await overGrpc(session, n)]++;
      }
    };
    await Promise.all(Array.from({ length: 32 }, caller));
  };
  await many(3_000);
  const before = await used();
  await many(15_000);
  const after = await used();
  const { pending } = server.repository.model('mlp');
  session.close();
  agent.destroy();
  await server.close({ graceMs: 1000 });
  return { before, after, statuses, pending };
}

run().then((result) => {
  console.log(JSON.stringify(result));
});
