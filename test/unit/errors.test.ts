// The error table, the types, the documentation and the native half agree; classes work across copies of the package.

import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  AbortedError,
  ClosedError,
  InvalidArgumentError,
  TensorRTError,
  isTensorRTError,
} from 'trt-node';
import * as publicApi from '../../lib/index.js';
import { createError, describe as describeValue, errorTable, fileError } from '../../lib/errors.js';

const documentation = readFileSync('docs/errors.md', 'utf8');

describe('the table', () => {
  test('every code has its section in docs/errors.md, and no section is left over', () => {
    const sections = [...documentation.matchAll(/^### (ERR_TRT_\w+)$/gm)].map((match) => match[1]);
    expect(sections.sort()).toEqual(Object.keys(errorTable).sort());
  });

  test('every section says something', () => {
    for (const section of documentation.split(/^### /m).slice(1)) {
      expect(section.split('\n').slice(1).join(' ').trim().length, section).toBeGreaterThan(40);
    }
  });

  test('every class is exported and documented', () => {
    for (const { name } of Object.values(errorTable).map((row) => row.errorClass)) {
      expect(publicApi).toHaveProperty(name);
      expect(documentation).toContain(`\`${name}\``);
    }
  });

  test('every code of the native half is known', () => {
    const native = readFileSync('native/core/status.cc', 'utf8');
    const codes = new Set([...native.matchAll(/"(ERR_TRT_\w+)"/g)].map((match) => match[1]));
    expect(codes.size).toBeGreaterThan(25);
    for (const code of codes) expect(Object.keys(errorTable)).toContain(code);
  });
});

const info = {
  code: 'ERR_TRT_OUT_OF_MEMORY',
  message: 'expected 4096 bytes of device memory, got none',
  hint: 'Use less.',
  call: 'cuMemAlloc_v2',
  cudaErrorCode: 2,
  cudaErrorName: 'CUDA_ERROR_OUT_OF_MEMORY',
  requestedBytes: 4096,
  missingWeights: [],
  log: ['[E] no memory'],
};

describe('createError', () => {
  test.each(Object.entries(errorTable))('%s becomes its class', (code, { errorClass }) => {
    const error = createError({ ...info, code });
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toBeInstanceOf(TensorRTError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code, reason: info.message, hint: info.hint, log: info.log });
    expect(error.name).toBe(code === 'ERR_TRT_ABORTED' ? 'AbortError' : errorClass.name);
  });

  test('all that the addon knows is on the error', () => {
    const error = createError(info);
    expect(error.message).toBe('expected 4096 bytes of device memory, got none. Use less.');
    expect(error).toMatchObject({
      requestedBytes: 4096,
      call: 'cuMemAlloc_v2',
      cudaErrorName: 'CUDA_ERROR_OUT_OF_MEMORY',
      cudaErrorCode: 2,
    });
    expect(inspect(error)).toContain("code: 'ERR_TRT_OUT_OF_MEMORY'");
    expect(error.stack).toContain('OutOfMemoryError: expected 4096 bytes');
  });

  test('what the addon does not know is not there', () => {
    const nothing = { call: '', cudaErrorCode: 0, cudaErrorName: '', requestedBytes: undefined };
    const error = createError({ ...info, ...nothing, hint: '', log: [] });
    expect(Object.keys(error).sort()).toEqual(['code', 'hint', 'log', 'reason']);
    expect(error.message).toBe(`${info.message}. ${errorTable.ERR_TRT_OUT_OF_MEMORY.hint}`);
  });

  test('an unknown code is a fault of ours', () => {
    const error = createError({ ...info, code: 'toString' });
    expect(error).toMatchObject({ code: 'ERR_TRT_INTERNAL' });
    expect(error.message).toContain('toString');
  });
});

describe('instanceof', () => {
  test('holds across copies of the package, class by class', async () => {
    vi.resetModules();
    const other = await import('../../lib/errors.js');
    expect(other.ClosedError).not.toBe(ClosedError);
    const foreign = new other.ClosedError('ERR_TRT_CLOSED', 'it was closed', 'Make a new one.');
    expect(foreign).toBeInstanceOf(ClosedError);
    expect(foreign).toBeInstanceOf(TensorRTError);
    expect(foreign).not.toBeInstanceOf(InvalidArgumentError);
    expect(isTensorRTError(foreign)).toBe(true);
  });

  test("of a user's subclass holds for that subclass only", () => {
    class Mine extends ClosedError {}
    const closed = new ClosedError('ERR_TRT_CLOSED', 'it was closed', 'Make a new one.');
    expect(closed).not.toBeInstanceOf(Mine);
    expect(new Mine('ERR_TRT_CLOSED', 'it was closed', '')).toBeInstanceOf(Mine);
    expect(new Mine('ERR_TRT_CLOSED', 'it was closed', '')).toBeInstanceOf(ClosedError);
  });

  test.each([undefined, null, 1, 'ERR_TRT_CLOSED', new Error('plain'), {}])(
    '%s is none of ours',
    (value) => {
      expect(isTensorRTError(value)).toBe(false);
    },
  );
});

test('AbortedError looks like every AbortError of Node.js', () => {
  const reason = new Error('enough');
  const error = new AbortedError('ERR_TRT_ABORTED', 'aborted', '', { cause: reason });
  expect(error.name).toBe('AbortError');
  expect(error.cause).toBe(reason);
  expect(String(error)).toBe('AbortError: aborted');
});

test('fileError keeps the error of Node.js and says what to do', () => {
  const cause = new Error('ENOENT: no such file');
  const error = fileError('read', '/x/y.plan', cause);
  expect(error.code).toBe('ERR_TRT_FILE');
  expect(error.cause).toBe(cause);
  expect(error.message).toMatch(/cannot read '\/x\/y\.plan': ENOENT.*Check the path/);
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [NaN, 'NaN'],
  [5n, '5n'],
  [true, 'true'],
  ['a"b', '"a\\"b"'],
  ['x'.repeat(100), `"${'x'.repeat(57)}…"`],
  [() => 1, 'a function'],
  [[1, 2], 'an array of 2'],
  [new Float32Array(3), 'Float32Array(3)'],
  [new DataView(new ArrayBuffer(5)), 'DataView(5)'],
  [new Map(), 'an instance of Map'],
  [{}, 'an object'],
  [Object.create(null), 'an object'],
  [Symbol('s'), 'Symbol(s)'],
])('describe(%s) is short and safe', (value, text) => {
  expect(describeValue(value)).toBe(text);
});
