// Draws the demo's pictures from text with sharp: one printed line each, of different widths. They are committed, because a
// user's machine may have no fonts; run this only to change them (needs DejaVu and WenQuanYi Micro Hei).
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const folder = fileURLToPath(new URL('pictures/', import.meta.url));
const lines = [
  { name: 'receipt', text: 'TOTAL 42.50', font: 'DejaVu Sans', ink: '#222', paper: '#fafaf5' },
  {
    name: 'sign',
    text: 'TensorRT inside Node.js',
    font: 'DejaVu Sans',
    ink: '#101030',
    paper: '#ffffff',
  },
  {
    name: 'letter',
    text: 'The quick brown fox jumps over the lazy dog',
    font: 'DejaVu Serif',
    ink: '#333',
    paper: '#f6f0e0',
  },
  {
    name: 'street',
    text: '北京市朝阳区建国路88号',
    font: 'WenQuanYi Micro Hei',
    ink: '#fff',
    paper: '#1d4e89',
  },
];
for (const { name, text, font, ink, paper } of lines) {
  const markup = `<span foreground="${ink}">${text}</span>`;
  const glyphs = await sharp({ text: { text: markup, font: `${font} 24`, rgba: true, dpi: 96 } })
    .png()
    .toBuffer();
  const { width, height } = await sharp(glyphs).metadata();
  await sharp({
    create: { width: width + 24, height: height + 16, channels: 3, background: paper },
  })
    .composite([{ input: glyphs, left: 12, top: 8 }])
    .png({ compressionLevel: 9, palette: true })
    .toFile(`${folder}${name}.png`);
}
