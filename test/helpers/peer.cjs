// A process that does what its parent tells it by messages: the body of an async function of (trt, state, args); for tests with several
// processes. Sends back what it returns, or the error.
'use strict';

const trt = require('trt-node');

const AsyncFunction = (async () => undefined).constructor;
const state = {};

process.on('message', ({ id, body, args }) => {
  new AsyncFunction('trt', 'state', 'args', body)(trt, state, args).then(
    (value) => process.send({ id, value }),
    ({ code, message }) => process.send({ id, error: { code, message } }),
  );
});
