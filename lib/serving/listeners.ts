// Listeners: the doors of one server with their ports: all of them listen, or none does.

import { createServer } from 'node:net';
import { ServingError, asError } from '../errors.js';

/** What listens. */
export interface Door {
  listen(port: number, address: string): Promise<{ port: number }>;
  /** Takes no more requests and answers those that it has, at most `graceMs` milliseconds long. */
  close(options: { graceMs: number }): Promise<void>;
  /** Inference requests that are not answered yet. */
  readonly inFlight: number;
}

/** The doors' names, as Triton logs them. @internal */
export const serviceNames = {
  http: 'HTTPService',
  grpc: 'GRPCInferenceService',
  metrics: 'Metrics Service',
} as const;

/** @internal */
export type DoorName = keyof typeof serviceNames;

/** Where a door is to listen. @internal */
export interface Place {
  readonly name: DoorName;
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Where a door listens. */
export interface Endpoint {
  readonly name: 'http' | 'grpc' | 'metrics';
  readonly address: string;
  readonly port: number;
}

function portError({ name, address, port }: Place, error: Error): ServingError {
  const { code } = error as NodeJS.ErrnoException;
  const why = code === 'EADDRINUSE' ? 'it is in use' : error.message;
  return new ServingError(
    'ERR_TRT_SERVER',
    `failed to start ${serviceNames[name]} at ${address}:${port}: ${why}`,
    `Stop what uses it, or choose another port or address (--${name}-port, --${name}-address; port 0 is any that is free).`,
    { cause: error },
  );
}

/**
 * Refuses places that two doors share, and ports that are in use: before models are loaded, which can take minutes.
 *
 * @throws ERR_TRT_SERVER @internal
 */
export async function checkPlaces(places: readonly Place[]): Promise<void> {
  for (const [index, place] of places.entries()) {
    const other = places
      .slice(0, index)
      .find(({ port, address }) => port !== 0 && port === place.port && address === place.address);
    if (other !== undefined) {
      throw new ServingError(
        'ERR_TRT_SERVER',
        `The server cannot listen to ${other.name} requests and ${place.name} requests at the same address and port ${place.address}:${place.port}`,
        'Give each its own port.',
      );
    }
  }
  for (const place of places) {
    if (place.port === 0) continue;
    const probe = createServer();
    await new Promise<void>((resolve, reject) => {
      probe.once('error', (error) => {
        reject(portError(place, error));
      });
      probe.listen(place.port, place.address, () => {
        probe.close(() => {
          resolve();
        });
      });
    });
  }
}

/** Lets every door listen. When one cannot, those before it are closed again. @throws ERR_TRT_SERVER @internal */
export async function listenAll(
  doors: readonly { readonly place: Place; readonly door: Door }[],
): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const { place, door } of doors) {
    try {
      const { port } = await door.listen(place.port, place.address);
      endpoints.push({ name: place.name, address: place.address, port });
    } catch (thrown) {
      await Promise.all(doors.map((each) => each.door.close({ graceMs: 0 })));
      const error = asError(thrown);
      throw portError(place, error.cause instanceof Error ? error.cause : error);
    }
  }
  return endpoints;
}
