// Sixty mistakes, each with its exit code and what is said of it: values that are wrong where they are given, words and
// options of other tools, and what only the hub can find.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const scratch = mkdtempSync(join(tmpdir(), 'carillon-mistakes-'));
const file = (name, bytes) => {
  writeFileSync(join(scratch, name), bytes);
  return join(scratch, name);
};
before(async () => {
  await hub.start();
  await hub.device('e-one');
});
after(async () => {
  rmSync(scratch, { recursive: true });
  await hub.stop();
});

const job = ['job', 'create', '--patch', '{"tags":{"a":1}}'];
const key = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const mistakes = [
  ['zero is not the absence of a value', [...job, '-q', '*', '--ttl', '0'], 2, /--ttl: 0 is out of range; it takes 1 to 604,800 seconds/],
  ['nor is an empty value', [...job, '-q', '', '--start', '+2h'], 2, /--query-condition: the value is empty/],
  ['an empty etag', ['twin', 'update', '-d', 'e-one', '--tags', '{}', '-e', ''], 2, /--etag: the value is empty/],
  ['no rows', ['device', 'list', '--top', '0'], 2, /--top: 0 is out of range; it takes 1 or more/],
  ['a word for a number', [...job, '-q', '*', '--ttl', 'soon'], 2, /--ttl: `soon` is not a whole number/],
  ['a response timeout that no hub takes', ['method', 'invoke', '-d', 'e-one', '--mn', 'x', '--timeout', '4'], 2, /4 is out of range; it takes 5 to 300 seconds/],
  ['a longer wait than the call', ['method', 'invoke', '-d', 'e-one', '--mn', 'x', '--timeout', '10', '--timeout-connect', '20'], 2, /--timeout-connect, 20 s, cannot be longer than --timeout, 10 s/],
  ['the same in a job', ['job', 'create', '-q', '*', '--mn', 'x', '--mct', '60'], 2, /--method-connect-timeout, 60 s, .*--method-response-timeout, 30 s/],
  ['a job id with a space', ['job', 'show', 'a b'], 2, /`a b` cannot be the id of a job/],
  ['a status that no job has', ['job', 'list', '--js', 'done'], 2, /--job-status: `done` is not queued, /],
  ['a condition that does not parse', [...job, '-q', 'tags.b ='], 2, /--query-condition `tags\.b =`: /],
  ['a whole statement', [...job, '-q', 'SELECT * FROM devices'], 2, /stands behind WHERE, not a whole SELECT/],
  ['ids that do not exist', [...job, '-d', 'e-one,e-nobody,e-none'], 3, /--device-ids: e-nobody, e-none; no job was created/],
  ['a file that is not there', ['twin', 'update', '-d', 'e-one', '--tags', '@no-such.json'], 2, /--tags: no-such\.json: No such file/],
  // Words and options of other tools.
  ['no command at all', [], 2, /`carillon` needs a command: serve, /],
  ['the cloud\'s word for a device', ['device-identity', 'list'], 2, /no command 'device-identity' of `carillon`; here that is `carillon device`/],
  ['the cloud\'s word for a method', ['invoke-device-method', '-d', 'e-one'], 2, /here that is `carillon method invoke`/],
  ['the cloud\'s whole command', ['iot', 'hub', 'show'], 2, /what stands behind `az iot hub`/],
  ['the cloud\'s word for a token', ['generate-sas-token'], 2, /here that is `carillon token`/],
  ['a filter of JSON', ['device', 'list', '--query', '[].deviceId'], 2, /no option --query; pick from JSON with jq/],
  ['a hub by name', ['device', 'list', '--hub-name', 'x'], 2, /no option --hub-name; a hub is named by --context or --login/],
  ['a resource group', ['device', 'list', '-g', 'x'], 2, /no option -g; it is not needed here/],
  ['a word that is nearly one', ['twin', 'shwo', 'e-one'], 2, /no command 'shwo' of `carillon twin`; did you mean show\?/],
  ['an option that is nearly one', ['job', 'list', '--job-statu', 'x'], 2, /did you mean --job-status\?/],
  ['a context that there is none of', ['device', 'list', '--context', 'nowhere'], 2, /no context is called `nowhere`/],
  ['a context and a login', ['device', 'list', '--context', 'a', '-l', 'b'], 2, /excludes/],
  ['a login that is none', ['device', 'list', '-l', 'HostName=h'], 2, /the login is not a service connection string/],
  ['a device\'s login', ['device', 'list', '-l', `HostName=h;DeviceId=d;SharedAccessKey=${key}`], 2, /the login is not a service connection string/],
  ['a format that there is none of', ['device', 'list', '-o', 'xml'], 2, /`xml` is not table, json, ndjson, csv, tsv or yaml/],
  // Values, in the words of their flag.
  ['a port beyond all', ['device', 'list', '--port', '65536'], 2, /--port: 65536 is out of range; it takes 1 to 65,535/],
  ['no time to answer', ['device', 'list', '--timeout', '0'], 2, /--timeout: 0 is out of range; it takes 1 to 3,600 seconds/],
  ['a negative number of rows', ['query', 'SELECT * FROM devices', '--top', '-3'], 2, /--top: -3 is out of range; it takes 1 or more/],
  ['a status of no device', ['device', 'create', 'e-two', '--status', 'paused'], 2, /paused not in \{enabled,disabled\}/],
  ['half a pair of keys', ['device', 'create', 'e-two', '--primary-key', key], 2, /--primary-key and --secondary-key come together, or neither/],
  ['a key that is none', ['device', 'create', 'e-two', '--pk', 'abc', '--sk', 'abc'], 2, /Invalid device key length/],
  ['a kind of credentials that there is none of', ['device', 'create', 'e-two', '--am', 'password'], 2, /--auth-method is shared_private_key, x509_thumbprint or x509_ca/],
  ['a token for no time', ['token', '--duration', '0'], 2, /--duration: 0 is out of range; it takes 1 to [\d,]+ seconds/],
  ['a key of a third kind', ['token', '-d', 'e-one', '--kt', 'tertiary'], 2, /--key-type: `tertiary` is not primary or secondary/],
  ['a module without its device', ['token', '-m', 'm'], 2, /--module-id goes with --device-id/],
  ['no devices', ['simulate', '-n', '0'], 2, /--devices: 0 is out of range; it takes 1 to 100,000,000 devices/],
  ['more than all of them', ['simulate', '-n', '1', '--fail-percent', '101'], 2, /--fail-percent: 101 is out of range; it takes 0 to 100 percent/],
  ['a third way to prove it', ['simulate', '-n', '1', '--auth', 'name'], 2, /--auth: `name` is not group or policy/],
  ['a line before the first', ['device', 'import', 'devices.txt', '--start-line', '0'], 2, /--start-line: 0 is out of range; it takes 1 or more/],
  ['an import mode that there is none of', ['device', 'import', 'devices.txt', '--mode', 'merge'], 2, /`merge` is not an import mode/],
  ['a message every no seconds', ['device', 'simulate', 'e-one', '--msg-interval', '0'], 2, /--msg-interval: 0 is out of range; it takes 0\.001 to 86400 seconds/],
  ['a module id with a slash', ['module', 'show', 'e-one', '-m', 'a/b'], 2, /`a\/b` cannot be a module's id/],
  ['JSON that is none', ['twin', 'update', 'e-one', '--tags', '{a:1}'], 2, /--tags: at byte \d+: not valid JSON/],
  ['JSON in a file that is none', ['twin', 'update', 'e-one', '--tags', `@${file('bad.json', '{\n  "a": }')}`], 2, /bad\.json, line 2/],
  ['an empty file', ['twin', 'update', 'e-one', '--tags', `@${file('empty.json', '')}`], 2, /empty\.json is empty/],
  ['a file in UTF-16', ['twin', 'update', 'e-one', '--tags', `@${file('wide.json', Buffer.from('\ufeff{}', 'utf16le'))}`], 2, /UTF-16/],
  ['a folder for a file', ['twin', 'update', 'e-one', '--tags', `@${scratch}`], 2, /is a directory/],
  ['a twin in parts and whole', ['twin', 'update', 'e-one', '--tags', '{}', '--json', '{}'], 2, /give --tags and --desired, or the whole document/],
  ['nothing to change', ['twin', 'update', 'e-one'], 2, /give --tags and --desired, or the whole document/],
  // What only the hub can find.
  ['a statement that does not parse', ['query', 'SELECT * FROM devices WHERE'], 2, /Line 1:28 Unexpected end of input/],
  ['a collection that there is none of', ['query', 'SELECT * FROM things'], 2, /Line 1:15 Unknown collection 'things'/],
  ['tags that are no object', ['twin', 'update', 'e-one', '--tags', '3'], 2, /Tags and properties must be JSON objects/],
  ['a key with a dot', ['twin', 'update', 'e-one', '--tags', '{"a.b":1}'], 2, /name must not contain control characters, '\.'/],
  ['a configuration without a content', ['configuration', 'create', '-c', 'c', '-k', '{"x":1}'], 2, /exactly one of deviceContent, moduleContent and modulesContent/],
  ['a device that is not there', ['twin', 'show', 'e-nobody'], 3, /carillon device list/],
  ['a method of a device that is away', ['method', 'invoke', 'e-one', '--mn', 'x'], 1, /--timeout-connect waits/],
];
assert.ok(mistakes.length >= 60, `${mistakes.length} mistakes`);
for (const [claim, args, code, says] of mistakes) {
  test(`${code}: ${claim}`, async () => {
    const outcome = await hub.cli(...args);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, says);
    assert.equal(outcome.stdout, '', 'what is said of a mistake goes to standard error');
  });
}

test('none of them made or changed anything', async () => {
  const devices = JSON.parse(await hub.ok('device', 'list', '-o', 'json'));
  assert.deepEqual(devices.map((device) => [device.deviceId, device.version]), [['e-one', 2]]);
  assert.deepEqual(JSON.parse(await hub.ok('job', 'list', '-o', 'json')), []);
});
