// The server that is measured: one repository with its doors, and callers in the same process when they are asked for.
// A child of run.mjs: settings come as JSON in the arguments, jobs over IPC.
import { ModelRepository, Session, createGrpcServer, createHttpServer } from 'trt-node';
import { closedLoop, openLoop } from './loops.mjs';
import { inputOf } from './requests.mjs';

const { folder, runtime } = JSON.parse(process.argv[2]);
const repository = await ModelRepository.open(folder, { runtime });
const http = await createHttpServer(repository, {});
const grpc = createGrpcServer(repository, {});
const [{ port: httpPort }, { port: grpcPort }] = await Promise.all([
  http.listen(0, '127.0.0.1'),
  grpc.listen(0, '127.0.0.1'),
]);

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
    await Promise.all([http.close({ graceMs: 5000 }), grpc.close({ graceMs: 5000 })]);
    await repository.close();
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
process.send({ httpPort, grpcPort, runtime: repository.runtimeText });
