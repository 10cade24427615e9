// What a plan's bytes tell before anything is deserialized. Only what all plans agree on that we know, and only where it stands where it must: the rest is
// undefined. docs/preflight.md says which plans those were.

import type { RuntimeKind } from '../platform.js';
import { TagError, TagReader } from './plan-tags.js';

/** A version of TensorRT. */
export interface PlanVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly build: number;
}

/** What is known of a plan from its own bytes; undefined is unknown. */
export interface PlanFacts {
  readonly runtime: RuntimeKind;
  readonly bytes: number;
  /** What the header says the plan has. */
  readonly announcedBytes: number | undefined;
  /** Of the TensorRT that built it. */
  readonly version: PlanVersion | undefined;
  /** TensorRT's number of the format. */
  readonly serializationVersion: number | undefined;
  /** Of the GPU that it was built on. */
  readonly computeCapability: readonly [major: number, minor: number] | undefined;
  readonly multiprocessors: number | undefined;
  /** On which other GPUs it runs. */
  readonly hardwareCompatibilityLevel: 'none' | 'amperePlus' | undefined;
  readonly versionCompatible: boolean | undefined;
  /** Whether it brings a lean runtime, which is host code. */
  readonly leanRuntime: boolean | undefined;
  /** Whether its weights were left out, to be put in by refitting. */
  readonly stripped: boolean | undefined;
  /** Weights in the plan. */
  readonly weightsBytes: number | undefined;
  /** Whether weights may stay in host memory. */
  readonly weightStreaming: boolean | undefined;
  /** Activation memory of a context, by optimization profile. */
  readonly activationBytesPerProfile: readonly number[] | undefined;
}

/** As much of a plan's beginning is looked at. */
export const headBytes = 16 * 2 ** 20;

/** A lean runtime has tens of megabytes: a smaller plan has none in it. */
const leastLeanRuntimeBytes = 4 * 2 ** 20;

/** TensorRT's numbers of the formats that we know: 8.6.1's and 10.6.0's. */
const format86 = 236;
const format106 = 239;

const device = 0x8012;
const deviceProperties = 0x8010;

/** Bounds of what a hostile file can make us read again and again. */
const mostParts = 16;
const mostTextBytes = 4n * 2n ** 20n;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Runs `read` and takes what it found until then, if the bytes are not as they should be. */
function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof TagError) && !(error instanceof RangeError)) throw error;
  }
}

/**
 * Reads the beginning of a plan.
 *
 * @param head - Its first bytes: all, or at least {@link headBytes}.
 * @param bytes - How many it has in all.
 * @returns undefined where this is no plan at all
 */
export function readPlanFacts(head: Uint8Array, bytes: number): PlanFacts | undefined {
  const buffer = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const magic = buffer.toString('latin1', 0, 8);
  const facts: Mutable<PlanFacts> = {
    runtime: magic === 'TRTNREF1' ? 'reference' : 'tensorrt',
    bytes,
    announcedBytes: undefined,
    version: undefined,
    serializationVersion: undefined,
    computeCapability: undefined,
    multiprocessors: undefined,
    hardwareCompatibilityLevel: undefined,
    versionCompatible: undefined,
    leanRuntime: undefined,
    stripped: undefined,
    weightsBytes: undefined,
    weightStreaming: undefined,
    activationBytesPerProfile: undefined,
  };
  if (facts.runtime === 'reference') {
    if (buffer.length >= 24) facts.announcedBytes = Number(buffer.readBigUInt64LE(16));
    return facts;
  }
  if (magic.startsWith('ptrt')) return facts; // TensorRT 8.5 and older: no layout that we know
  if (!magic.startsWith('ftrt')) return undefined;
  if (buffer.length < 32) return facts;
  const format = buffer.readBigUInt64LE(8);
  if (format !== 1n && format !== 2n) return facts;
  facts.announcedBytes = Number(buffer.readBigUInt64LE(16));
  const [major = 0, minor = 0, patch = 0, build = 0] = buffer.subarray(24, 28);
  if (major === 0) return facts;
  facts.version = { major, minor, patch, build };
  if (facts.announcedBytes !== bytes) return facts;
  attempt(() => {
    readSections(buffer, Number(format), facts);
  });
  if (facts.versionCompatible === false || bytes < leastLeanRuntimeBytes) facts.leanRuntime = false;
  return facts;
}

interface Section {
  name: string;
  offset: number;
  bytes: number;
}

/** From 0x20 to the first section: a name of four letters, backwards, u32 0, u64 offset, u64 size. */
function sectionTable(buffer: Buffer): Section[] {
  const sections: Section[] = [];
  let end = buffer.length;
  for (let at = 0x20; at + 24 <= end && sections.length < 64; at += 24) {
    const name = buffer
      .toString('latin1', at, at + 4)
      .split('')
      .reverse()
      .join('');
    const [offset, bytes] = [buffer.readBigUInt64LE(at + 8), buffer.readBigUInt64LE(at + 16)];
    const good = /^[A-Z]{4}$/.test(name) && buffer.readUInt32LE(at + 4) === 0;
    if (!good || offset < BigInt(at + 24)) throw new TagError('no section');
    if (offset + bytes > buffer.readBigUInt64LE(16)) throw new TagError('a section ends outside');
    sections.push({ name, offset: Number(offset), bytes: Number(bytes) });
    end = Math.min(end, Number(offset));
  }
  return sections;
}

function readSections(buffer: Buffer, format: number, facts: Mutable<PlanFacts>): void {
  const sections = sectionTable(buffer);
  const engine = sections.find(({ name }) => name === 'ENGN');
  if (engine === undefined || sections.filter(({ name }) => name === 'ENGN').length > 1) return;
  const { offset, bytes } = engine;
  if (buffer.toString('latin1', offset, offset + 4) !== 'ptrt') return;
  // "ptrt", then u32 number, u64 size, u32 0 in format 2; u32 0, u64 number, u64 size in format 1.
  const [numberAt, sizeAt, start] = format === 2 ? [4, 8, 20] : [8, 16, 24];
  if (buffer.readBigUInt64LE(offset + sizeAt) !== BigInt(bytes - start)) return;
  facts.serializationVersion = buffer.readUInt32LE(offset + numberAt);
  const reader = new TagReader(buffer, offset + start, offset + bytes);
  readDevice(reader, facts);
  if (facts.serializationVersion !== format106 || facts.version?.major !== 10) return;
  const weights = sections.filter(({ name }) => name === 'WGHT');
  if (weights.length === 1) facts.weightsBytes = weights[0]?.bytes;
  attempt(() => {
    readEngine(reader, facts);
  });
  facts.versionCompatible = findVersionCompatible(buffer, offset, offset + bytes);
}

/** The same in 8.6 and 10.6: the version again, then the GPU. */
function readDevice(reader: TagReader, facts: Mutable<PlanFacts>): void {
  const { major, minor, patch, build } = facts.version ?? {
    major: 0,
    minor: 0,
    patch: 0,
    build: 0,
  };
  const again = [reader.byte(), reader.byte(), reader.byte(), reader.byte()];
  if (again.join() !== [major, minor, patch, build].join()) throw new TagError('another version');
  reader.open();
  const level = reader.int32();
  reader.open(device);
  reader.open(deviceProperties);
  const capability: [number, number] = [reader.int32(), reader.int32()];
  for (let count = 0; count < 3; count++) reader.int32(); // clocks, width of the memory bus
  reader.size(); // level 2 cache
  reader.size(); // of it, what may be persistent
  for (let count = 0; count < 3; count++) reader.int32(); // shared memory, texture alignment
  const multiprocessors = reader.int32();
  reader.closeAfterScalars(deviceProperties);
  reader.close(device);
  const { serializationVersion } = facts;
  if (capability[0] < 3 || capability[0] > 99 || capability[1] < 0 || capability[1] > 9) return;
  if (multiprocessors < 1 || multiprocessors > 4096) return;
  facts.computeCapability = capability;
  if (serializationVersion === format86 || serializationVersion === format106) {
    facts.multiprocessors = multiprocessors;
  }
  // Of 8.6 we have only seen plans for one GPU, and of the third level no plan at all.
  const levels = ['none', 'amperePlus'] as const;
  if (serializationVersion === format106) facts.hardwareCompatibilityLevel = levels[level];
}

/** What follows the GPU in 10.6. */
function readEngine(reader: TagReader, facts: Mutable<PlanFacts>): void {
  reader.bool();
  const stripped = reader.bool();
  reader.size();
  reader.size();
  reader.open(0x80e9); // weights
  reader.block();
  reader.size();
  reader.int32();
  reader.size();
  reader.size();
  reader.close(0x80e9);
  facts.stripped = stripped;
  reader.open(0x80e8);
  reader.int32(); // how it can be refitted
  reader.bool();
  reader.bool();
  facts.weightStreaming = reader.bool();
  reader.open(0x8031);
  reader.int32();
  reader.size();
  reader.size();
  reader.text(); // the engine's name
  reader.sizes();
  reader.int32();
  const profiles = reader.listsOfSizes();
  if (profiles.length === 0) return;
  facts.activationBytesPerProfile = profiles.map((parts) => parts.reduce((a, b) => a + b, 0));
}

/**
 * The flag stands where TensorRT's inner compiler notes its settings: a list of bytes that begins with "NLYM", and in its text a line "version_compatible=". A plan
 * without such a part does not tell.
 */
function findVersionCompatible(buffer: Buffer, start: number, end: number): boolean | undefined {
  const magic = Buffer.from('NLYM\x1a\x9c\x1e\x00', 'latin1');
  const tag = Buffer.of(0x01, 0x80, 0x03, 0x80, 0x01, 0x00);
  const found = new Set<string | undefined>();
  let seen = 0;
  for (let at = buffer.indexOf(magic, start); at >= 0 && at < end && seen < mostParts; seen++) {
    const before = at - tag.length - 8;
    if (before >= start && buffer.subarray(before, before + tag.length).equals(tag)) {
      const size = buffer.readBigUInt64LE(at - 8);
      const textBytes = at + 16 <= buffer.length ? buffer.readBigUInt64LE(at + 8) : 0n;
      if (BigInt(at) + size <= BigInt(end) && textBytes <= size && textBytes <= mostTextBytes) {
        const text = buffer.toString('latin1', at + 16, at + 16 + Number(textBytes));
        const lines = [...text.matchAll(/^ {2}version_compatible=([01])$/gm)];
        found.add(text.startsWith('header {') && lines.length === 1 ? lines[0]?.[1] : undefined);
      }
    }
    at = buffer.indexOf(magic, at + magic.length);
  }
  const [only] = found;
  return found.size === 1 && only !== undefined ? only === '1' : undefined;
}
