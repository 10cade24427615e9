// A gRPC door over a fake service for each test, and clients of it.

import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect } from 'vitest';
import {
  type GrpcDoor,
  type GrpcServerOptions,
  createGrpcServer,
} from '../../lib/serving/grpc/server.js';
import { ServerSettings } from '../../lib/serving/settings.js';
import { GrpcTestClient } from './grpc-client.js';
import type { Fields } from './grpc-client.js';
import { FakeService } from './serving-service.js';

export const inferHeaders = {
  ':method': 'POST',
  ':path': '/inference.GRPCInferenceService/ModelInfer',
  'content-type': 'application/grpc',
};

/** A message with gRPC's prefix. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export let service: FakeService;
export let settings: ServerSettings;
export let door: GrpcDoor;
export let port: number;
export let client: GrpcTestClient;
const clients: GrpcTestClient[] = [];

export function newClient(credentials?: grpc.ChannelCredentials, options?: grpc.ClientOptions) {
  const made = new GrpcTestClient(port, credentials, options);
  clients.push(made);
  return made;
}

export async function start(options: GrpcServerOptions = {}): Promise<void> {
  await door.close();
  door = createGrpcServer(service, { settings, ...options });
  ({ port } = await door.listen(0));
  client = newClient();
}

/** Starts a door over a new fake service for each test of the calling file, and closes it. */
export function setUpGrpcDoor(): void {
  beforeEach(async () => {
    service = new FakeService();
    settings = new ServerSettings({ log: { log_error: false } });
    door = createGrpcServer(service, { settings });
    ({ port } = await door.listen(0));
    client = newClient();
  });

  afterEach(async () => {
    for (const each of clients.splice(0)) each.close();
    await door.close();
    settings.close();
  });
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a call fails with. */
export async function failure(
  call: Promise<unknown>,
): Promise<{ code: grpc.status; details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return { code, details };
  }
  throw new Error('expected the call to fail');
}

export async function refused(
  fields: Fields,
  code: grpc.status,
  words: string | RegExp,
): Promise<void> {
  const error = await failure(client.unary('ModelInfer', fields));
  expect([grpc.status[error.code], error.details]).toEqual([
    grpc.status[code],
    typeof words === 'string' ? words : (expect.stringMatching(words) as string),
  ]);
}

export function outputsOf(response: Fields): Record<string, number[]> {
  const outputs = response.outputs as { name: string }[];
  const raw = response.raw_output_contents as Buffer[];
  return Object.fromEntries(
    outputs.map(({ name }, index) => {
      const bytes = raw[index]!;
      return [
        name,
        Array.from({ length: bytes.length / 4 }, (_, element) => bytes.readInt32LE(element * 4)),
      ];
    }),
  );
}

export const sums = Array.from({ length: 16 }, (_, index) => index + 1);
export const { INVALID_ARGUMENT } = grpc.status;
