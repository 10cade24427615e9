// The flags of `trt-node serve`: tritonserver's, and some of our own.

import { commonFlags, platformFlags } from './command.js';
import type { Flag } from './flags.js';

const bool = 'true|false';

const server: readonly Flag[] = [
  { name: 'id', aliases: ['server-id'], value: 'NAME', help: 'Name of this server' },
  {
    name: 'exit-timeout-secs',
    value: 'N',
    help: 'How long requests may take that run when the server is stopped (30)',
  },
  {
    name: 'exit-on-device-lost',
    value: bool,
    help: 'End with status 1 when a GPU is lost, for the orchestrator to start anew (false)',
  },
];

const logging: readonly Flag[] = [
  { name: 'log-verbose', value: 'N', help: 'Verbose log lines from level 1 on (0: none)' },
  { name: 'log-info', value: bool, help: 'Log lines of level info (true)' },
  { name: 'log-warning', value: bool, help: 'Warnings in the log (true)' },
  { name: 'log-error', value: bool, help: 'Errors in the log (true)' },
  { name: 'log-format', value: 'default|ISO8601', help: 'How log lines begin' },
  { name: 'log-file', value: 'FILE', help: 'Where the log goes (standard error)' },
];

const repository: readonly Flag[] = [
  {
    name: 'model-repository',
    aliases: ['model-store'],
    value: 'DIR',
    repeated: true,
    help: 'Folder of models; may be repeated',
  },
  {
    name: 'model-control-mode',
    value: 'none|explicit|poll',
    help: 'All models at the start (none), on request, or as the folders change',
  },
  { name: 'repository-poll-secs', value: 'N', help: 'Seconds between two looks, with poll (15)' },
  {
    name: 'load-model',
    value: 'NAME',
    repeated: true,
    help: 'Model to load at the start, with explicit; * is all; may be repeated',
  },
  {
    name: 'model-config-name',
    value: 'NAME',
    help: 'Use MODEL/configs/NAME.pbtxt where it is there',
  },
  {
    name: 'model-load-thread-count',
    value: 'N',
    help: 'Models that are loaded at the same time (4)',
  },
  { name: 'disable-auto-complete-config', help: 'Use configs as they are' },
  { name: 'strict-model-config', value: bool, help: 'The same, by its old name' },
  {
    name: 'strict-readiness',
    value: bool,
    help: 'Not ready while a model that should be loaded is not (true)',
  },
  { name: 'exit-on-error', value: bool, help: 'End when a model fails at the start (true)' },
  { name: 'memory-budget', value: 'BYTES', help: 'Device memory for all models; 8G is 8 GiB' },
  {
    name: 'memory-full',
    value: 'refuse|lru',
    help: 'Without room: refuse a model (refuse), or unload the one not used for longest',
  },
  { name: 'load-on-demand', value: bool, help: 'Load a model when a request names it (false)' },
  { name: 'pin-model', value: 'NAME', repeated: true, help: 'Never unload it to make room' },
  {
    name: 'max-queue-size',
    value: 'N',
    help: 'Waiting requests of a model without a bound (10000)',
  },
];

const http: readonly Flag[] = [
  { name: 'allow-http', value: bool, help: 'Listen for HTTP (true)' },
  { name: 'http-address', value: 'ADDRESS', help: 'Where (0.0.0.0)' },
  { name: 'http-port', value: 'PORT', help: 'Port of HTTP (8000); 0 is any that is free' },
  { name: 'http-server-cert', value: 'FILE', help: 'Certificate (PEM): HTTP is HTTPS' },
  { name: 'http-server-key', value: 'FILE', help: 'Its private key (PEM)' },
  {
    name: 'http-root-cert',
    value: 'FILE',
    help: 'Clients need a certificate that this one signed',
  },
  {
    name: 'http-header-forward-pattern',
    value: 'REGEX',
    help: 'Headers that become parameters of the request',
  },
  {
    name: 'http-restricted-api',
    value: 'API[,API]:KEY=VALUE',
    repeated: true,
    help: 'Parts of the API that need a header; may be repeated',
  },
  {
    name: 'http-allowed-origin',
    value: 'ORIGIN',
    repeated: true,
    help: 'Sites whose pages may send POST requests from a browser (none but the server’s own)',
  },
  {
    name: 'http-max-input-size',
    aliases: ['max-body-bytes'],
    value: 'BYTES',
    help: 'Largest request, of HTTP and gRPC (64M)',
  },
  { name: 'status-page', value: bool, help: 'The page at / (true)' },
];

const grpc: readonly Flag[] = [
  { name: 'allow-grpc', value: bool, help: 'Listen for gRPC (true)' },
  { name: 'grpc-address', value: 'ADDRESS', help: 'Where (0.0.0.0)' },
  { name: 'grpc-port', value: 'PORT', help: 'Port of gRPC (8001)' },
  { name: 'grpc-use-ssl', value: bool, help: 'TLS (false)' },
  { name: 'grpc-use-ssl-mutual', value: bool, help: 'TLS, and clients need certificates (false)' },
  { name: 'grpc-server-cert', value: 'FILE', help: 'Certificate (PEM)' },
  { name: 'grpc-server-key', value: 'FILE', help: 'Its private key (PEM)' },
  { name: 'grpc-root-cert', value: 'FILE', help: 'What clients’ certificates must be signed by' },
  {
    name: 'grpc-infer-response-compression-level',
    value: 'none|low|medium|high',
    help: 'Compression of answers (none)',
  },
  {
    name: 'grpc-restricted-protocol',
    value: 'API[,API]:KEY=VALUE',
    repeated: true,
    help: 'Parts of the API that need metadata triton-grpc-protocol-KEY; may be repeated',
  },
  {
    name: 'grpc-header-forward-pattern',
    value: 'REGEX',
    help: 'Metadata that become parameters of the request',
  },
  { name: 'grpc-keepalive-time', value: 'MS', help: 'Silence before a ping (7200000)' },
  { name: 'grpc-keepalive-timeout', value: 'MS', help: 'Wait for its answer (20000)' },
  { name: 'grpc-keepalive-permit-without-calls', value: bool, help: 'Also without calls (false)' },
  { name: 'grpc-http2-max-pings-without-data', value: 'N', help: 'Pings in a row (2)' },
  {
    name: 'grpc-http2-min-recv-ping-interval-without-data',
    value: 'MS',
    help: 'Clients may not ping more often (300000)',
  },
  { name: 'grpc-http2-max-ping-strikes', value: 'N', help: 'Pings too many before it closes (2)' },
  { name: 'grpc-max-connection-age', value: 'MS', help: 'Close connections after (never)' },
  { name: 'grpc-max-connection-age-grace', value: 'MS', help: 'How long calls then go on' },
];

const metrics: readonly Flag[] = [
  { name: 'allow-metrics', value: bool, help: 'Listen for Prometheus (true)' },
  { name: 'metrics-address', value: 'ADDRESS', help: 'Where (as --http-address)' },
  { name: 'metrics-port', value: 'PORT', help: 'Port of the metrics (8002)' },
  { name: 'allow-gpu-metrics', value: bool, help: 'Metrics of GPUs (true)' },
  { name: 'allow-cpu-metrics', value: bool, help: 'Metrics of CPU and memory (true)' },
  { name: 'metrics-interval-ms', value: 'MS', help: 'How often devices are asked (2000)' },
  {
    name: 'metrics-config',
    value: 'NAME=VALUE',
    repeated: true,
    help: 'For example summary_latencies=true; may be repeated',
  },
];

const access: readonly Flag[] = [
  {
    name: 'token-file',
    value: 'FILE',
    help: 'Bearer tokens, one a line: who has none is let in only to --open-api',
  },
  {
    name: 'open-api',
    value: 'API[,API]',
    help: 'Parts of the API that need no token (health)',
  },
  {
    name: 'disable-api',
    value: 'API[,API]',
    help: 'Parts of the API that are off: model-repository, shared-memory, logging, trace, …',
  },
  {
    name: 'shared-memory',
    value: 'off|system|cuda|all',
    help: 'Which shared memory clients may register (all)',
  },
  { name: 'max-connections', value: 'N', help: 'Connections at the same time (10000)' },
  { name: 'max-concurrent-requests', value: 'N', help: 'Requests at the same time (10000)' },
];

const tracing: readonly Flag[] = [
  {
    name: 'trace-config',
    value: '[triton,]NAME=VALUE',
    repeated: true,
    help: 'level, rate, count; triton,file and triton,log-frequency; may be repeated',
  },
  { name: 'trace-file', value: 'FILE', help: '--trace-config triton,file=FILE, by its old name' },
  { name: 'trace-level', value: 'LEVEL', repeated: true, help: '--trace-config level=LEVEL' },
  { name: 'trace-rate', value: 'N', help: '--trace-config rate=N' },
  { name: 'trace-count', value: 'N', help: '--trace-config count=N' },
  { name: 'trace-log-frequency', value: 'N', help: '--trace-config triton,log-frequency=N' },
];

const models: readonly Flag[] = [
  {
    name: 'backend-config',
    value: 'BACKEND,NAME=VALUE',
    repeated: true,
    help: 'Setting of a backend, for example tensorrt,plugins=a.so; may be repeated',
  },
  {
    name: 'cache-config',
    value: 'local,size=BYTES',
    repeated: true,
    help: 'Response cache, for models that ask for it',
  },
  { name: 'response-cache-byte-size', value: 'BYTES', help: 'The same, by its old name' },
  { name: 'rate-limit', value: 'off|execution_count', help: 'Rate limiter (off)' },
  {
    name: 'rate-limit-resource',
    value: 'NAME:COUNT[:DEVICE]',
    repeated: true,
    help: 'A resource that there is; may be repeated',
  },
];

/** They are taken, do nothing, and say so. */
function ignored(reason: string, flags: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(flags).map(([name, value]) => ({
    name,
    value,
    repeated: true,
    ignored: reason,
  }));
}

/** They are refused. */
function unsupported(instead: string, names: readonly string[]): Flag[] {
  return names.map((name) => ({
    name,
    value: 'VALUE',
    unsupported: instead,
    tool: 'tritonserver',
  }));
}

const without: readonly Flag[] = [
  ...ignored('one event loop serves all connections; models compute in threads of their own', {
    'http-thread-count': 'N',
    'grpc-infer-thread-count': 'N',
    'grpc-infer-allocation-pool-size': 'N',
    'grpc-max-response-pool-size': 'N',
    'buffer-manager-thread-count': 'N',
  }),
  ...ignored('ports are not shared; put a load balancer before several servers', {
    'reuse-http-port': bool,
    'reuse-grpc-port': bool,
  }),
  ...ignored(
    'a model that cannot be loaded fails at once; load it again when its cause is mended',
    {
      'model-load-retry-count': 'N',
    },
  ),
  ...ignored('each model has the pinned and device memory that it needs, and no pool', {
    'pinned-memory-pool-byte-size': 'BYTES',
    'cuda-memory-pool-byte-size': 'DEVICE:BYTES',
    'cuda-virtual-address-size': 'DEVICE:BYTES',
  }),
  ...ignored('TensorRT says itself which GPUs a plan runs on', {
    'min-supported-compute-capability': 'VERSION',
  }),
  ...ignored('backends and caches are part of trt-node; no shared libraries of Triton are loaded', {
    'backend-directory': 'DIR',
    'cache-directory': 'DIR',
    'repoagent-directory': 'DIR',
  }),
  ...ignored('start the process with numactl or taskset instead', {
    'host-policy': 'POLICY,NAME=VALUE',
  }),
  ...unsupported('Limit device memory with --memory-budget=BYTES.', ['model-load-gpu-limit']),
  ...unsupported('Give every model a name of its own.', ['model-namespacing']),
  ...unsupported('Use HTTP: a proxy can map its paths to /v2/models/NAME/infer.', [
    'allow-sagemaker',
    'sagemaker-port',
    'sagemaker-safe-port-range',
    'sagemaker-thread-count',
    'allow-vertex-ai',
    'vertex-ai-port',
    'vertex-ai-thread-count',
    'vertex-ai-default-model',
  ]),
];

/** All of them. */
export const serveFlags: readonly Flag[] = [
  ...repository,
  ...http,
  ...grpc,
  ...metrics,
  ...access,
  ...server,
  ...logging,
  ...models,
  ...tracing,
  ...without,
  ...platformFlags.filter(({ name }) => name !== 'device'),
  ...commonFlags,
];
