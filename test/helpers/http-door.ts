// The HTTP door in tests: over a FakeService, on a free port, closed when the calling test ends; and raw HTTP, for what fetch does not send.

import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  type HttpDoor,
  type HttpServerOptions,
  createHttpServer,
} from '../../lib/serving/http/door.js';
import { FakeService } from './serving-service.js';

export interface Running {
  readonly door: HttpDoor;
  readonly service: FakeService;
  readonly port: number;
  readonly url: string;
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  post(
    path: string,
    body?: string | Uint8Array | object,
    headers?: Record<string, string>,
  ): Promise<Reply>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of a JSON body. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  json<T = Record<string, unknown>>(): T;
  /** `error` of a JSON body. */
  readonly error: string;
}

async function request(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString();
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  const json = <T>() => JSON.parse(text) as T;
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    json,
    get error() {
      return json<{ error: string }>().error;
    },
  };
}

/** Starts a door. What it logs as errors is not shown, unless the test says otherwise. */
export async function startDoor(
  options: HttpServerOptions = {},
  service = new FakeService(),
): Promise<Running> {
  const quiet = { log: { log_error: false, log_warning: false, log_info: false } };
  const door = await createHttpServer(service, { settings: quiet, ...options });
  const { port } = await door.listen(0);
  onTestFinished(() => door.close({ graceMs: 0 }));
  const url = `http://127.0.0.1:${port}`;
  return {
    door,
    service,
    port,
    url,
    get: (path, headers = {}) => request(url + path, { headers }),
    post: (path, body = '', headers = {}) =>
      request(url + path, {
        method: 'POST',
        headers,
        body:
          typeof body === 'string' || body instanceof Uint8Array
            ? (body as Uint8Array<ArrayBuffer>)
            : JSON.stringify(body),
      }),
  };
}

/** Sends bytes as they are and gives all that comes back until the server ends the connection. */
export function rawHttp(port: number, ...chunks: (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    socket.on('data', (data) => received.push(data));
    // The server may close while we still write.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(Buffer.concat(received).toString('latin1'));
    });
  });
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const ramp = Array.from({ length: 16 }, (_, index) => index);

/** Inputs of 'simple' (and its twins) as JSON: 0…15 and ones. */
export const simpleJson = {
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], data: ramp },
    { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], data: ramp.map(() => 1) },
  ],
};

/** The same as a binary request: its body and headers. `more` goes into the JSON. */
export function simpleBinary(more: object = {}): {
  body: Buffer;
  headers: Record<string, string>;
} {
  return binaryRequest(
    {
      inputs: ['INPUT0', 'INPUT1'].map((name) => ({
        name,
        datatype: 'INT32',
        shape: [1, 16],
        parameters: { binary_data_size: 64 },
      })),
      ...more,
    },
    Int32Array.from(ramp),
    Int32Array.from(ramp, () => 1),
  );
}

export function binaryRequest(
  json: object,
  ...data: (ArrayBufferView | Buffer)[]
): { body: Buffer; headers: Record<string, string> } {
  const header = Buffer.from(JSON.stringify(json));
  const parts = data.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength));
  return {
    body: Buffer.concat([header, ...parts]),
    headers: {
      'Content-Type': 'application/octet-stream',
      'Inference-Header-Content-Length': String(header.length),
    },
  };
}

/** JSON and binary part of an answer. */
export function splitReply(reply: Reply): { json: Record<string, unknown>; binary: Buffer } {
  const length = Number(reply.headers.get('Inference-Header-Content-Length'));
  return {
    json: JSON.parse(reply.bytes.subarray(0, length).toString()) as Record<string, unknown>,
    binary: reply.bytes.subarray(length),
  };
}
