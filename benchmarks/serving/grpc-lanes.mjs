// gRPC load: unary ModelInfer calls over node:http2, without a gRPC library; up to 32 lanes share a connection.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { grpcRequest } from './requests.mjs';

const lanesOfConnection = 32;
const headers = {
  ':method': 'POST',
  ':path': '/inference.GRPCInferenceService/ModelInfer',
  'content-type': 'application/grpc',
  te: 'trailers',
};

class GrpcLane {
  #session;
  #request;

  constructor(session, request) {
    this.#session = session;
    this.#request = request;
  }

  /** `done('')` on success, else 'grpc N' or 'closed'. */
  send(done) {
    let outcome = 'closed';
    const stream = this.#session.request(headers);
    const note = (answer) => {
      const status = answer['grpc-status'];
      if (status !== undefined) outcome = status === '0' ? '' : `grpc ${status}`;
    };
    stream.on('response', note); // where there is nothing but an error the status is here
    stream.on('trailers', note);
    stream.on('error', (error) => {
      if (outcome === 'closed') outcome = error.message;
    });
    stream.on('close', () => done(outcome));
    stream.resume();
    stream.end(this.#request);
  }

  close() {
    this.#session.destroy();
  }
}

export async function grpcLanes({ host, port, model, lanes }) {
  const request = grpcRequest(model);
  const sessions = Array.from({ length: Math.ceil(lanes / lanesOfConnection) }, () =>
    // The default of 10 MB is what a few pictures in flight take.
    connect(`http://${host}:${port}`, { maxSessionMemory: 1000 }),
  );
  await Promise.all(sessions.map((session) => once(session, 'connect')));
  for (const session of sessions) session.on('error', () => {});
  return Array.from(
    { length: lanes },
    (_, index) => new GrpcLane(sessions[index % sessions.length], request),
  );
}
