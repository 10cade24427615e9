// A picture as binary PPM, which the Python clients read without Pillow.
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';

export async function writePpm(picture: string, ppm: string): Promise<void> {
  const { data, info } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
  writeFileSync(ppm, Buffer.concat([Buffer.from(`P6 ${info.width} ${info.height} 255\n`), data]));
}
