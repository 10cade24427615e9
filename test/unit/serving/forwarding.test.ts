// What doors hand on besides the request itself: gRPC's metadata as parameters, and that the client has gone.

import { describe, expect, it } from 'vitest';
import { Cancellation, setCancellation } from '../../../lib/serving/cancellation.js';
import type { InferRequest } from '../../../lib/serving/request.js';
import { simpleRequest } from '../../helpers/grpc-client.js';
import { client, service, setUpGrpcDoor, start } from '../../helpers/grpc-door.js';

setUpGrpcDoor();

describe('gRPC header forwarding', () => {
  it('metadata that match become parameters, and no others', async () => {
    await start({ forwardHeaders: '(?i)^X-TEAM' });
    await client.unary('ModelInfer', simpleRequest(), {}, { 'x-team': 'blue', other: 'no' });
    expect({ ...service.requests[0]!.parameters }).toEqual({ 'x-team': 'blue' });
    await start();
    await client.unary('ModelInfer', simpleRequest(), {}, { 'x-team': 'blue' });
    expect(service.requests[1]!.parameters).toBeUndefined();
  });
});

describe('the signal of a request that came through a door', () => {
  it('is made when it is read or spread, and aborts for all who have it', () => {
    const cancellation = new Cancellation();
    const request: InferRequest = { modelName: 'a', inputs: {} };
    setCancellation(request, cancellation);
    const copy = { ...request };
    let told = 0;
    cancellation.onCancel = () => told++;
    cancellation.cancel('gone');
    cancellation.cancel('again');
    expect(told).toBe(1);
    expect(copy.signal).toBe(request.signal);
    expect(copy.signal?.aborted).toBe(true);
    expect(copy.signal?.reason).toBe('gone');
  });

  it('is aborted when it is read after the client has gone', () => {
    const cancellation = new Cancellation();
    cancellation.cancel('gone');
    expect(cancellation.signal.reason).toBe('gone');
  });
});
