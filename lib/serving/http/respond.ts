// Answers: bodies of JSON, Triton's HTTP statuses of errors, and refusals.

import type { ServerResponse } from 'node:http';
import { type ServingStatus, TensorRTError } from '../../errors.js';

const statusCodes: Readonly<Record<ServingStatus, number>> = {
  UNKNOWN: 400,
  INTERNAL: 500,
  NOT_FOUND: 404,
  INVALID_ARG: 400,
  UNAVAILABLE: 503,
  UNSUPPORTED: 501,
  ALREADY_EXISTS: 400,
  CANCELLED: 400,
};

/** Of errors that are no ServingErrors: what a model's code or a backend threw. */
const otherCodes: Readonly<Record<string, number>> = {
  InvalidArgumentError: 400,
  AbortError: 400,
  BusyError: 503,
  DeadlineError: 503,
  ClosedError: 503,
  DeviceLostError: 503,
  UnsupportedError: 501,
};

/** What goes to the client for an error. @internal */
export interface ErrorAnswer {
  readonly status: number;
  readonly error: string;
  readonly hint?: string;
}

/** Triton's status and words; of errors that are not ours only that there was one: their text may tell too much. @internal */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (!(error instanceof TensorRTError)) return { status: 500, error: 'internal error' };
  const { status: servingStatus } = error as { status?: ServingStatus };
  const status =
    servingStatus === undefined ? (otherCodes[error.name] ?? 500) : statusCodes[servingStatus];
  return { status, error: error.reason, ...(error.hint === '' ? {} : { hint: error.hint }) };
}

/** @internal */
export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  close = false,
): void {
  if (response.headersSent || response.destroyed) return;
  const headers = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(text)),
  ];
  if (close) headers.push('Connection', 'close');
  response.writeHead(status, headers);
  response.end(text);
}

/** @internal */
export function sendError(response: ServerResponse, answer: ErrorAnswer, close = false): void {
  const { status, ...body } = answer;
  sendJson(response, status, JSON.stringify(body), close);
}
