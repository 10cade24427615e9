// DoorContext: what the methods of the gRPC door share.

import type { InferenceService } from '../service.js';
import type { ServerSettings } from '../settings.js';
import type { GrpcSettings } from './options.js';

/** @internal */
export interface DoorContext {
  readonly service: InferenceService;
  readonly settings: ServerSettings | undefined;
  readonly options: GrpcSettings;
  /** No new requests are taken. */
  readonly closing: boolean;
  /** Inference requests that wait or run. */
  inFlight: number;
  /** Logs errors that are a fault of this program, of which clients are told nothing. */
  report(error: unknown): void;
  /** Calls `listener` when closing begins. @returns Takes it away again. */
  onClosing(listener: () => void): () => void;
}
