// The peer onnxruntime-node: InferenceSession.run on the CPU, as ONNX Runtime's own package for Node.js does it.
import { createRequire } from 'node:module';
import { inputData, volume } from '../parts/inputs.mjs';
import { loopDelayProbe } from '../parts/loop-delay.mjs';
import { countInFlight, serve, timeAsync } from '../parts/serve.mjs';
import { round } from '../parts/statistics.mjs';

const require = createRequire(import.meta.url);

await serve(async (config) => {
  const ort = require('onnxruntime-node');
  const { version } = require('onnxruntime-node/package.json');
  const sessionOptions = {
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
    ...(config.threads && { intraOpNumThreads: config.threads, interOpNumThreads: 1 }),
  };
  const session = await ort.InferenceSession.create(config.onnx, sessionOptions);
  const feeds = () =>
    Object.fromEntries(
      session.inputMetadata.map(({ name, type }) => {
        const shape = config.shapes[name];
        return [name, new ort.Tensor(type, inputData(name, type, volume(shape)), shape)];
      }),
    );
  const first = feeds();
  const answer = await session.run(first);
  // Outputs into the same tensors again, as the other peers do: its `fetches`.
  const lane = () => {
    const own = feeds();
    const fetches =
      config.outputs === 'new'
        ? undefined
        : Object.fromEntries(
            Object.entries(answer).map(([name, { type, data, dims }]) => [
              name,
              new ort.Tensor(type, new data.constructor(data.length), dims),
            ]),
          );
    return fetches === undefined ? () => session.run(own) : () => session.run(own, fetches);
  };
  const lanes = Array.from({ length: config.inFlight ?? 1 }, lane);
  const rounds = {
    async: (command) => timeAsync(lanes[0], command),
    flight: (command) => countInFlight(lanes, command),
  };
  let probe;
  if (config.mode === 'event-loop') {
    probe = await loopDelayProbe();
    rounds['event-loop'] = async (command) => {
      probe.start();
      const { count, seconds } = await rounds.flight(command);
      return { ...probe.stop(), runs: count, count, seconds };
    };
  }
  const aRound = rounds[config.mode];
  if (aRound === undefined) throw new Error(`onnxruntime-node has no mode ${config.mode}`);
  return {
    about: () => ({
      peer: 'onnxruntime-node',
      versions: { 'onnxruntime-node': version, node: process.versions.node },
      notes: [`CPU, ${config.threads ?? 'its default number of'} intra-op threads`],
      outputs: Object.fromEntries(
        Object.entries(answer).map(([name, { type, data }]) => [
          name,
          {
            dtype: type,
            bytes: data.byteLength,
            first:
              type === 'float32' ? [...data.subarray(0, 4)].map((one) => round(one, 7)) : undefined,
          },
        ]),
      ),
    }),
    round: (command) => aRound(command),
    close: async () => {
      await probe?.close();
      await session.release();
    },
  };
});
