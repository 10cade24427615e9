// A gRPC client for tests, by @grpc/grpc-js and protobufjs: another implementation than the server's.

import * as grpc from '@grpc/grpc-js';
import { messageType, protoRoot } from '../../lib/serving/proto/schema.js';

export type Fields = Record<string, unknown>;

/** Bytes of a message. */
export function encode(type: string, fields: Fields): Buffer {
  const message = messageType(type);
  return Buffer.from(message.encode(message.fromObject(fields)).finish());
}

/** A message's fields, with defaults; 64-bit numbers as numbers. */
export function decode(type: string, bytes: Uint8Array): Fields {
  const message = messageType(type);
  return message.toObject(message.decode(bytes), { longs: Number, defaults: true, enums: String });
}

function pathOf(service: string, method: string): string {
  return `/${service}/${method}`;
}

/** Type names of a method's request and response. */
function typesOf(service: string, method: string): [string, string] {
  const found = protoRoot().lookupService(service).methods[method]!;
  const name = (type: { fullName: string } | null) => type!.fullName.slice(1);
  return [name(found.resolvedRequestType), name(found.resolvedResponseType)];
}

export const inferenceService = 'inference.GRPCInferenceService';

/** Calls one server. Close it. */
export class GrpcTestClient {
  readonly client: grpc.Client;

  constructor(
    port: number,
    credentials = grpc.credentials.createInsecure(),
    options: grpc.ClientOptions = {},
  ) {
    this.client = new grpc.Client(`localhost:${port}`, credentials, options);
  }

  /** Rejects with grpc-js's ServiceError. */
  unary(
    method: string,
    fields: Fields,
    options: grpc.CallOptions = {},
    metadata: Record<string, string> = {},
    service = inferenceService,
  ): Promise<Fields> & { cancel(): void } {
    const [request, response] = typesOf(service, method);
    let call: grpc.ClientUnaryCall;
    const promise = new Promise<Fields>((resolve, reject) => {
      call = this.client.makeUnaryRequest(
        pathOf(service, method),
        (value: Fields) => encode(request, value),
        (bytes) => decode(response, bytes),
        fields,
        toMetadata(metadata),
        options,
        (error, value) => {
          if (error !== null) reject(error);
          else resolve(value!);
        },
      );
    });
    return Object.assign(promise, {
      cancel: () => {
        call.cancel();
      },
    });
  }

  /** Sends these bytes as the message. */
  raw(method: string, message: Buffer, service = inferenceService): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        pathOf(service, method),
        (value: Buffer) => value,
        (bytes) => bytes,
        message,
        (error, value) => {
          if (error !== null) reject(error);
          else resolve(value!);
        },
      );
    });
  }

  stream(
    metadata: Record<string, string> = {},
    options: grpc.CallOptions = {},
  ): grpc.ClientDuplexStream<Fields, Fields> {
    return this.client.makeBidiStreamRequest(
      pathOf(inferenceService, 'ModelStreamInfer'),
      (value: Fields) => encode('inference.ModelInferRequest', value),
      (bytes) => decode('inference.ModelStreamInferResponse', bytes),
      toMetadata(metadata),
      options,
    );
  }

  watch(service: string): grpc.ClientReadableStream<Fields> {
    return this.client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (value: Fields) => encode('grpc.health.v1.HealthCheckRequest', value),
      (bytes) => decode('grpc.health.v1.HealthCheckResponse', bytes),
      { service },
    );
  }

  close(): void {
    this.client.close();
  }
}

function toMetadata(values: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

/** int32 elements as raw bytes. */
export function int32(...values: number[]): Buffer {
  return Buffer.from(Int32Array.from(values).buffer);
}

/** A request of model 'simple', or of one like it: INPUT0 counts, INPUT1 is 1. */
export function simpleRequest(model = 'simple', more: Fields = {}): Fields {
  const counting = Int32Array.from({ length: 16 }, (_, index) => index);
  const ones = new Int32Array(16).fill(1);
  return {
    model_name: model,
    inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32', shape: [1, 16] })),
    raw_input_contents: [Buffer.from(counting.buffer), Buffer.from(ones.buffer)],
    ...more,
  };
}
