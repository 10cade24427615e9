// The infer request of HTTP: body in, one answer out; the client's going away cancels it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cancellation, setCancellation } from '../cancellation.js';
import type { InferResponse } from '../request.js';
import { InflateBudget } from '../security/inflate.js';
import type { Limits } from '../security/limits.js';
import type { InferenceService } from '../service.js';
import type { ServerSettings } from '../settings.js';
import { forwardHeadersOf } from '../forward-headers.js';
import { requestTraced } from '../traced-request.js';
import type { Trace } from '../tracer.js';
import { answerEncoding, deflateBody, inflateBody, requestEncoding } from './compression.js';
import { type ParsedRequest, jsonLength, parseInferRequest } from './infer-request.js';
import { type ResponseBody, closeOutputs, responseBody } from './infer-response.js';
import { rawInferRequest } from './raw-request.js';
import { errorAnswer, sendError } from './respond.js';

/** Parts shorter than this together are copied into one write; it is cheaper than several. */
const smallBody = 16 * 1024;

/** @internal */
export interface InferOptionsOfDoor {
  readonly service: InferenceService;
  readonly settings: ServerSettings;
  readonly limits: Limits;
  /** Headers whose names match become parameters of the request. */
  readonly forwardHeaders: RegExp | undefined;
}

/** What came with a request. @internal */
export interface InferCall {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly model: string;
  readonly version: string | undefined;
  /** performance.now() when its headers had come. */
  readonly receivedAt: number;
}

function header(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Answers infer requests. @internal */
export class InferHandler {
  readonly #options: InferOptionsOfDoor;
  readonly #underWay = new Set<Cancellation>();
  readonly #inflated: InflateBudget;

  constructor(options: InferOptionsOfDoor) {
    this.#options = options;
    this.#inflated = new InflateBudget(options.limits.maxInflatedBytes);
  }

  /** Requests that are not answered yet. */
  get inFlight(): number {
    return this.#underWay.size;
  }

  /** Gives all of them up. */
  abort(): void {
    for (const cancellation of this.#underWay) cancellation.cancel();
  }

  /** Answers; never rejects. */
  async answer(call: InferCall): Promise<void> {
    const { response } = call;
    const { limits, settings } = this.#options;
    if (this.#underWay.size >= limits.maxConcurrentRequests) {
      sendError(response, {
        status: 503,
        error: `Exceeds maximum queue size: ${limits.maxConcurrentRequests} requests are in the server`,
      });
      return;
    }
    const cancellation = new Cancellation();
    this.#underWay.add(cancellation);
    response.once('close', () => {
      if (!response.writableFinished) cancellation.cancel();
    });
    const trace = settings.tracer.start(call.model);
    let parsed: ParsedRequest | undefined;
    let answer: InferResponse | undefined;
    let inflatedBytes = 0;
    try {
      trace?.stamp('HTTP_RECV_START', call.receivedAt);
      trace?.stamp('HTTP_RECV_END');
      const encoding = requestEncoding(header(call.message, 'content-encoding'));
      let { body: received } = call;
      if (encoding !== undefined) {
        received = await inflateBody(received, encoding, limits.maxBodyBytes, this.#inflated);
        inflatedBytes = received.length;
      }
      parsed = this.#parse(call, received);
      answer = await this.#request(parsed, cancellation, trace);
      const body = responseBody(answer, parsed, this.#options.service);
      await this.#send(call, body instanceof Promise ? await body : body, trace);
    } catch (error) {
      this.#fail(call, error);
    } finally {
      if (answer !== undefined) closeOutputs(answer);
      if (parsed !== undefined) for (const range of parsed.ranges) range.release();
      this.#underWay.delete(cancellation);
      this.#inflated.giveBack(inflatedBytes);
      trace?.end();
    }
  }

  #parse(call: InferCall, body: Buffer): ParsedRequest {
    const { service, settings, limits, forwardHeaders } = this.#options;
    const { message, model, version } = call;
    const length = jsonLength(header(message, 'inference-header-content-length'), body.length);
    const { sharedMemory } = settings;
    const parsed =
      length === 0
        ? rawInferRequest(body, service, model, version)
        : parseInferRequest(body, length, { model, version, sharedMemory, limits });
    if (forwardHeaders !== undefined) {
      // By their names as the client wrote them.
      forwardHeadersOf(message.rawHeaders, forwardHeaders, parsed.request);
    }
    return parsed;
  }

  #request(
    { request }: ParsedRequest,
    cancellation: Cancellation,
    trace: Trace | undefined,
  ): Promise<InferResponse> {
    setCancellation(request, cancellation);
    // The answer is written at once: it may be views of the batch's memory.
    request.views = true;
    const { service } = this.#options;
    return trace === undefined ? service.request(request) : requestTraced(service, request, trace);
  }

  async #send(call: InferCall, body: ResponseBody, trace: Trace | undefined): Promise<void> {
    const { response, message } = call;
    const { header: text, parts, hasBinary } = body;
    const headerLength = hasBinary ? Buffer.byteLength(text) : 0;
    const headers = ['Content-Type', hasBinary ? 'application/octet-stream' : 'application/json'];
    if (hasBinary) headers.push('Inference-Header-Content-Length', String(headerLength));
    trace?.stamp('HTTP_SEND_START');
    const encoding = answerEncoding(header(message, 'accept-encoding'), text, hasBinary);
    if (encoding !== undefined) {
      const packed = await deflateBody(Buffer.concat([Buffer.from(text), ...parts]), encoding);
      headers.push('Content-Encoding', encoding, 'Content-Length', String(packed.length));
      write(response, headers, packed);
    } else if (!hasBinary) {
      headers.push('Content-Length', String(Buffer.byteLength(text)));
      write(response, headers, text);
    } else {
      writeParts(response, headers, Buffer.from(text), parts);
    }
    trace?.stamp('HTTP_SEND_END');
  }

  #fail(call: InferCall, error: unknown): void {
    const answer = errorAnswer(error);
    const { log } = this.#options.settings;
    if (log.isEnabled('verbose')) log.write('verbose', `Infer failed: ${answer.error}`);
    if (answer.status === 500) log.write('error', `infer of '${call.model}': ${String(error)}`);
    sendError(call.response, answer);
  }
}

function write(response: ServerResponse, headers: string[], body: Buffer | string): void {
  if (response.destroyed) return;
  response.writeHead(200, headers);
  response.end(body);
}

/** Writes large parts from where they are, in one system call with what is before them. */
function writeParts(
  response: ServerResponse,
  headers: string[],
  head: Buffer,
  parts: readonly Uint8Array[],
): void {
  if (response.destroyed) return;
  let size = head.length;
  for (const part of parts) size += part.length;
  headers.push('Content-Length', String(size));
  if (size <= smallBody) {
    write(response, headers, Buffer.concat([head, ...parts], size));
    return;
  }
  response.writeHead(200, headers);
  response.cork();
  response.write(head);
  for (const part of parts) response.write(part);
  response.end();
}
