// The other process of ipc.test.ts: does what the bodies of functions say that its parent sends (see test/helpers/peer.ts).

import * as trt from 'trt-node';

type Body = (api: typeof trt, state: object, args: object) => Promise<unknown>;
const AsyncFunction = (async () => undefined).constructor as new (...source: string[]) => Body;
const state = {};

process.on('message', (message) => {
  const { id, body, args } = message as { id: number; body: string; args: object };
  new AsyncFunction('trt', 'state', 'args', body)(trt, state, args).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => {
      const { code, message: text } = error as { code: string; message: string };
      process.send?.({ id, error: { code, message: text } });
    },
  );
});
