// The encrypted plan: "TRTENC1\0", a nonce of 12 bytes, AES-256-GCM of the plan, a tag of 16 bytes.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { pipeline as pipelineAsync } from 'node:stream/promises';

const magic = Buffer.from('TRTENC1\0');
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = magic.length + nonceBytes;

/** The key from PLAN_KEY, 64 hexadecimal digits. */
export function keyFromEnvironment() {
  const text = process.env.PLAN_KEY ?? '';
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new Error(
      'PLAN_KEY must be 64 hexadecimal digits: export PLAN_KEY=$(openssl rand -hex 32)',
    );
  }
  return Buffer.from(text, 'hex');
}

/** Encrypts the file `from` to the file `to`. */
export async function encryptPlan(from, to, key) {
  const nonce = randomBytes(nonceBytes);
  const head = Buffer.concat([magic, nonce]);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(head);
  const out = createWriteStream(to);
  out.write(head);
  await pipelineAsync(
    createReadStream(from),
    cipher,
    async function* (chunks) {
      yield* chunks;
      yield cipher.getAuthTag(); // known at the end
    },
    out,
  );
}

/** The plan in an encrypted file as a stream, for Session.load. It fails at its end when the file is not genuine. */
export async function decryptPlan(file, key) {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(headBytes);
    const tag = Buffer.alloc(tagBytes);
    await handle.read(head, 0, headBytes, 0);
    if (size < headBytes + tagBytes || !head.subarray(0, magic.length).equals(magic)) {
      throw new Error(`${file} is no encrypted plan`);
    }
    await handle.read(tag, 0, tagBytes, size - tagBytes);
    const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(magic.length));
    decipher.setAAD(head).setAuthTag(tag);
    // `end` is inclusive. pipeline() passes errors on and closes the file; its own report is the stream's.
    const cipherText = handle.createReadStream({ start: headBytes, end: size - tagBytes - 1 });
    return pipeline(cipherText, decipher, () => {});
  } catch (error) {
    await handle.close();
    throw error;
  }
}
