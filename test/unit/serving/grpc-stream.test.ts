// ModelStreamInfer over a fake service: order, errors, cancellation, backpressure.

import * as grpc from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type Fields, simpleRequest } from '../../helpers/grpc-client.js';
import { client, door, service, setUpGrpcDoor, start, until } from '../../helpers/grpc-door.js';

setUpGrpcDoor();

describe('ModelStreamInfer', () => {
  /** Sends what is given, and collects what comes until the stream ends. */
  async function exchange(
    requests: Fields[],
    metadata: Record<string, string> = {},
  ): Promise<{ responses: Fields[]; code: grpc.status }> {
    const stream = client.stream(metadata);
    const responses: Fields[] = [];
    stream.on('data', (response: Fields) => responses.push(response));
    stream.on('error', () => undefined);
    const ended = new Promise<grpc.status>((resolve) => {
      stream.on('status', ({ code }) => {
        resolve(code);
      });
    });
    for (const request of requests) stream.write(request);
    stream.end();
    return { code: await ended, responses };
  }

  const idOf = (response: Fields) => (response.infer_response as Fields).id;

  it('answers in the order of the requests, says which response is the last, and ends well', async () => {
    const requests = Array.from({ length: 300 }, (_, id) =>
      simpleRequest('simple', { id: `${id}` }),
    );
    const { code, responses } = await exchange(requests);
    expect(code).toBe(grpc.status.OK);
    expect(responses.map(idOf)).toEqual(requests.map(({ id }) => id));
    expect(responses[0]!.infer_response).toMatchObject({
      parameters: { triton_final_response: { bool_param: true } },
    });
  });

  it('a slow request holds back those after it, not their execution', async () => {
    const stream = client.stream();
    const ids: unknown[] = [];
    stream.on('data', (response: Fields) => ids.push(idOf(response)));
    stream.write(simpleRequest('slow', { id: 'first' }));
    stream.write(simpleRequest('simple', { id: 'second' }));
    await until(() => service.requests.length === 2 && service.held === 1);
    expect(ids).toEqual([]);
    service.release();
    await until(() => ids.length === 2);
    expect(ids).toEqual(['first', 'second']);
    stream.end();
    await until(() => stream.destroyed || stream.readableEnded);
  });

  it('an error is a response with the id, and does not end the stream', async () => {
    const { code, responses } = await exchange([
      simpleRequest('missing', { id: 'bad' }),
      simpleRequest('simple', { id: 'good' }),
    ]);
    expect(code).toBe(grpc.status.OK);
    expect(responses.map(idOf)).toEqual(['bad', 'good']);
    expect(responses[0]!.error_message).toContain("'missing' is not found");
    expect(responses[1]!.error_message).toBe('');
  });

  it('with triton_grpc_error it ends the stream with its status', async () => {
    const { code, responses } = await exchange([simpleRequest('missing'), simpleRequest('slow')], {
      triton_grpc_error: 'true',
    });
    expect(code).toBe(grpc.status.NOT_FOUND);
    expect(responses).toEqual([]);
    await until(() => service.pending === 0);
  });

  it('cancelled, all its requests leave the queue', async () => {
    const stream = client.stream();
    stream.on('error', () => undefined);
    for (let count = 0; count < 3; count++) stream.write(simpleRequest('slow'));
    await until(() => service.held === 3);
    stream.cancel();
    await until(() => service.cancelled === 3 && door.inFlight === 0);
  });

  it('no more requests are read than may wait', async () => {
    await start({ maxStreamRequests: 4 });
    const stream = client.stream();
    let responses = 0;
    stream.on('data', () => responses++);
    // Large enough that they do not all come in one piece.
    const id = 'x'.repeat(100_000);
    for (let count = 0; count < 40; count++) stream.write(simpleRequest('slow', { id }));
    await until(() => service.held >= 4);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(service.requests.length).toBeLessThan(10);
    const release = setInterval(() => {
      service.release();
    }, 1);
    await until(() => responses === 40);
    clearInterval(release);
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.end();
    await ended;
  });
});
