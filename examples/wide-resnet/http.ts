// The two calls that the example makes over HTTP: loading a model, and inference with the tensor as bytes behind the JSON.
import { spawnSync } from 'node:child_process';

/** `curl -X POST HOST:PORT/v2/repository/models/NAME/load`; without curl the same by fetch. */
export async function load(
  server: string,
  model: string,
): Promise<{ status: number; body: string }> {
  const url = `http://${server}/v2/repository/models/${model}/load`;
  const args = ['--silent', '--show-error', '--write-out', '\n%{http_code}', '-X', 'POST', url];
  const { error, stdout } = spawnSync('curl', args, { encoding: 'utf8' });
  if (error !== undefined) {
    const answer = await fetch(url, { method: 'POST' });
    return { status: answer.status, body: await answer.text() };
  }
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

/** What `batch` pictures are asked with. */
export function inferRequest(pictures: Float32Array, batch: number): RequestInit {
  const header = JSON.stringify({
    inputs: [
      {
        name: 'actual_input_1',
        datatype: 'FP32',
        shape: [batch, 3, 224, 224],
        parameters: { binary_data_size: pictures.byteLength },
      },
    ],
    outputs: [{ name: 'output1', parameters: { binary_data: true } }],
  });
  const bytes = new Uint8Array(pictures.buffer, pictures.byteOffset, pictures.byteLength);
  return {
    method: 'POST',
    headers: { 'Inference-Header-Content-Length': String(Buffer.byteLength(header)) },
    body: Buffer.concat([Buffer.from(header), bytes]),
  };
}

/** The scores of the request's pictures. @throws with the server's words */
export async function infer(
  server: string,
  model: string,
  request: RequestInit,
): Promise<Float32Array> {
  const answer = await fetch(`http://${server}/v2/models/${model}/versions/1/infer`, request);
  const body = await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${answer.status}: ${Buffer.from(body).toString()}`);
  const json = Number(answer.headers.get('inference-header-content-length'));
  return new Float32Array(body.slice(json));
}
