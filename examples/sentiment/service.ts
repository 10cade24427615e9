// The web service: POST a sentence, get {"label","score"}. Tokenizer, engine and HTTP handler are one process.
import { type IncomingMessage, type Server, createServer } from 'node:http';
import { isTensorRTError } from 'trt-node';
import type { Classifier } from './classifier.ts';

/** 512 tokens are about 3 KiB of text; what comes after them is not looked at. */
const maxBytes = 64 * 1024;

/** For a request to come in whole, and for all to be answered at the end; Triton's --exit-timeout-secs has this default, too. */
const patience = 30_000;

/** Something wrong with a request: an HTTP status and a sentence. */
class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
  }
  // Said at the end: a caller who is still sending would not hear it.
  if (bytes > maxBytes) throw new RequestError(413, `Send at most ${maxBytes} bytes.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new RequestError(400, 'The text is not UTF-8.');
  }
}

function textOfJson(body: string): unknown {
  try {
    return (JSON.parse(body) as { text?: unknown } | null)?.text;
  } catch {
    throw new RequestError(400, 'The body is not JSON.');
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  if (request.url !== '/') throw new RequestError(404, 'There is only POST /.');
  if (request.method !== 'POST') throw new RequestError(405, 'Use POST.');
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? 'text/plain';
  if (type !== 'text/plain' && type !== 'application/json') {
    const hint = type.endsWith('form-urlencoded') ? ' With curl: -H content-type:text/plain.' : '';
    throw new RequestError(415, `Send text/plain or application/json, not ${type}.${hint}`);
  }
  const body = await readBody(request);
  const text = type === 'text/plain' ? body : textOfJson(body);
  if (typeof text !== 'string') throw new RequestError(400, 'Send {"text": "a sentence"}.');
  if (text.trim() === '') throw new RequestError(400, 'The text is empty.');
  return text;
}

/** What an error means to the caller. */
function failureOf(error: unknown): { status: number; message: string } {
  if (error instanceof RequestError) return error;
  if (isTensorRTError(error) && error.code === 'ERR_TRT_QUEUE_FULL') {
    return { status: 503, message: 'Too many requests wait; try again soon.' };
  }
  console.error(error);
  return { status: 500, message: 'The service failed; its log says why.' };
}

/** A server that is not yet listening. */
export function createService(classifier: Classifier): Server {
  const times = { requestTimeout: patience, connectionsCheckingInterval: 5000 };
  const server = createServer(times, (request, response) => {
    const answer = (status: number, body: object): void => {
      // A service that is about to end keeps no connection.
      if (!server.listening) response.setHeader('connection', 'close');
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    readText(request)
      .then((text) => classifier.classify(text, gone.signal))
      .then(
        (sentiment) => answer(200, sentiment),
        (error: unknown) => {
          if (gone.signal.aborted) return;
          const { status, message } = failureOf(error);
          answer(status, { error: message });
        },
      );
  });
  return server;
}

/** Takes no more connections, and resolves when all requests are answered. Who has not sent all of theirs within `milliseconds` is cut off. */
export async function drain(server: Server, milliseconds = patience): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), milliseconds);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(timer);
}
