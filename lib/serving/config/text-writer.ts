// Writes a config as config.pbtxt.

import {
  type FieldShape,
  type MessageObject,
  type MessageShape,
  configShape,
  entryFields,
  zeroOf,
} from './fields.js';
import type { ModelConfig } from './model-config.js';

/** The text of a config.pbtxt: fields in the schema's order, without those at their default. {@link parseModelConfig} reads the same config from it. */
export function formatModelConfig(config: ModelConfig): string {
  const lines: string[] = [];
  writeFields(configShape(), config as unknown as MessageObject, '', lines);
  return lines.map((line) => `${line}\n`).join('');
}

function writeFields(shape: MessageShape, message: MessageObject, indent: string, lines: string[]) {
  for (const field of shape.fields.values()) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.label === 'map') {
      for (const [key, item] of Object.entries(value as MessageObject)) {
        writeMessage(field, entryOf(field, key, item), indent, lines, field.name);
      }
    } else if (field.label === 'repeated') {
      writeList(field, value as readonly unknown[], indent, lines);
    } else if (field.kind === 'message') {
      writeMessage(field, value as MessageObject, indent, lines, field.name);
    } else if (field.oneof !== undefined || !Object.is(value, zeroOf(field))) {
      lines.push(`${indent}${field.name}: ${scalarText(field, value)}`);
    }
  }
}

function entryOf(field: FieldShape, key: string, value: unknown): MessageObject {
  // Keys are strings in memory; those of a map of numbers are written without quotes.
  const isText = entryFields(field).key.kind === 'string';
  return { key: isText ? key : Number(key), value };
}

function writeList(
  field: FieldShape,
  list: readonly unknown[],
  indent: string,
  lines: string[],
): void {
  if (list.length === 0) return;
  if (field.kind !== 'message') {
    const items = list.map((item) => scalarText(field, item));
    lines.push(`${indent}${field.name}: [ ${items.join(', ')} ]`);
    return;
  }
  lines.push(`${indent}${field.name} [`);
  list.forEach((item, index) => {
    const inner: string[] = [];
    writeMessage(field, item as MessageObject, `${indent}  `, inner, '');
    if (index < list.length - 1) inner.push(`${inner.pop() ?? ''},`);
    lines.push(...inner);
  });
  lines.push(`${indent}]`);
}

function writeMessage(
  field: FieldShape,
  message: MessageObject,
  indent: string,
  lines: string[],
  name: string,
): void {
  const inner: string[] = [];
  if (field.message !== undefined) writeFields(field.message, message, `${indent}  `, inner);
  const head = name === '' ? '' : `${name} `;
  if (inner.length === 0) lines.push(`${indent}${head}{ }`);
  else lines.push(`${indent}${head}{`, ...inner, `${indent}}`);
}

function scalarText(field: FieldShape, value: unknown): string {
  if (typeof value === 'string') return field.kind === 'enum' ? value : stringText(value);
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 'nan';
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
    return Object.is(value, -0) ? '-0.0' : String(value);
  }
  return String(value);
}

const escapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
};

function stringText(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what has to be escaped
  const escaped = text.replace(/["\\\x00-\x1f\x7f]/g, (character) => {
    const octal = character.charCodeAt(0).toString(8).padStart(3, '0');
    return escapes[character] ?? `\\${octal}`;
  });
  return `"${escaped}"`;
}
