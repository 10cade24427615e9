// The Python client's question in TypeScript, with nothing but fetch: tsx client.ts [HOST:PORT] [PICTURE]
import path from 'node:path';
import sharp from 'sharp';
import { preprocess } from './preprocess.ts';

/** The answer of KServe's protocol, as far as it is used here. */
interface Answer {
  readonly error?: string;
  readonly outputs?: readonly { readonly name: string; readonly data: readonly string[] }[];
}

/** The best classes as `score:index[:label]`, by the classification extension; the tensor travels as binary data behind the JSON. */
export async function classify(
  server: string,
  tensor: Float32Array,
  count = 5,
): Promise<readonly string[]> {
  const header = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: 'gpu_0/data_0',
          datatype: 'FP32',
          shape: [3, 224, 224],
          parameters: { binary_data_size: tensor.byteLength },
        },
      ],
      outputs: [{ name: 'gpu_0/softmax_1', parameters: { classification: count } }],
    }),
  );
  const bytes = new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength);
  const response = await fetch(`http://${server}/v2/models/resnet50/infer`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/octet-stream',
      'Inference-Header-Content-Length': String(header.length),
    },
    body: Buffer.concat([header, bytes]),
  });
  const { error, outputs } = (await response.json()) as Answer;
  if (error !== undefined) throw new Error(error);
  return outputs?.[0]?.data ?? [];
}

if (process.argv[1] === import.meta.filename) {
  const [
    server = 'localhost:8100',
    file = path.join(import.meta.dirname, 'pictures/lighthouse.png'),
  ] = process.argv.slice(2);
  let tensor: Float32Array;
  try {
    tensor = await preprocess(sharp(file, { ignoreIcc: true }));
  } catch (error) {
    console.error(`${file} cannot be decoded: ${(error as Error).message}.`);
    console.error('Give the path of a picture.');
    process.exit(1);
  }
  try {
    console.log(await classify(server, tensor));
  } catch (error) {
    const { message, cause } = error as Error;
    console.error(`${server}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`);
    console.error('Is the server running? Start it with npm run serve, or give its HOST:PORT.');
    process.exitCode = 1;
  }
}
