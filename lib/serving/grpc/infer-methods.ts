// ModelInfer and ModelStreamInfer.

import { setCancellation } from '../cancellation.js';
import { forwardHeadersOf } from '../forward-headers.js';
import { requestTraced } from '../traced-request.js';
import type { GrpcCall } from './call.js';
import type { DoorContext } from './door-context.js';
import { type DecodedInferRequest, decodeInferRequest } from './infer-decode.js';
import {
  type EncodedResponse,
  encodeInferResponse,
  encodeStreamError,
  encodeStreamResponse,
} from './infer-encode.js';
import { InferCall } from './infer-request.js';
import { GrpcError, grpcStatus, statusOf } from './status.js';

const shuttingDown = 'GRPC server is shutting down and has stopped accepting new requests.';

/** Refuses what a server that is going away, or has too much to do, does not take. @throws GrpcError UNAVAILABLE */
function admit(context: DoorContext): void {
  if (context.closing) throw new GrpcError(grpcStatus.UNAVAILABLE, shuttingDown);
  const { maxConcurrentRequests } = context.options.limits;
  if (context.inFlight < maxConcurrentRequests) return;
  throw new GrpcError(
    grpcStatus.UNAVAILABLE,
    `the server has ${maxConcurrentRequests} requests in flight already and takes no more`,
  );
}

/** Names and values in turn, without what HTTP/2 adds. */
function metadataOf({ headers }: GrpcCall): string[] {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) pairs.push(name, each);
  }
  return pairs;
}

/** Has one request answered. @returns Rejects with what the client is to be told. */
async function infer(
  grpc: GrpcCall,
  context: DoorContext,
  decoded: DecodedInferRequest,
  isStream: boolean,
): Promise<EncodedResponse> {
  const { settings, service, options } = context;
  const call = new InferCall(decoded, {
    service,
    sharedMemory: settings?.sharedMemory,
    maxTensors: options.limits.maxTensors,
  });
  if (options.forwardHeaders !== undefined) {
    forwardHeadersOf(metadataOf(grpc), options.forwardHeaders, call.request);
  }
  // The requests of a stream share one.
  if (isStream) call.request.signal = grpc.cancellation.signal;
  else setCancellation(call.request, grpc.cancellation);
  const trace = settings?.tracer.start(decoded.modelName);
  context.inFlight++;
  try {
    const response = await (trace === undefined
      ? service.request(call.request)
      : requestTraced(service, call.request, trace));
    return call.encodeNow(response, isStream) ?? (await call.encode(response, isStream));
  } finally {
    context.inFlight--;
    call.close();
    trace?.end();
  }
}

/** /inference.GRPCInferenceService/ModelInfer @internal */
export function modelInfer(call: GrpcCall, message: Buffer, context: DoorContext): void {
  call.compressResponses();
  const answer = async () => {
    admit(context);
    const decoded = decodeInferRequest(message);
    return infer(call, context, decoded, false);
  };
  answer().then(
    (response) => {
      if (!call.done) call.succeed(encodeInferResponse(response));
    },
    (error: unknown) => {
      call.fail(error);
    },
  );
}

/**
 * /inference.GRPCInferenceService/ModelStreamInfer: responses come in the order of their requests, as Triton's do for models that answer once; an error
 * becomes a response and does not end the stream, unless the client has sent `triton_grpc_error: true`.
 * @internal
 */
export class StreamInfer {
  readonly #call: GrpcCall;
  readonly #context: DoorContext;
  readonly #errorEndsStream: boolean;
  /** Of requests that wait for their turn to be answered: what to send, once it is there. */
  readonly #queue: { message: Uint8Array[] | undefined }[] = [];
  readonly #ignoreClosing: () => void;
  #ended = false;
  #paused = false;
  #blocked = false;

  constructor(call: GrpcCall, context: DoorContext) {
    this.#call = call;
    this.#context = context;
    this.#errorEndsStream = call.header('triton_grpc_error') === 'true';
    call.compressResponses();
    this.#ignoreClosing = context.onClosing(() => {
      this.#endIfIdle();
    });
    call.onDone = this.#ignoreClosing;
    call.stream.on('drain', () => {
      this.#blocked = false;
      this.#flow();
    });
    call.read(
      (message, inflated) => {
        this.#take(message, inflated);
      },
      () => {
        this.#ended = true;
        this.#endIfIdle();
      },
    );
  }

  #take(message: Buffer, inflated: number): void {
    const slot: { message: Uint8Array[] | undefined } = { message: undefined };
    this.#queue.push(slot);
    this.#flow();
    // What cannot be decoded ends the call: the client is not to be trusted with the rest.
    const decoded = decodeInferRequest(message);
    void this.#answer(decoded).then(
      (answer) => {
        this.#call.letGo(inflated);
        slot.message = answer;
        this.#send();
      },
      (error: unknown) => {
        this.#call.fail(error);
      },
    );
  }

  async #answer(decoded: DecodedInferRequest): Promise<Uint8Array[]> {
    try {
      admit(this.#context);
      return encodeStreamResponse(await infer(this.#call, this.#context, decoded, true));
    } catch (error) {
      if (this.#errorEndsStream) throw error;
      this.#context.report(error);
      return encodeStreamError(statusOf(error).message, decoded.id);
    }
  }

  #send(): void {
    for (;;) {
      const message = this.#queue[0]?.message;
      if (message === undefined) break;
      this.#queue.shift();
      if (!this.#call.send(message)) this.#blocked = true;
    }
    this.#flow();
    this.#endIfIdle();
  }

  /** Reads no further while too many requests are under way, or the client does not take the answers. */
  #flow(): void {
    const full = this.#blocked || this.#queue.length >= this.#context.options.maxStreamRequests;
    if (full === this.#paused || this.#ended || this.#call.done) return;
    this.#paused = full;
    if (full) this.#call.stream.pause();
    else this.#call.stream.resume();
  }

  #endIfIdle(): void {
    if (this.#queue.length > 0 || this.#call.done) return;
    if (this.#ended) this.#call.succeed();
    else if (this.#context.closing) {
      this.#call.fail(new GrpcError(grpcStatus.UNAVAILABLE, shuttingDown));
    }
  }
}
