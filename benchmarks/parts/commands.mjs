// How each kind of peer is started: from a peer of a scenario to a command line.
import path from 'node:path';

const peers = new URL('../peers/', import.meta.url).pathname;

const shapesFlag = (shapes) =>
  `--shapes=${Object.entries(shapes)
    .map(([name, shape]) => `${name}:${shape.join('x')}`)
    .join()}`;

/** `settings`: runtime, reference { library, onnxruntime }, cpp, python, mallocCount, mallocFile, warmupMs. */
export function commandOf(peer, scenario, settings) {
  const config = {
    ...peer.config,
    mode: peer.config?.mode ?? scenario.mode,
    shapes: scenario.shapes,
    onnx: scenario.onnx,
    plan: peer.config?.plan ?? scenario.plan,
    warmupMs: peer.config?.warmupMs ?? settings.warmupMs,
  };
  const reference = settings.runtime === 'reference';
  const counting = scenario.mode === 'allocations' && settings.mallocCount !== undefined;
  const env = {
    ...(reference && { TRT_NODE_REFERENCE_THREADS: '1' }),
    ...(counting && {
      LD_PRELOAD: settings.mallocCount,
      TRT_NODE_MALLOC_COUNT: `${settings.mallocFile}-${peer.name.replaceAll(/\W+/g, '-')}`,
    }),
  };
  const json = JSON.stringify({ ...config, ...(reference && { runtime: 'reference' }) });
  switch (peer.kind) {
    case 'cpp':
      return {
        command: settings.cpp,
        args: [
          config.plan,
          '--serve',
          shapesFlag(config.shapes),
          `--mode=${config.mode}`,
          `--wait=${config.wait ?? 'sync'}`,
          `--graph=${config.graph === false ? 0 : 1}`,
          `--copy=${config.copy === true ? 1 : 0}`,
          `--streams=${config.inFlight ?? 1}`,
          `--profile=${config.profile ?? 0}`,
          `--warmup-ms=${config.warmupMs}`,
          ...(reference
            ? [
                '--runtime=reference',
                `--library=${settings.reference.library}`,
                `--onnxruntime=${settings.reference.onnxruntime}`,
              ]
            : []),
        ],
        env,
      };
    case 'trt-node':
    case 'onnxruntime-node':
      return {
        command: process.execPath,
        args: [
          '--expose-gc',
          // Allocations are read off the heap, so none may be collected meanwhile.
          ...(scenario.mode === 'allocations'
            ? ['--min-semi-space-size=512', '--max-semi-space-size=512']
            : []),
          path.join(peers, `${peer.kind}.mjs`),
          json,
        ],
        env,
      };
    case 'pytorch':
    case 'onnxruntime':
    case 'tensorrt':
      return {
        command: settings.python,
        args: [path.join(peers, `${peer.kind}_api.py`), json],
        env: { PYTHONUNBUFFERED: '1', PYTHONWARNINGS: 'ignore' },
      };
    default:
      throw new Error(`no peers of kind ${peer.kind}`);
  }
}
