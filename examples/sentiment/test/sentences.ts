// Sentences in many scripts for the tokenizer's test: made by rules, the same ones every time.

/** Letters by script, as ranges of code points. */
const scripts: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  latin: [
    [0x41, 0x5a],
    [0x61, 0x7a],
    [0xc0, 0x17f],
    [0x1e00, 0x1eff],
  ],
  greek: [
    [0x391, 0x3a1],
    [0x3a3, 0x3a9],
    [0x3ac, 0x3ce],
    [0x1f00, 0x1f15],
  ],
  cyrillic: [
    [0x400, 0x481],
    [0x48a, 0x4ff],
  ],
  armenian: [[0x531, 0x556]],
  hebrew: [
    [0x591, 0x5bd],
    [0x5d0, 0x5ea],
    [0xfb1d, 0xfb4f],
  ],
  arabic: [
    [0x621, 0x64a],
    [0x64b, 0x65f],
    [0x660, 0x669],
    [0xfb50, 0xfbb1],
  ],
  devanagari: [
    [0x904, 0x939],
    [0x93c, 0x94d],
    [0x958, 0x96f],
  ],
  tamil: [
    [0xb85, 0xb8a],
    [0xbae, 0xbb9],
    [0xbbe, 0xbc2],
  ],
  thai: [[0xe01, 0xe3a]],
  georgian: [
    [0x10a0, 0x10c5],
    [0x10d0, 0x10fa],
  ],
  hangul: [[0xac00, 0xd7a3]],
  kana: [
    [0x3041, 0x3096],
    [0x30a1, 0x30fa],
    [0xff66, 0xff9d],
  ],
  han: [
    [0x4e00, 0x9fff],
    [0x3400, 0x4db5],
    [0xf900, 0xfa2d],
    [0x20000, 0x2a6d6],
    [0x2f800, 0x2fa1d],
  ],
  emoji: [
    [0x1f300, 0x1f64f],
    [0x1f680, 0x1f6c5],
    [0x2600, 0x27bf],
    [0x1f1e6, 0x1f1ff],
  ],
  letterlike: [
    [0x2100, 0x214f],
    [0x2460, 0x24ff],
    [0xff01, 0xff5e],
    [0x1d400, 0x1d454],
    [0xfb00, 0xfb06],
  ],
};

const separators = [' ', ' ', ' ', ', ', '. ', '! ', '-', '  ', '\t', '\n', '\r\n', '\u00a0'];
const marks = ['\u0300', '\u0301', '\u0308', '\u0327', '\u0338', '\u200d', '\ufe0f', '\u20e3'];
const controls = ['\u0000', '\u0007', '\u001b[0m', '\u007f', '\u0085', '\u00ad', '\u200b'];
const oddities = [
  ...controls,
  '\u202e',
  '\ufeff',
  '\ufffd',
  '\ue000',
  '\u2028',
  '\u3000',
  '…',
  '«',
];
const tokens = ['[SEP]', '[CLS]', '[PAD]', '[UNK]', '[MASK]', '[sep]', '##ing', '[unused1]'];

/** By mulberry32; never Math.random. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** `count` texts, in which every script, and all that is odd, comes many times; `words` are words that a vocabulary is likely to have. */
export function makeSentences(count: number, words: readonly string[]): string[] {
  const dice = new Dice(7);
  const names = Object.keys(scripts);
  const letter = (script: string): string => {
    const [first, last] = dice.of(scripts[script] ?? []);
    return String.fromCodePoint(first + dice.below(last - first + 1));
  };
  const word = (script: string, longest = 10): string =>
    Array.from({ length: 1 + dice.below(longest) }, () => letter(script)).join('');
  const known = (): string => {
    const chosen = dice.of(words);
    return dice.of([chosen, chosen, chosen.toUpperCase(), `${chosen}${dice.of(words)}`]);
  };
  const line = (length: number, next: () => string): string =>
    Array.from({ length }, () => next() + dice.of(separators)).join('');

  const edges = ['', ' ', '\n', '\u0000', 'ΟΔΟΣ', 'İstanbul ISPARTA ısı', 'ﬁn', 'e\u0301té', 'Ǆ'];
  const kinds: (() => string)[] = [
    () => line(1 + dice.below(30), known),
    () => line(1 + dice.below(12), () => word(dice.of(names))),
    () => line(1 + dice.below(12), () => dice.of([known(), word(dice.of(names))])),
    () => line(1 + dice.below(12), () => known() + dice.of(marks) + dice.of(marks)),
    () => line(1 + dice.below(12), () => dice.of(oddities) + known() + dice.of(oddities)),
    () => line(1 + dice.below(8), () => dice.of([known(), dice.of(tokens)])),
    () => line(1 + dice.below(4), () => known() + letter('latin').repeat(80 + dice.below(60))),
    () => line(1 + dice.below(8), () => String(dice.below(1e6) / 100) + dice.of(['€', '%', ''])),
    () => line(300 + dice.below(600), () => dice.of([known(), word('latin', 3)])),
  ];
  const byScript = names.map((script) => () => {
    const text = line(1 + dice.below(15), () => word(script));
    return dice.of([text, text.normalize('NFC'), text.normalize('NFD'), text.toUpperCase()]);
  });
  // Over-long ones, the last kind, are every fiftieth.
  const usual = [...kinds.slice(0, -1), ...byScript];
  return Array.from({ length: count }, (_, index) => {
    if (index < edges.length) return edges[index] ?? '';
    const make = index % 50 === 0 ? kinds.at(-1) : usual[index % usual.length];
    return make?.() ?? '';
  });
}
