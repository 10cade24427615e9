// Picture files that a person names: looked for where that person stands, and what is no picture is told in a sentence.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ExampleError } from './failure.ts';

/** The file's path. npm runs an example in its own folder, and INIT_CWD is where npm was called. */
export function findPicture(name: string): string {
  const folders = [process.cwd(), process.env.INIT_CWD ?? process.cwd()];
  const file = folders.map((folder) => path.resolve(folder, name)).find((it) => existsSync(it));
  if (file === undefined) {
    throw new ExampleError(`There is no picture ${name}.`, 'Give the path of one.');
  }
  return file;
}

/** What `decoding` the file gives. @throws ExampleError with the decoder's words. */
export async function decoded<T>(file: string, decoding: Promise<T>): Promise<T> {
  try {
    return await decoding;
  } catch (error) {
    throw new ExampleError(
      `${file} cannot be decoded: ${(error as Error).message}.`,
      'Give a picture that sharp reads: JPEG, PNG, WebP, AVIF, GIF, TIFF or SVG.',
    );
  }
}
