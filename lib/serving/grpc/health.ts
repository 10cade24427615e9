// grpc.health.v1: Check and Watch, of the server ('') and of single models.

import type protobuf from 'protobufjs';
import { messageType } from '../proto/schema.js';
import type { GrpcCall } from './call.js';
import type { DoorContext } from './door-context.js';
import { frame } from './framing.js';
import { decodeMessage } from './methods.js';
import { GrpcError, grpcStatus } from './status.js';

/** How often watched services are looked at. */
const watchIntervalMs = 500;

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const inferenceService = 'inference.GRPCInferenceService';

function statusOfService(name: string, { service, closing }: DoorContext): ServingStatus {
  if (name === '' || name === inferenceService) {
    return !closing && service.ready().ready ? 'SERVING' : 'NOT_SERVING';
  }
  if (!closing && service.modelReady(name)) return 'SERVING';
  return service.index().some((row) => row.name === name) ? 'NOT_SERVING' : 'SERVICE_UNKNOWN';
}

/** The health service. @internal */
export class Health {
  readonly #context: DoorContext;
  readonly #request: protobuf.Type;
  readonly #response: protobuf.Type;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#request = messageType('grpc.health.v1.HealthCheckRequest');
    this.#response = messageType('grpc.health.v1.HealthCheckResponse');
  }

  #serviceOf(message: Buffer): string {
    return decodeMessage(this.#request, message).service as string;
  }

  #encode(status: ServingStatus): Uint8Array {
    return this.#response.encode(this.#response.fromObject({ status })).finish();
  }

  /** @throws GrpcError NOT_FOUND for what is not known here */
  check(message: Buffer): Uint8Array {
    const name = this.#serviceOf(message);
    const status = statusOfService(name, this.#context);
    if (status !== 'SERVICE_UNKNOWN') return this.#encode(status);
    throw new GrpcError(grpcStatus.NOT_FOUND, `unknown service '${name}'`);
  }

  /** Tells the status at once, and whenever it has changed; ends when the server goes away. */
  watch(call: GrpcCall, message: Buffer): void {
    const name = this.#serviceOf(message);
    let told: ServingStatus | undefined;
    const tell = () => {
      const now = statusOfService(name, this.#context);
      if (now === told || call.done) return;
      told = now;
      call.send(frame(this.#encode(now)));
    };
    const timer = setInterval(tell, watchIntervalMs);
    timer.unref();
    const ignoreClosing = this.#context.onClosing(() => {
      tell();
      call.fail(new GrpcError(grpcStatus.UNAVAILABLE, 'the server is shutting down'));
    });
    call.onDone = () => {
      clearInterval(timer);
      ignoreClosing();
    };
    tell();
  }
}
