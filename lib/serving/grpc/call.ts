// GrpcCall: one HTTP/2 stream as a gRPC call: its messages, deadline, cancellation and status.

import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Cancellation } from '../cancellation.js';
import type { InflateBudget } from '../security/inflate.js';
import {
  type CompressionLevel,
  type Encoding,
  FrameReader,
  acceptedEncodings,
  compress,
  decompress,
  requestEncoding,
  responseEncoding,
} from './framing.js';
import { type CallStatus, GrpcError, encodeStatusMessage, grpcStatus, statusOf } from './status.js';

/** What all calls of a server share. @internal */
export interface CallSettings {
  /** Bytes that a message may have, also after decompression. */
  readonly maxMessageBytes: number;
  /** Of decompressed messages. */
  readonly inflated: InflateBudget;
  readonly compression: CompressionLevel;
  /** Is told each error that calls fail with. */
  readonly report: (error: unknown) => void;
}

const plainHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': acceptedEncodings,
};
const okTrailers = { 'grpc-status': '0' };
/** Without the date, which no client of gRPC reads. */
const respondOptions = { waitForTrailers: true, sendDate: false };
const endOptions = { endStream: true };
/** setTimeout takes no more. */
const maxTimerMs = 2 ** 31 - 1;

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a grpc-timeout; undefined: none. @throws GrpcError INTERNAL for what is none @internal */
export function parseTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new GrpcError(grpcStatus.INTERNAL, `invalid grpc-timeout '${header}'`);
  }
  return Number(digits) * (unitMs[unit] as number);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** @internal */
export class GrpcCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Whether its status was sent, or nobody waits for it any more. */
  done = false;
  /** Called once when it is done. */
  onDone: (() => void) | undefined;
  readonly #settings: CallSettings;
  readonly #frames: FrameReader;
  #encoding: Encoding = 'identity';
  #responseEncoding: Encoding = 'identity';
  #cancellation: Cancellation | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trailers: Record<string, string> = okTrailers;
  /** Messages are handed on, and sent, in order: each waits for the one before where one has to be (de)compressed. */
  #reading: Promise<void> | undefined;
  #sending: Promise<void> | undefined;
  #ended = false;
  /** Bytes of decompressed messages that are not done with. */
  #inflated = 0;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, settings: CallSettings) {
    this.stream = stream;
    this.headers = headers;
    this.#settings = settings;
    this.#frames = new FrameReader(settings.maxMessageBytes);
    stream.on('error', () => {
      // 'close' follows.
    });
    stream.on('close', () => {
      if (this.done) return;
      this.#finished();
      this.#cancellation?.cancel(new GrpcError(grpcStatus.CANCELLED, 'the client has cancelled'));
    });
  }

  /** Cancelled when the client goes away, the deadline passes, or the call fails. */
  get cancellation(): Cancellation {
    if (this.#cancellation === undefined) {
      this.#cancellation = new Cancellation();
      if (this.done) this.#cancellation.cancel();
    }
    return this.#cancellation;
  }

  /** The first value of a header. */
  header(name: string): string | undefined {
    return single(this.headers[name]);
  }

  /** Reads what the headers say of the call. @throws GrpcError */
  begin(): void {
    this.#encoding = requestEncoding(this.header('grpc-encoding'));
    const timeoutMs = parseTimeout(this.header('grpc-timeout'));
    if (timeoutMs === undefined) return;
    const expire = () => {
      this.fail(new GrpcError(grpcStatus.DEADLINE_EXCEEDED, 'Deadline Exceeded'));
    };
    if (timeoutMs <= maxTimerMs) this.#timer = setTimeout(expire, Math.ceil(timeoutMs));
  }

  /** Responses are compressed if the server is set to, and the client reads that. */
  compressResponses(): void {
    const accepted = this.header('grpc-accept-encoding');
    this.#responseEncoding = responseEncoding(this.#settings.compression, accepted);
  }

  /**
   * Hands on the messages in order, and then tells that there are no more. What goes wrong, in `onMessage` too, ends the call. `inflated`: to give to
   * {@link letGo} when done with a message; the end of the call does it for all.
   */
  read(onMessage: (message: Buffer, inflated: number) => void, onEnd: () => void): void {
    const { stream } = this;
    stream.on('data', (chunk: Buffer) => {
      if (this.done) return;
      this.#frames.push(chunk);
      this.#guard(() => {
        for (let next = this.#frames.next(); next !== undefined; next = this.#frames.next()) {
          if (next.compressed || this.#reading !== undefined) {
            this.#readLater(next.compressed, next.payload, onMessage);
          } else onMessage(next.payload, 0);
        }
      });
    });
    stream.on('end', () => {
      const end = () => {
        if (this.done) return;
        this.#guard(() => {
          if (this.#frames.isPartial) {
            throw new GrpcError(grpcStatus.INTERNAL, 'the call ends within a message');
          }
          onEnd();
        });
      };
      if (this.#reading === undefined) end();
      else void this.#reading.then(end);
    });
  }

  /** A message that was decompressed is not needed any more. */
  letGo(inflated: number): void {
    const bytes = Math.min(inflated, this.#inflated);
    this.#inflated -= bytes;
    this.#settings.inflated.giveBack(bytes);
  }

  #readLater(
    compressed: boolean,
    payload: Buffer,
    onMessage: (message: Buffer, inflated: number) => void,
  ): void {
    const before = this.#reading ?? Promise.resolve();
    const { maxMessageBytes, inflated } = this.#settings;
    // One after the other: a client's bombs are not all blown up at once.
    const step = before.then(async () => {
      if (this.done) return;
      if (!compressed) {
        onMessage(payload, 0);
        return;
      }
      const message = await decompress(payload, this.#encoding, maxMessageBytes, inflated);
      this.#inflated += message.length;
      if (this.#isOver()) this.letGo(message.length);
      else onMessage(message, message.length);
    });
    this.#reading = step.catch((error: unknown) => {
      this.fail(error);
    });
    const mine = this.#reading;
    void mine.then(() => {
      if (this.#reading === mine) this.#reading = undefined;
    });
  }

  /** As a method, since it changes while others are waited for. */
  #isOver(): boolean {
    return this.done;
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #respond(): void {
    if (this.stream.headersSent) return;
    const headers =
      this.#responseEncoding === 'identity'
        ? plainHeaders
        : { ...plainHeaders, 'grpc-encoding': this.#responseEncoding };
    this.stream.respond(headers, respondOptions);
    this.stream.once('wantTrailers', this.#sendTrailers);
  }

  readonly #sendTrailers = () => {
    if (!this.stream.destroyed) this.stream.sendTrailers(this.#trailers);
  };

  /** Sends a message (with its prefix). @returns false when the client is slow: wait for the stream's 'drain' */
  send(message: readonly Uint8Array[]): boolean {
    if (this.done) return true;
    if (this.#responseEncoding !== 'identity') {
      this.#sendLater(message, this.#responseEncoding);
      return true;
    }
    return this.#write(message);
  }

  #write(message: readonly Uint8Array[]): boolean {
    this.#respond();
    const { stream } = this;
    if (message.length === 1) return stream.write(message[0]);
    stream.cork();
    let more = true;
    for (const piece of message) more = stream.write(piece);
    stream.uncork();
    return more;
  }

  #sendLater(message: readonly Uint8Array[], encoding: Exclude<Encoding, 'identity'>): void {
    const before = this.#sending ?? Promise.resolve();
    this.#sending = before
      .then(async () => {
        const packed = await compress(message, encoding, this.#settings.compression);
        if (!this.#isOver()) this.#write(packed);
      })
      .catch((error: unknown) => {
        this.fail(error);
      });
  }

  /** Ends the call well. With a message: the answer of a call that has one. */
  succeed(message?: readonly Uint8Array[]): void {
    if (this.done || this.#ended) return;
    this.#ended = true;
    if (this.#responseEncoding !== 'identity') {
      if (message !== undefined) this.send(message);
      void (this.#sending ?? Promise.resolve()).then(() => {
        if (!this.done) this.#close();
      });
      return;
    }
    if (message !== undefined && message.length > 1) this.#write(message);
    this.#close(message?.length === 1 ? message[0] : undefined);
  }

  #close(last?: Uint8Array): void {
    this.#respond();
    this.#finished();
    if (last === undefined) this.stream.end();
    else this.stream.end(last);
  }

  /** Ends the call with the status of `error`, and gives up what it waits for. */
  fail(error: unknown): void {
    if (!this.done) this.#settings.report(error);
    this.end(statusOf(error));
    this.#cancellation?.cancel(error);
  }

  /** Ends the call with a status that is not OK. */
  end({ code, message }: CallStatus): void {
    if (this.done) return;
    this.#finished();
    const { stream } = this;
    if (stream.destroyed || stream.closed) return;
    const status = { 'grpc-status': String(code), 'grpc-message': encodeStatusMessage(message) };
    if (stream.headersSent) {
      this.#trailers = status;
      stream.end();
    } else stream.respond({ ...plainHeaders, ...status }, endOptions);
    // What the client still sends is of no use; without a reader it would fill the connection's window.
    stream.resume();
  }

  #finished(): void {
    this.done = true;
    clearTimeout(this.#timer);
    this.letGo(this.#inflated);
    this.onDone?.();
  }
}
