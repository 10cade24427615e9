// Load for the figures, in a process of its own: node --import tsx clients.ts HOST:PORT MODEL PICTURE.npy CLIENTS BEGIN END (milliseconds since 1970).
// Each client sends its picture again when it is answered; prints the milliseconds of the requests that were sent between begin and end,
// and when the last was answered.
import { readNpy } from 'trt-node';
import { infer, inferRequest } from './http.ts';
import { normalize } from './picture.ts';

const [server = '', model = '', pixels = '', clients, begin, end] = process.argv.slice(2);
const pictures = normalize((await readNpy(pixels)).data as Uint8Array);
const request = inferRequest(pictures.subarray(0, 3 * 224 * 224), 1);
const times: number[] = [];

async function client(): Promise<void> {
  while (Date.now() < Number(end)) {
    const counts = Date.now() >= Number(begin);
    const sent = performance.now();
    await infer(server, model, request);
    if (counts) times.push(performance.now() - sent);
  }
}

await Promise.all(Array.from({ length: Number(clients) }, client));
console.log(JSON.stringify({ times, last: Date.now() }));
