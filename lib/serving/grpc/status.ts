// Status: gRPC's status codes, and which of them an error is answered with.

import { type ErrorCode, ServingError, type ServingStatus, TensorRTError } from '../../errors.js';

/** The codes that this server answers with. @internal */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** @internal */
export type GrpcStatusCode = (typeof grpcStatus)[keyof typeof grpcStatus];

/** A call that fails for a reason of the protocol, not of a model. @internal */
export class GrpcError extends Error {
  readonly status: GrpcStatusCode;

  constructor(status: GrpcStatusCode, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.status = status;
  }
}

/** Triton's errors as gRPC's codes. */
const ofServing: Readonly<Record<ServingStatus, GrpcStatusCode>> = {
  UNKNOWN: grpcStatus.UNKNOWN,
  INTERNAL: grpcStatus.INTERNAL,
  NOT_FOUND: grpcStatus.NOT_FOUND,
  INVALID_ARG: grpcStatus.INVALID_ARGUMENT,
  UNAVAILABLE: grpcStatus.UNAVAILABLE,
  UNSUPPORTED: grpcStatus.UNIMPLEMENTED,
  ALREADY_EXISTS: grpcStatus.ALREADY_EXISTS,
  CANCELLED: grpcStatus.CANCELLED,
};

/** Other errors of this package that are not this server's fault. */
const ofCode: Partial<Record<ErrorCode, GrpcStatusCode>> = {
  ERR_TRT_ABORTED: grpcStatus.CANCELLED,
  ERR_TRT_BUSY: grpcStatus.UNAVAILABLE,
  ERR_TRT_CLOSED: grpcStatus.UNAVAILABLE,
  ERR_TRT_DEADLINE_EXCEEDED: grpcStatus.DEADLINE_EXCEEDED,
  ERR_TRT_DEVICE_LOST: grpcStatus.UNAVAILABLE,
  ERR_TRT_SHAPE_OUT_OF_RANGE: grpcStatus.INVALID_ARGUMENT,
};

/** What a call ends with. @internal */
export interface CallStatus {
  readonly code: GrpcStatusCode;
  readonly message: string;
}

/** @internal */
export const statusOk: CallStatus = { code: grpcStatus.OK, message: '' };

/** The status that tells a client of `error`; hints are for who runs the server, so only the reason is sent. @internal */
export function statusOf(error: unknown): CallStatus {
  if (error instanceof ServingError) {
    return { code: ofServing[error.status], message: error.reason };
  }
  if (error instanceof GrpcError) return { code: error.status, message: error.message };
  if (error instanceof TensorRTError) {
    return { code: ofCode[error.code as ErrorCode] ?? grpcStatus.INTERNAL, message: error.reason };
  }
  // Words of unexpected errors may tell of the machine (paths): they go to the log only.
  return { code: grpcStatus.INTERNAL, message: 'internal error' };
}

/** Clients take headers of 8 KiB, and of a longer message not even the code. */
const maxMessageLength = 4000;

/** `text` as grpc-message has it: percent-encoded UTF-8, printable ASCII only, and not too long. @internal */
export function encodeStatusMessage(text: string): string {
  if (text.length <= maxMessageLength && /^[ -$&-~]*$/.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const isStart = (byte & 0xc0) !== 0x80;
    if (isStart && encoded.length >= maxMessageLength) return `${encoded}...`;
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
