// Load for the figures: callers that each keep a connection and ask one sentence after another.
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Latency, latencyOf } from '../kit/figures.ts';

/** What the service answered; rejects unless it is 200. */
export async function ask(url: string, sentence: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent }, (response) => {
      text(response).then((body) => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${response.statusCode ?? ''}: ${body}`));
      }, reject);
    });
    sent.setHeader('content-type', 'text/plain');
    sent.once('error', reject).end(sentence);
  });
}

export interface LoadResult {
  readonly latency: Latency;
  readonly perSecond: number;
}

/** `callers` at once for `seconds`, after half a second or more that does not count. */
export async function load(
  url: string,
  sentences: readonly string[],
  callers: number,
  seconds: number,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const begin = performance.now() + Math.max(500, seconds * 200);
  const end = begin + seconds * 1000;
  const times: number[] = [];
  const caller = async (first: number): Promise<void> => {
    for (let turn = first; ; turn += callers) {
      const started = performance.now();
      if (started >= end) return;
      await ask(url, sentences[turn % sentences.length] ?? '', agent);
      if (started >= begin) times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  agent.destroy();
  // The last answers come after the end, and the callers were busy until then.
  return {
    latency: latencyOf(times),
    perSecond: times.length / ((performance.now() - begin) / 1000),
  };
}
