// Log and trace settings, as L0_logging and L0_trace check them, and what is written to the files.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ServerSettings, type ServerSettingsOptions } from '../../../lib/serving/settings.js';
import { type Running, simpleJson, startDoor } from '../../helpers/http-door.js';
import { tempFolder } from '../../helpers/temp.js';

const infer = '/v2/models/simple/infer';

async function start(options: ServerSettingsOptions): Promise<Running> {
  const settings = new ServerSettings(options);
  onTestFinished(() => {
    settings.close();
  });
  return startDoor({ settings });
}

describe('logging', () => {
  test('settings are shown and changed; null leaves one as it is', async () => {
    const { get, post } = await startDoor({ settings: {} });
    const defaults = {
      log_file: '',
      log_info: true,
      log_warning: true,
      log_error: true,
      log_verbose_level: 0,
      log_format: 'default',
    };
    expect((await get('/v2/logging')).json()).toEqual(defaults);
    const update = {
      log_info: false,
      log_verbose_level: 1,
      log_format: 'ISO8601',
      log_error: null,
    };
    const changed = { ...defaults, log_info: false, log_verbose_level: 1, log_format: 'ISO8601' };
    expect((await post('/v2/logging', update)).json()).toEqual(changed);
    expect((await get('/v2/logging')).json()).toEqual(changed);
  });

  test('wrong values change nothing', async () => {
    const { get, post } = await startDoor();
    const before = (await get('/v2/logging')).text;
    const refused = async (values: object, status = 400) => {
      const reply = await post('/v2/logging', { log_info: true, ...values });
      expect(reply.status).toBe(status);
      expect((await get('/v2/logging')).text).toBe(before);
      return reply.error;
    };
    expect(await refused({ log_format: 'x' })).toBe('invalid argument for --log_format, got: x');
    expect(await refused({ log_error: 'yes' })).toContain("Unable to parse 'log_error'");
    expect(await refused({ log_verbose_level: -1 })).toContain("'log_verbose_level'");
    expect(await refused({ colour: 1 })).toContain("unknown log setting 'colour'");
    expect(await refused({ log_file: '/tmp/evil' }, 501)).toBe(
      'log file location can not be updated through network protocol',
    );
  });

  test('lines go to the file, one each, whatever a client puts into a name', async () => {
    const file = path.join(tempFolder(), 'log');
    const { post, get } = await start({ log: { log_file: file, log_verbose_level: 1 } });
    expect((await post('/v2/logging', { log_file: file })).status).toBe(200);
    await post('/v2/models/a%0Ab/infer', simpleJson);
    await post('/v2/models/failing/infer', simpleJson);
    await post('/v2/logging', { log_error: false, log_verbose_level: 0, log_format: 'ISO8601' });
    await post('/v2/models/failing/infer', simpleJson);
    expect((await get('/v2/logging')).json().log_file).toBe(file);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBe(3);
    expect(lines[0]).toMatch(/^I\d{4} \d\d:\d\d:\d\d\.\d{6} \d+\] Infer failed: .*'a\\nb'/);
    expect(lines[2]).toMatch(/^E\d{4} .*failed to launch/);
  });
});

interface Entry {
  id: number;
  model_name?: string;
  model_version?: number;
  request_id?: string;
  timestamps?: { name: string; ns: number }[];
  activity?: string;
  tensor?: Record<string, string>;
}

describe('traces', () => {
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Entry[];

  test('settings of all models and of one', async () => {
    const file = path.join(tempFolder(), 'trace');
    const { get, post } = await start({ trace: { file, rate: 7 } });
    const off = {
      trace_level: ['OFF'],
      trace_rate: '7',
      trace_count: '-1',
      log_frequency: '0',
      trace_file: file,
    };
    expect((await get('/v2/trace/setting')).json()).toEqual(off);
    const one = await post('/v2/models/simple/trace/setting', {
      trace_level: ['TIMESTAMPS', 'TENSORS'],
      trace_count: '2',
    });
    expect(one.json()).toEqual({
      ...off,
      trace_level: ['TIMESTAMPS', 'TENSORS'],
      trace_count: '2',
    });
    await post('/v2/trace/setting', { trace_rate: '5' });
    expect((await get('/v2/models/simple/trace/setting')).json()).toMatchObject({
      trace_rate: '5',
      trace_count: '2',
    });
    await post('/v2/models/simple/trace/setting', { trace_level: null, trace_count: null });
    expect((await get('/v2/models/simple/trace/setting')).json()).toEqual({
      ...off,
      trace_rate: '5',
    });
    await post('/v2/trace/setting', { trace_rate: null });
    expect((await get('/v2/trace/setting')).json()).toEqual(off);
    const unknown = await get('/v2/models/none/trace/setting');
    expect([unknown.status, unknown.error]).toEqual([400, 'Request for unknown model : none']);
  });

  test('wrong values change nothing, and no client chooses a file', async () => {
    const { get, post } = await startDoor();
    const before = (await get('/v2/trace/setting')).text;
    const refused = async (values: object) => {
      const reply = await post('/v2/trace/setting', values);
      expect((await get('/v2/trace/setting')).text).toBe(before);
      return [reply.status, reply.error];
    };
    expect(await refused({ trace_level: ['OFF', 'TIMESTAMPS'] })).toEqual([
      400,
      "Expect only one trace level 'OFF' is specified",
    ]);
    expect(await refused({ trace_level: ['MAX'] })).toEqual([400, "unknown trace level 'MAX'"]);
    expect(await refused({ trace_rate: 'x' })).toEqual([
      400,
      "Unable to parse 'trace_rate', got: x",
    ]);
    expect(await refused({ trace_count: '-2' })).toEqual([
      400,
      expect.stringContaining("Unable to parse 'trace_count', value is out of range"),
    ]);
    expect(await refused({ trace_level: ['TIMESTAMPS'] })).toEqual([
      400,
      'Attempting to set invalid trace setting :trace file name is not given',
    ]);
    const evil = path.join(tempFolder(), 'evil');
    expect(await refused({ trace_file: evil, trace_level: ['TIMESTAMPS'] })).toEqual([
      501,
      'trace file location can not be updated through network protocol',
    ]);
    expect(existsSync(evil)).toBe(false);
  });

  test("timestamps of sampled requests are written in Triton's form", async () => {
    const file = path.join(tempFolder(), 'trace');
    const { post } = await start({ trace: { file, levels: ['TIMESTAMPS'], rate: 2, count: 2 } });
    for (let round = 0; round < 9; round++) await post(infer, { ...simpleJson, id: `r${round}` });
    const entries = read(file);
    const described = entries.filter(({ model_name }) => model_name !== undefined);
    expect(described).toEqual([
      { id: 1, model_name: 'simple', model_version: -1, request_id: 'r1' },
      { id: 2, model_name: 'simple', model_version: -1, request_id: 'r3' },
    ]);
    const stamps = entries.filter(({ id, timestamps }) => id === 1 && timestamps !== undefined);
    expect(stamps.map(({ timestamps }) => timestamps![0]!.name)).toEqual([
      'HTTP_RECV_START',
      'HTTP_RECV_END',
      'REQUEST_START',
      'REQUEST_END',
      'INFER_RESPONSE_COMPLETE',
      'HTTP_SEND_START',
      'HTTP_SEND_END',
    ]);
    const times = stamps.map(({ timestamps }) => timestamps![0]!.ns);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('tensors, and a file for every so many traces', async () => {
    const file = path.join(tempFolder(), 'trace');
    const { post, door } = await start({
      trace: { file, levels: ['TENSORS'], rate: 1, logFrequency: 2 },
    });
    for (let round = 0; round < 3; round++) await post(infer, simpleJson);
    expect([existsSync(`${file}.0`), existsSync(`${file}.1`)]).toEqual([true, false]);
    const tensors = read(`${file}.0`).filter(({ activity }) => activity !== undefined);
    expect(tensors.length).toBe(8);
    expect(tensors[0]).toEqual({
      id: 1,
      activity: 'TENSOR_QUEUE_INPUT',
      tensor: {
        name: 'INPUT0',
        data: simpleJson.inputs[0]!.data.join(','),
        shape: '1,16',
        dtype: 'INT32',
      },
    });
    door.settings.close();
    expect(read(`${file}.1`).length).toBe(5);
  });

  test('a failed request is traced as well, and a file that cannot be written stops nothing', async () => {
    const file = path.join(tempFolder(), 'trace');
    const running = await start({ trace: { file, levels: ['TIMESTAMPS'], rate: 1 } });
    expect((await running.post('/v2/models/failing/infer', simpleJson)).status).toBe(500);
    expect(read(file).length).toBeGreaterThan(3);
    const blind = await start({
      trace: { file: '/does/not/exist', levels: ['TIMESTAMPS'], rate: 1 },
      log: { log_error: false },
    });
    expect((await blind.post(infer, simpleJson)).status).toBe(200);
  });
});
