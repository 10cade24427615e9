// The scenarios on a GPU: which model at which shapes, and which peers run it.
// A scenario: { name, set, title, model, mode, shapes, onnx, plan, reference, peers, iterations?, rounds?, roundMs? }; a peer: { name, kind,
// config, against? }. `mode` is latency, throughput, load, event-loop or allocations; a peer's config.mode is its own word for it.

const cpp = (name, config = {}, more = {}) => ({ name, kind: 'cpp', config, ...more });
const node = (name, config, more = {}) => ({ name, kind: 'trt-node', config, ...more });
const python = (name, config = {}) => ({
  name,
  kind: 'tensorrt',
  config: { mode: 'latency', ...config },
});

const streamsName = (count) => `C++, ${count} stream${count > 1 ? 's' : ''}`;

/** The same in every latency comparison on a GPU: raw, ours, NVIDIA's Python API. */
const latencyPeers = () => [
  cpp('C++'),
  cpp('C++, arrays', { copy: true }),
  cpp('C++, enqueueV3 without graph', { graph: false }),
  node('trt-node runSync', { mode: 'sync' }),
  node('trt-node runSync, arrays', { mode: 'sync', memory: 'array' }, { against: 'C++, arrays' }),
  node('trt-node await run', { mode: 'async' }),
  node('trt-node await run, spin', { mode: 'async', completion: 'spin' }),
  node(
    'trt-node await run, arrays',
    { mode: 'async', memory: 'array' },
    { against: 'C++, arrays' },
  ),
  python('TensorRT Python'),
  python('TensorRT Python, torch graph', { graph: true }),
];

/** The frameworks: PyTorch and ONNX Runtime, on the GPU and on the CPU. */
function frameworkPeers(model, output, { gpuPrecision, cpu = true }) {
  const torch = (name, config) => ({
    name,
    kind: 'pytorch',
    config: { mode: 'latency', model, output, ...config },
  });
  const gpu = { device: 'cuda', precision: gpuPrecision };
  return [
    torch('PyTorch eager', gpu),
    torch('PyTorch compiled', { ...gpu, compile: 'reduce-overhead' }),
    {
      name: 'ONNX Runtime CUDA',
      kind: 'onnxruntime',
      config: { mode: 'latency', provider: 'CUDAExecutionProvider' },
    },
    ...(cpu
      ? [
          torch('PyTorch eager, CPU', { device: 'cpu', precision: 'fp32' }),
          { name: 'ONNX Runtime CPU', kind: 'onnxruntime', config: { mode: 'latency' } },
          { name: 'onnxruntime-node CPU', kind: 'onnxruntime-node', config: { mode: 'async' } },
        ]
      : []),
  ];
}

const waits = [
  ['sync', 'cuStreamSynchronize'],
  ['query', 'cuStreamQuery, spinning'],
  ['event', 'cuEventQuery, spinning'],
  ['event-external', 'cuEventQuery of the graph’s own event'],
  ['flag-memop', 'flag, stream write in the graph'],
  ['flag-memset', 'flag, memset node'],
  ['flag-memcpy', 'flag, copy node'],
  ['hostfunc', 'host function'],
  ['blocking', 'event that sleeps'],
];

function mlp({ onnx, plans }) {
  const common = {
    set: 'mlp',
    model: 'mlp',
    shapes: { x: [8, 64] },
    reference: 'C++',
    onnx: onnx('mlp'),
    plan: plans('mlp'),
  };
  const streams = (count) => cpp(streamsName(count), { mode: 'throughput', inFlight: count });
  const flight = (count, config = {}, suffix = '') =>
    node(
      `trt-node run, ${count} in flight${suffix}`,
      { mode: 'flight', inFlight: count, ...config },
      { against: streamsName(count) },
    );
  return [
    {
      ...common,
      name: 'mlp-latency',
      title: 'mlp, batch 8: one inference at a time, from pinned memory and back',
      mode: 'latency',
      peers: [...latencyPeers(), ...frameworkPeers('mlp', 'y', { gpuPrecision: 'fp32' })],
    },
    {
      ...common,
      name: 'mlp-throughput',
      title: 'mlp, batch 8: inferences a second, several in flight',
      mode: 'throughput',
      reference: 'C++, 16 streams',
      peers: [
        ...[1, 2, 4, 8, 16].map(streams),
        cpp('C++, 16 streams, flags', { mode: 'throughput', inFlight: 16, wait: 'flag-memop' }),
        ...[1, 4, 16].map((count) => flight(count)),
        flight(16, { completion: 'spin' }, ', spin'),
        flight(16, { memory: 'array' }, ', arrays'),
        node('trt-node runMany, 16 instances', { mode: 'many', inFlight: 16 }),
        node(
          'trt-node runMany, 4 instances',
          { mode: 'many', inFlight: 4 },
          { against: 'C++, 4 streams' },
        ),
      ],
    },
    {
      ...common,
      name: 'mlp-completion',
      title:
        'mlp, batch 8: ways to learn that the device is done, in C++ and of trt-node’s await run',
      mode: 'latency',
      reference: 'C++: cuStreamSynchronize',
      peers: [
        ...waits.map(([wait, name]) => cpp(`C++: ${name}`, { mode: 'latency', wait })),
        ...['spin', 'adaptive', 'block'].map((completion) =>
          node(`await run, completion: '${completion}'`, { mode: 'async', completion }),
        ),
      ],
    },
  ];
}

function resnet50({ onnx, plans }) {
  const common = { set: 'resnet50', model: 'resnet50', reference: 'C++', onnx: onnx('resnet50') };
  const batch = (n, plan, cpu) => ({
    ...common,
    plan: plans(plan),
    name: `resnet50-b${n}`,
    title: `ResNet-50 FP16, batch ${n}: one inference at a time`,
    mode: 'latency',
    shapes: { input: [n, 3, 224, 224] },
    peers: [
      ...latencyPeers(),
      ...frameworkPeers('resnet50', 'output', { gpuPrecision: 'fp16', cpu }),
    ],
  });
  return [
    batch(1, 'resnet50-b1', true),
    batch(8, 'resnet50', true),
    batch(32, 'resnet50', false),
    {
      ...common,
      plan: plans('resnet50-b1'),
      name: 'resnet50-throughput',
      title: 'ResNet-50 FP16, batch 1: inferences a second, several in flight',
      mode: 'throughput',
      shapes: { input: [1, 3, 224, 224] },
      reference: 'C++, 1 stream',
      peers: [1, 2, 4, 8].flatMap((count) => {
        const name = streamsName(count);
        return [
          cpp(name, { mode: 'throughput', inFlight: count }),
          node(
            `trt-node run, ${count} in flight`,
            { mode: 'flight', inFlight: count },
            { against: name },
          ),
          node(
            `trt-node runMany, ${count} instances`,
            { mode: 'many', many: 64, inFlight: count },
            { against: name },
          ),
        ];
      }),
    },
  ];
}

function encoder({ onnx, plans }) {
  const bad = { plan: plans('encoder-s3') };
  return [
    {
      set: 'encoder',
      name: 'encoder-200',
      title: 'BERT-base-sized encoder, 1 × 200 tokens, 500 loops (5 rounds of 100)',
      model: 'encoder',
      mode: 'latency',
      shapes: { input_ids: [1, 200], attention_mask: [1, 200] },
      reference: 'C++',
      onnx: onnx('encoder'),
      plan: plans('encoder'),
      rounds: 5,
      iterations: 100,
      peers: [
        ...latencyPeers(),
        cpp('C++, profile of S3 (opt 20 × 512)', bad),
        node('trt-node runSync, profile of S3 (opt 20 × 512)', { mode: 'sync', ...bad }),
        ...frameworkPeers('encoder', 'logits', { gpuPrecision: 'fp16' }),
        {
          name: 'PyTorch eager, FP32',
          kind: 'pytorch',
          config: {
            mode: 'latency',
            model: 'encoder',
            output: 'logits',
            device: 'cuda',
            precision: 'fp32',
          },
        },
      ],
    },
  ];
}

function loads({ plans }) {
  return [
    ['mlp', 'mlp', { x: [8, 64] }],
    ['resnet50', 'resnet50-b1', { input: [1, 3, 224, 224] }],
    ['encoder', 'encoder', { input_ids: [1, 200], attention_mask: [1, 200] }],
  ].map(([model, plan, shapes]) => ({
    set: 'load',
    name: `load-${model}`,
    title: `Loading the plan of ${model} from its file`,
    model,
    mode: 'load',
    shapes,
    plan: plans(plan),
    reference: 'C++, read + deserialize',
    rounds: 6,
    iterations: 5,
    roundWarmupMs: 0,
    peers: [
      cpp('C++, read + deserialize', { mode: 'load-read', warmupMs: 0 }),
      cpp('C++, mmap + deserialize', { mode: 'load-mmap', warmupMs: 0 }),
      cpp('C++, read + deserialize + context, graph and first run', {
        mode: 'load-ready',
        warmupMs: 0,
      }),
      node('trt-node Session.load', { mode: 'load', warmupMs: 0 }),
      {
        name: 'TensorRT Python, read + deserialize',
        kind: 'tensorrt',
        config: { mode: 'load', warmupMs: 0 },
      },
    ],
  }));
}

function eventLoop({ plans }) {
  const peers = (count, many = 64) => [
    node('idle', { mode: 'event-loop', work: 'idle', inFlight: 1 }),
    node(`run, ${count} in flight`, { mode: 'event-loop', work: 'flight', inFlight: count }),
    node('runMany', { mode: 'event-loop', work: 'many', inFlight: count, many }),
  ];
  const common = {
    set: 'event-loop',
    mode: 'event-loop',
    reference: 'idle',
    rounds: 3,
    roundMs: 1000,
  };
  return [
    {
      ...common,
      name: 'event-loop-mlp',
      title: 'The event loop’s delay while tiny inferences run, 16 in flight',
      model: 'mlp',
      shapes: { x: [8, 64] },
      plan: plans('mlp'),
      peers: peers(16),
    },
    {
      ...common,
      name: 'event-loop-saturated',
      title: 'The event loop’s delay while the GPU is saturated: slow, n = 2048, 4 in flight',
      model: 'slow',
      shapes: { x: [2048, 2048] },
      plan: plans('slow'),
      peers: peers(4, 8),
    },
    {
      ...common,
      name: 'event-loop-resnet50',
      title:
        'The event loop’s delay while the GPU is saturated: ResNet-50 FP16, batch 8, 4 in flight',
      model: 'resnet50',
      shapes: { input: [8, 3, 224, 224] },
      plan: plans('resnet50'),
      peers: peers(4),
    },
  ];
}

function allocations({ plans }) {
  const ours = (name, way, config = {}) =>
    node(name, { mode: 'allocations', way, warmupMs: 0, ...config });
  return [
    {
      set: 'allocations',
      name: 'allocations',
      title: 'mlp, batch 8: bytes allocated a run in steady state, inputs pinned, outputs reused',
      model: 'mlp',
      mode: 'allocations',
      shapes: { x: [8, 64] },
      plan: plans('mlp'),
      rounds: 3,
      iterations: 20_000,
      roundWarmupMs: 0,
      peers: [
        cpp('C++', { mode: 'latency' }),
        ours('trt-node runSync', 'sync'),
        ours('trt-node await run', 'async'),
        ours('trt-node run, 16 in flight', 'flight', { inFlight: 16 }),
        ours('trt-node runMany, 16 instances', 'many', { inFlight: 16 }),
      ],
    },
  ];
}

/** All scenarios; `files.onnx(model)` and `files.plans(name)` give paths. */
export const gpuScenarios = (files) =>
  [mlp, resnet50, encoder, loads, eventLoop, allocations].flatMap((one) => one(files));
