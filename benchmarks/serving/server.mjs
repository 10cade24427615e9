// The server that is measured: one repository with its doors, and callers in the same process when they are asked for.
// A child of run.mjs: settings come as JSON in the arguments, jobs over IPC.
import { Session, serve } from 'trt-node';
import { closedLoop, openLoop } from './loops.mjs';
import { inputOf } from './requests.mjs';

const { folder, runtime } = JSON.parse(process.argv[2]);
const server = await serve(folder, {
  repository: { runtime },
  address: '127.0.0.1',
  http: { port: 0 },
  grpc: { port: 0 },
  metrics: false,
});
const { repository } = server;

/** What calls `infer` and reports how it ended. */
function lane(call) {
  return {
    send(done) {
      call().then(
        () => done(''),
        (error) => done(error.code ?? error.name),
      );
    },
  };
}

/** Callers of repository.infer, or of a Session on the same plan: what the batcher adds is the difference. */
async function inProcessLanes({ door, model, lanes }) {
  const { name, data } = inputOf(model);
  const inputs = { [name]: data };
  if (door === 'in-process') {
    return {
      lanes: Array.from({ length: lanes }, () => lane(() => repository.infer(model, inputs))),
    };
  }
  const session = await Session.load(`${folder}/${model}/1/model.plan`, {
    runtime,
    instances: Math.min(lanes, 8),
    cudaGraph: 'on',
  });
  return {
    lanes: Array.from({ length: lanes }, () => lane(() => session.run(inputs))),
    close: () => session.close(),
  };
}

const jobs = {
  async load(job) {
    const { lanes, close } = await inProcessLanes(job);
    const result = await (job.rate === undefined ? closedLoop : openLoop)(lanes, job);
    await close?.();
    return result;
  },
  usage: () => ({ memory: process.memoryUsage(), cpu: process.cpuUsage() }),
  async stop() {
    await server.close({ graceMs: 5000 });
    process.disconnect();
    return {};
  },
};

process.on('message', ({ what, ...job }) => {
  Promise.resolve(jobs[what](job)).then(
    (answer) => process.connected && process.send(answer),
    (error) => process.connected && process.send({ error: error.stack }),
  );
});
process.send({
  httpPort: server.ports.http,
  grpcPort: server.ports.grpc,
  runtime: repository.runtimeText,
});
