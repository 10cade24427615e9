// Draws the pictures of this folder, one for each way in which decoders and resizers can differ: node --import tsx pictures/draw.ts
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** A lighthouse at dusk: areas, edges, gradients, and fine lines that alias where a resizer does not average. */
function scene(width: number, height: number): Buffer {
  const lines = Array.from(
    { length: 40 },
    (_, i) =>
      `<path d="M0 ${66 + i * 0.9} Q50 ${64 + i * 0.85} 100 ${66 + i * 0.9}" stroke="hsl(${200 + i}, 60%, ${20 + (i % 4) * 12}%)" stroke-width="0.4" fill="none"/>`,
  ).join('');
  return Buffer.from(`
    <svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 100 100" preserveAspectRatio="none">
      <linearGradient id="sky" x2="0" y2="1"><stop stop-color="#1b2a49"/><stop offset="1" stop-color="#f29e4c"/></linearGradient>
      <rect width="100" height="66" fill="url(#sky)"/>
      <circle cx="30" cy="60" r="9" fill="#ffe28a"/>
      <rect y="65" width="100" height="35" fill="#173f5f"/>${lines}
      <path d="M55 70 Q75 52 100 72 V80 H50 Z" fill="#3b3a36"/>
      <path d="M70 62 L72 24 H78 L80 62 Z" fill="#f4f1ea"/>
      <path d="M71 50 L71.6 40 H78.4 L79 50 Z M72 32 L72.2 26 H77.8 L78 32 Z" fill="#b5322b"/>
      <rect x="72.5" y="18" width="5" height="6" fill="#fff6c2"/><path d="M71.5 18 L75 13 L78.5 18 Z" fill="#2b2b2b"/>
      <path d="M72.5 20 L10 8 V18 L72.5 22 Z" fill="#fff6c2" fill-opacity="0.25"/>
    </svg>`);
}

const here = (name: string): string => path.join(import.meta.dirname, name);
const png = { compressionLevel: 9 } as const;
/** Flat SVG edges, without the transparency that it brings. */
const opaque = (width: number, height: number): Sharp =>
  sharp(scene(width, height)).flatten().removeAlpha();

await opaque(481, 333).png(png).toFile(here('lighthouse.png'));
await opaque(260, 371)
  .jpeg({ quality: 90 })
  .withMetadata({ orientation: 6 })
  .toFile(here('turned.jpg'));
await opaque(401, 302).jpeg({ quality: 80 }).withIccProfile('p3').toFile(here('profile.jpg'));
await opaque(97, 61).png(png).toFile(here('tiny.png'));
await opaque(131, 300).png(png).toFile(here('tall.png'));
await opaque(700, 259).toColourspace('b-w').png(png).toFile(here('grey.png'));
await opaque(300, 300)
  .png({ ...png, palette: true, colours: 32 })
  .toFile(here('palette.png'));
// Half transparent everywhere, and not at all in a circle: blending would change all the rest.
const circle = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="257" height="257"><rect width="257" height="257" fill-opacity="0.5"/><circle cx="128" cy="128" r="90"/></svg>',
);
await opaque(257, 257)
  .ensureAlpha()
  .composite([{ input: circle, blend: 'dest-in' }])
  .png(png)
  .toFile(here('transparent.png'));
