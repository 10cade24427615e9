// HTTP load: one kept-alive connection a lane, requests written as bytes, and just enough of HTTP/1.1 read to know when an answer is complete.
import { connect } from 'node:net';
import { httpRequest } from './requests.mjs';

const headEnd = Buffer.from('\r\n\r\n');

class HttpLane {
  #host;
  #port;
  #request;
  #socket;
  #done;
  #status = '';
  #head = Buffer.alloc(0);
  /** Bytes of the body that are still to come; -1 while the head is. */
  #missing = -1;

  constructor(host, port, request) {
    this.#host = host;
    this.#port = port;
    this.#request = request;
  }

  connect() {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, this.#host, () => resolve(this));
      socket.setNoDelay(true);
      socket.on('data', (chunk) => this.#read(chunk));
      socket.on('error', reject);
      socket.on('close', () => this.#finish('closed'));
      this.#socket = socket;
    });
  }

  /** `done('')` on success, else the HTTP status or 'closed'. */
  send(done) {
    this.#done = done;
    if (this.#socket.destroyed)
      this.connect().then(
        () => this.#write(),
        () => this.#finish('refused'),
      );
    else this.#write();
  }

  close() {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #write() {
    this.#missing = -1;
    this.#socket.write(this.#request);
  }

  #read(chunk) {
    let rest = chunk;
    if (this.#missing < 0) {
      if (this.#head.length > 0) rest = Buffer.concat([this.#head, chunk]);
      const end = rest.indexOf(headEnd);
      if (end < 0) {
        this.#head = rest;
        return;
      }
      this.#head = Buffer.alloc(0);
      const head = rest.latin1Slice(0, end);
      this.#status = head.slice(9, 12);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head);
      this.#missing = Number(length?.[1] ?? 0);
      rest = rest.subarray(end + 4);
    }
    this.#missing -= rest.length;
    if (this.#missing <= 0) this.#finish(this.#status === '200' ? '' : this.#status);
  }

  #finish(outcome) {
    const done = this.#done;
    this.#done = undefined;
    done?.(outcome);
  }
}

export async function httpLanes({ host, port, model, lanes }) {
  const request = httpRequest(model, `${host}:${port}`);
  return Promise.all(
    Array.from({ length: lanes }, () => new HttpLane(host, port, request).connect()),
  );
}
