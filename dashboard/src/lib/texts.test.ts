import { batchBytes, batchesOf, linesOf, readLine } from './import.ts';
import { configurationBody, configurationCommand, configurationProblem, draftOf, emptyConfiguration } from './configuration.ts';
import { expect, test } from 'vitest';
import { byDay, dayKey, monthFrom, monthKey, weeksOf } from './calendar.ts';
import { emptyEnrollment, enrollmentBody, enrollmentDraftOf, enrollmentProblem } from './enrollment.ts';
import { emptyMessage, messageOf, messageProblem } from './cloud_message.ts';
import { csvField, toCsv } from './csv.ts';
import { bodyOf, commandOf, draftLike, emptyDraft, problemsOf, shellWord } from './draft.ts';
import { ago, duration, percent, rate } from './format.ts';
import { condition, idsCondition, listStatement, valueText } from './query.ts';
import { Recent } from './recent.ts';
import { windowOf } from './virtual.ts';

test('conditions are written so that no value leaves its quotes', () => {
  expect(condition("a'b\\", [])).toBe("STARTSWITH(deviceId, 'a\\'b\\\\')");
  expect(condition('', [{ path: 'tags.a', operator: '=', value: "x' OR '1'='1" }])).toBe("tags.a = 'x\\' OR \\'1\\'=\\'1'");
  expect(idsCondition(["a'", 'b'])).toBe("deviceId IN ['a\\'', 'b']");
});

test('a clause that is still being written counts for nothing', () => {
  expect(condition('', [{ path: 'tags.', operator: '=', value: 'x' }, { path: 'tags.a', operator: '=', value: '' }, { path: 'tags.b', operator: 'missing', value: '' }]))
    .toBe('NOT IS_DEFINED(tags.b)');
  expect(listStatement('', ['tags.a'])).toBe('SELECT deviceId, status, connectionState, lastActivityTime, tags.a AS c0 FROM devices');
});

test('numbers and truth are meant as such, unless they are quoted', () => {
  for (const [typed, text] of [['5', '5'], ['-1.5e3', '-1.5e3'], ['true', 'true'], ['"5"', "'5'"], ["'true'", "'true'"], ['5a', "'5a'"]]) {
    expect(valueText(typed as string)).toBe(text);
  }
});

test('a draft becomes a request, and a command that says the same', () => {
  const draft = { ...emptyDraft('j'), condition: "tags.a = 'b'", tags: '{"x": "it\'s"}' };
  expect(bodyOf(draft)).toEqual({ jobId: 'j', type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { x: "it's" } }, queryCondition: "tags.a = 'b'", maxExecutionTimeInSeconds: 3600 });
  expect(commandOf(draft)).toBe(`carillon job create --job-id j -q 'tags.a = '\\''b'\\''' --twin-patch '{"tags":{"x":"it'\\''s"}}' --ttl 3600`);
  const call = { ...emptyDraft('k'), condition: '*', action: 'method' as const, methodName: 'lock', payload: '{"a":1}' };
  expect(bodyOf(call).cloudToDeviceMethod).toEqual({ methodName: 'lock', payload: { a: 1 }, responseTimeoutInSeconds: 30, connectTimeoutInSeconds: 0 });
  expect(draftLike({ ...bodyOf(call), queryCondition: '*', type: 'scheduleDeviceMethod', cloudToDeviceMethod: bodyOf(call).cloudToDeviceMethod as object, maxExecutionTimeInSeconds: 9 }, 'k2'))
    .toMatchObject({ id: 'k2', action: 'method', methodName: 'lock', maxSeconds: 9 });
  expect(shellWord('$(reboot)')).toBe("'$(reboot)'");
});

test('what is wrong with a draft is said at its step', () => {
  const good = { ...emptyDraft('j'), condition: '*', tags: '{"a":1}' };
  const now = Date.now();
  expect(problemsOf(good, now)).toEqual({});
  expect(problemsOf({ ...good, condition: ' ' }, now).target).toBeDefined();
  expect(problemsOf({ ...good, tags: '{}' }, now).action).toMatch(/Neither/);
  expect(problemsOf({ ...good, tags: '{' }, now).action).toMatch(/Tags/);
  expect(problemsOf({ ...good, action: 'method' }, now).action).toMatch(/name/);
  expect(problemsOf({ ...good, id: 'a b' }, now).schedule).toMatch(/id/);
  expect(problemsOf({ ...good, start: '2099-01-01T00:00' }, now).schedule).toMatch(/week/);
  expect(problemsOf({ ...good, maxSeconds: Number.NaN }, now).schedule).toMatch(/second/);
});

test('a spreadsheet takes no field for a formula', () => {
  expect(csvField('=1+1')).toBe("'=1+1");
  expect(csvField(-5)).toBe('-5');
  expect(csvField('a "b", c')).toBe('"a ""b"", c"');
  expect(toCsv([{ a: 1 }, { b: { c: 2 } }])).toBe('a,b\r\n1,\r\n,"{""c"":2}"\r\n');
});

test('numbers are written for people', () => {
  expect(percent(1, 1_000_000)).toBe('< 0.1 %');
  expect(percent(999_999, 1_000_000)).toBe('> 99.9 %');
  expect(percent(0, 0)).toBe('0 %');
  expect([duration(0.04), duration(59.6), duration(3700), duration(null)]).toEqual(['0 s', '1 min 0 s', '1 h 1 min', '–']);
  expect([rate(1234.5), rate(9.96), rate(null)]).toEqual(['1,235', '10', '–']);
  expect(ago('2026-01-01T00:00:00Z', Date.parse('2026-01-01T02:30:00Z'))).toBe('2 h ago');
});

test('only rows near what is seen are drawn', () => {
  expect(windowOf(1_000_000, 40, 0, 400)).toEqual({ first: 0, last: 22 });
  expect(windowOf(1_000_000, 40, 40_000, 400)).toEqual({ first: 988, last: 1022 });
  expect(windowOf(5, 40, 4000, 400)).toEqual({ first: 5, last: 5 });
});

test('a configuration is written as the hub and the command line take it', () => {
  const draft = { ...emptyConfiguration, id: 'fw', priority: 10, condition: " tags.a = 'b' ", content: '{"deviceContent":{"properties.desired.fw":"2"}}', metrics: '{"done":"SELECT deviceId FROM devices"}' };
  expect(configurationProblem(draft)).toBeUndefined();
  expect(configurationBody(draft)).toMatchObject({ id: 'fw', priority: 10, targetCondition: "tags.a = 'b'", content: { deviceContent: { 'properties.desired.fw': '2' } }, metrics: { queries: { done: 'SELECT deviceId FROM devices' } } });
  expect(configurationCommand(draft)).toBe(`carillon configuration create fw --priority 10 --target-condition 'tags.a = '\\''b'\\''' --content '{"deviceContent":{"properties.desired.fw":"2"}}' --metrics '{"queries":{"done":"SELECT deviceId FROM devices"}}'`);
  const stored = { ...configurationBody(draft), schemaVersion: null };
  expect(configurationBody({ ...draftOf(stored), content: '{}', priority: 3 }, stored)).toMatchObject({ priority: 3, schemaVersion: null, content: stored.content });
});

test('what is wrong with a configuration is said at its part', () => {
  const part = (change: object) => configurationProblem({ ...emptyConfiguration, id: 'a', ...change })?.part;
  expect(part({})).toBeUndefined();
  expect(part({ id: 'Big' })).toBe('id');
  expect(part({ priority: Number.NaN })).toBe('priority');
  expect(part({ content: '{' })).toBe('content');
  expect(part({ content: '{"deviceContent":{},"moduleContent":{}}' })).toBe('content');
  expect(part({ metrics: '{"a":1}' })).toBe('metrics');
  expect(part({ labels: '[]' })).toBe('labels');
});

test('a file of devices is read in pieces, and sent in groups that the hub takes', async () => {
  expect(readLine('\uFEFF d1 \r', 1)).toEqual({ number: 1, entry: { id: 'd1' } });
  expect(readLine('  ', 2)).toBeUndefined();
  expect(readLine('{"id":', 3)).toMatchObject({ number: 3, text: 'The line is not JSON.' });
  expect(readLine('{"Id":"d"}', 4)).toMatchObject({ number: 4, text: 'The line has no id.' });
  const groups = async (...pieces: string[]) => {
    const from = async function* () { yield* pieces; };
    const result = [];
    for await (const batch of batchesOf(linesOf(from()))) result.push(batch);
    return result;
  };
  const many = Array.from({ length: 250 }, (_, i) => `d${i}`).join('\n');
  expect((await groups(many)).map((group) => group.lines.length)).toEqual([100, 100, 50]);
  const cut = await groups('{"id":"a', '1"}\n\nb', '2\n{oh\n');
  expect(cut).toEqual([{ lines: [{ number: 1, entry: { id: 'a1' } }, { number: 3, entry: { id: 'b2' } }], refusals: [{ number: 4, id: '', text: 'The line is not JSON.' }] }]);
  // The same device twice is two requests, or the order would be lost.
  expect((await groups('a\nb\na\n')).map((group) => group.lines.length)).toEqual([2, 1]);
  const long = JSON.stringify({ id: 'x', tags: { t: 'y'.repeat(batchBytes) } });
  expect((await groups(`a\n${long}\nb\n`)).map((group) => group.lines.length)).toEqual([1, 1, 1]);
});

test('a message becomes header fields, and what no field may hold is said before', () => {
  const draft = { ...emptyMessage, body: 'open', properties: '{"level": "high"}', messageId: 'm1', ack: 'full', expiry: '2' };
  expect(messageProblem(draft)).toBeUndefined();
  expect(messageOf(draft, 0)).toEqual({ body: 'open', fields: { 'iothub-messageid': 'm1', 'iothub-ack': 'full', 'iothub-expiry': '1970-01-01T00:02:00.000Z', 'iothub-app-level': 'high' } });
  expect(messageOf(emptyMessage, 0)).toEqual({ body: '', fields: {} });
  for (const bad of [{ properties: '{"a": 1}' }, { properties: '{"a b": "1"}' }, { properties: '{"a": "é"}' }, { properties: '{"a": "1\\r\\nx: y"}' }, { messageId: 'é' }, { expiry: '2881' }, { expiry: 'soon' }, { body: 'é'.repeat(32_769) }]) {
    expect(messageProblem({ ...draft, ...bad }), JSON.stringify(bad).slice(0, 60)).toBeDefined();
  }
});

test('of what comes faster than it is shown the newest stays, and the rest is counted', () => {
  const recent = new Recent<number>(3);
  for (let n = 1; n <= 10; n += 1) recent.add(n);
  expect(recent.take([])).toEqual({ items: [10, 9, 8], added: 3, skipped: 7 });
  recent.add(11);
  expect(recent.take([10, 9, 8])).toEqual({ items: [11, 10, 9], added: 1, skipped: 0 });
  expect(recent.isEmpty).toBe(true);
});

test('an enrollment is written as the hub takes it, and one that is there keeps what the page does not show', () => {
  const draft = { ...emptyEnrollment(true), id: 'pumps', tags: '{"site": 1}' };
  expect(enrollmentProblem(draft, true)).toBeUndefined();
  expect(enrollmentBody(draft)).toEqual({ enrollmentGroupId: 'pumps', attestation: { type: 'symmetricKey' }, provisioningStatus: 'enabled', reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true }, initialTwin: { tags: { site: 1 } } });
  const stored = { registrationId: 'p-1', deviceId: 'd', attestation: { type: 'x509' as const }, capabilities: { iotEdge: true }, provisioningStatus: 'disabled' as const, reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false }, initialTwin: {}, createdDateTimeUtc: '', lastUpdatedDateTimeUtc: '', etag: 'e' };
  const again = enrollmentDraftOf(stored);
  expect(again).toMatchObject({ isGroup: false, isEnabled: false, again: 'reset', deviceId: 'd' });
  expect(enrollmentBody(again, stored)).toMatchObject({ capabilities: { iotEdge: true }, attestation: { type: 'x509' }, reprovisionPolicy: { migrateDeviceData: false } });
  for (const bad of [{ id: '' }, { id: 'a b' }, { id: 'a.' }, { tags: '[' }, { proof: 'x509' as const, certificate: 'MII' }]) expect(enrollmentProblem({ ...draft, ...bad }, true)).toBeDefined();
});

test('a month is shown as whole weeks from Monday on, whatever day it begins with', () => {
  const keys = (year: number, month: number) => weeksOf(year, month).map((week) => `${dayKey(week[0] as Date)} ${dayKey(week[6] as Date)}`);
  expect(keys(2026, 1)).toEqual(['2026-01-26 2026-02-01', '2026-02-02 2026-02-08', '2026-02-09 2026-02-15', '2026-02-16 2026-02-22', '2026-02-23 2026-03-01']);
  expect(keys(2027, 1), 'four weeks').toHaveLength(4);
  expect(keys(2026, 7), 'six weeks').toHaveLength(6);
  expect([monthKey(2026, -1), monthKey(2026, 12)]).toEqual(['2025-12', '2027-01']);
  expect(monthFrom('2026-13', new Date(2026, 10, 29))).toEqual({ year: 2026, month: 10 });
  const at = (hour: number) => new Date(2026, 1, 3, hour).toISOString();
  expect(byDay([{ at: at(9) }, { at: at(7) }], (item) => item.at).get('2026-02-03')).toEqual([{ at: at(7) }, { at: at(9) }]);
});
