// The scenarios without a GPU: trt-node on its CPU reference runtime beside onnxruntime-node, the same ONNX Runtime below both, one
// thread each. They say nothing of TensorRT, but show what our layer adds to a call and who keeps the event loop free.

const node = (name, config) => ({ name, kind: 'trt-node', config });
const ort = (name, config) => ({
  name,
  kind: 'onnxruntime-node',
  config: { threads: 1, ...config },
});

const models = {
  mlp: { shapes: { x: [8, 64] }, title: 'mlp, batch 8 (microseconds of work)' },
  lane: {
    shapes: { input: [1, 3, 360, 640] },
    title: 'lane detection, batch 1 (milliseconds of work)',
  },
};

export function cpuScenarios({ onnx, plans }) {
  const latency = Object.entries(models).map(([model, { shapes, title }]) => ({
    set: 'cpu',
    name: `cpu-layer-${model}`,
    title: `${title}: one call at a time, ordinary arrays, outputs reused`,
    model,
    mode: 'latency',
    shapes,
    onnx: onnx(model),
    plan: plans(model),
    reference: 'onnxruntime-node',
    peers: [
      ort('onnxruntime-node', { mode: 'async' }),
      {
        name: 'C++ on the reference runtime',
        kind: 'cpp',
        config: { mode: 'latency', copy: true },
      },
      node('trt-node runSync', { mode: 'sync', memory: 'array' }),
      node('trt-node await run', { mode: 'async', memory: 'array' }),
    ],
  }));
  const { shapes } = models.lane;
  return [
    ...latency,
    {
      set: 'cpu',
      name: 'cpu-event-loop',
      title: 'The event loop’s delay while lane detection runs, one in flight all the time',
      model: 'lane',
      mode: 'event-loop',
      shapes,
      onnx: onnx('lane'),
      plan: plans('lane'),
      reference: 'nothing runs',
      peers: [
        node('nothing runs', { mode: 'event-loop', work: 'idle', memory: 'array' }),
        node('trt-node run', { mode: 'event-loop', work: 'flight', memory: 'array' }),
        ort('onnxruntime-node run', { mode: 'event-loop' }),
      ],
    },
  ];
}
