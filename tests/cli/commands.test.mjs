// Modules, tokens and output formats.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, call, parts } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());
const json = async (...args) => JSON.parse(await hub.ok(...args));

/** GET of a path of the hub with a token; gives the status. */
function get(path, token) {
  return new Promise((resolve, reject) => {
    request({ host: hub.address, path: `${path}?api-version=2021-04-12`, headers: { Authorization: token } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject).end();
  });
}

test('a module is created, shown, listed, updated and deleted', async () => {
  await hub.ok('device', 'create', '-d', 'm-host');
  const made = await json('module', 'create', '-d', 'm-host', '-m', 'pump');
  assert.deepEqual([made.deviceId, made.moduleId], ['m-host', 'pump']);
  assert.equal((await json('module', 'show', 'm-host', '-m', 'pump')).etag, made.etag);
  const listed = await hub.ok('module', 'list', 'm-host', '-o', 'csv');
  assert.match(listed, /^deviceId,moduleId,.*\nm-host,pump,Disconnected,/);
  const keys = [1, 2].map((n) => Buffer.alloc(32, n).toString('base64'));
  const changed = await json('module', 'update', '-d', 'm-host', '-m', 'pump', '--pk', keys[0], '--sk', keys[1]);
  assert.equal(changed.authentication.symmetricKey.secondaryKey, keys[1]);
  assert.equal((await hub.cli('module', 'update', '-d', 'm-host', '-m', 'pump', '--pk', keys[0], '--sk', keys[1], '-e', made.etag)).code, 5);
  assert.equal((await hub.cli('module', 'create', '-d', 'm-host', '-m', 'pump')).code, 5);
  await hub.ok('module', 'delete', '-d', 'm-host', '-m', 'pump');
  assert.equal((await hub.cli('module', 'show', '-d', 'm-host', '-m', 'pump')).code, 3);
  assert.equal((await hub.cli('module', 'show', '-d', 'm-host')).code, 2, 'a module is needed');
});

test('a module connects by its printed string, and has a twin and methods', async () => {
  await hub.ok('device', 'create', '-d', 'm-lift');
  const login = (await hub.ok('module', 'create', '-d', 'm-lift', '-m', 'motor', '--connection-string')).trim();
  assert.equal(parts(login).ModuleId, 'motor');
  const client = ga.device.ModuleClient.fromConnectionString(login, ga.Mqtt);
  await client.open();
  client.onMethod('stop', (request_, response) => response.send(200, { stopped: true }).catch(() => {}));
  const to = ['-d', 'm-lift', '-m', 'motor'];
  const answer = await json('module', 'method', 'invoke', ...to, '--mn', 'stop', '--mct', '15');
  assert.deepEqual(answer, { status: 200, payload: { stopped: true } });
  await hub.ok('module', 'twin', 'update', ...to, '--desired', '{"speed":3}', '--tags', '{"floor":2}');
  const twin = await json('module', 'twin', 'show', ...to);
  assert.deepEqual([twin.properties.desired.speed, twin.tags.floor, twin.moduleId], [3, 2, 'motor']);
  const replaced = await json('module', 'twin', 'replace', ...to, '--json', '{"tags":{"x":1}}');
  assert.deepEqual(replaced.tags, { x: 1 });
  await call(client, 'close');
});

test('a token of the policy opens what the policy may', async () => {
  await hub.ok('device', 'create', '-d', 't-one');
  const token = (await hub.ok('token')).trim();
  assert.match(token, /^SharedAccessSignature sr=.*&skn=iothubowner$/);
  assert.equal(await get('/devices/t-one', token), 200);
  const stale = (await hub.ok('token', '--du', '1')).match(/se=(\d+)/)[1];
  assert.ok(Number(stale) <= Date.now() / 1000 + 1);
  assert.deepEqual(Object.keys(await json('token', '-o', 'json')), ['sas']);
});

test('a token of a device is for that device alone', async () => {
  await hub.ok('device', 'create', '-d', 't-two');
  const { host, path } = { host: hub.address, path: 't-two' };
  for (const key of ['primary', 'secondary']) {
    const token = (await hub.ok('token', '-d', path, '--key-type', key)).trim();
    assert.match(token, new RegExp(`sr=${host}%2Fdevices%2Ft-two&`));
    assert.equal(await get('/devices/t-two', token), 401, 'it opens no service route');
    const client = ga.device.Client.fromSharedAccessSignature(token, ga.Mqtt);
    await client.open();
    await call(client, 'close');
  }
  const login = (await hub.ok('device', 'show', 't-two', '--connection-string')).trim();
  const offline = await hub.run(['token', '--connection-string', login], { CARILLON_LOGIN: '' });
  assert.equal(offline.code, 0, offline.stderr);
  assert.match(offline.stdout, /sr=.*%2Fdevices%2Ft-two&/);
  for (const mistake of [['--du', '0'], ['-m', 'x'], ['--key-type', 'secondary'], ['--cs', login, '-d', 't-two'], ['--cs', 'nonsense']]) {
    assert.equal((await hub.cli('token', ...mistake)).code, 2, mistake.join(' '));
  }
});

test('every command that prints takes every format', async () => {
  await hub.ok('device', 'create', '-d', 'f-one');
  const commands = [['device', 'show', 'f-one'], ['device', 'list'], ['twin', 'show', 'f-one'], ['module', 'list', 'f-one'],
    ['job', 'list'], ['query', 'SELECT * FROM devices'], ['token'], ['context', 'list']];
  for (const command of commands) {
    for (const format of ['table', 'json', 'ndjson', 'csv', 'tsv', 'yaml']) {
      const { code, stdout, stderr } = await hub.cli(...command, '-o', format);
      assert.equal(code, 0, `${command.join(' ')} -o ${format}: ${stderr}`);
      if (format === 'json') JSON.parse(stdout);
      if (format === 'ndjson') for (const line of stdout.split('\n').filter(Boolean)) JSON.parse(line);
    }
    assert.equal((await hub.cli(...command, '-o', 'xml')).code, 2);
  }
});

test('what goes on for a while comes as rows too', async () => {
  await hub.ok('device', 'create', '-d', 'f-two');
  await hub.ok('job', 'create', '--job-id', 'f-job', '--patch', '{"tags":{"a":1}}', '-d', 'f-two');
  const watched = await hub.cli('job', 'watch', 'f-job', '-o', 'csv');
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(watched.stdout, /^jobId,status,devices,succeeded,failed,running,pending\n/);
  assert.match(watched.stdout, /^f-job,completed,1,1,0,0,0$/m);
  const fleet = await hub.cli('simulate', '-n', '2', '--create', '--duration', '1s', '-o', 'csv');
  assert.equal(fleet.code, 0, fleet.stderr);
  assert.match(fleet.stdout, /^kind,elapsedSeconds,devices,/);
  assert.match(fleet.stdout, /^summary,[\d.]+,2,/m);
});

test('a message and a file are sent in the place of a device', async () => {
  await hub.ok('device', 'create', '-d', 's-one');
  await hub.ok('device', 'send', '-d', 's-one', '--data', '{"t":21}', '--props', 'level=high', '--mid', 'm1', '--ct', 'application/json', '--ce', 'utf-8');
  await hub.ok('device', 'send', 's-one', '--data', 'plain');
  const lines = (await hub.ok('events', 'watch', 's-one', '--from', 'earliest', '--no-follow', '-o', 'json')).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ body, properties }) => [body, properties.level]), [[{ t: 21 }, 'high'], ['plain', undefined]]);
  assert.deepEqual([lines[0].systemProperties['message-id'], lines[0].systemProperties['content-encoding']], ['m1', 'utf-8']);
  assert.equal((await hub.cli('device', 'send', '-d', 's-one', '--ack', 'full')).code, 2, 'a device asks for no feedback');
  assert.equal((await hub.cli('device', 'send', '-d', 's-none')).code, 4, 'an unknown device');

  const file = join(hub.directory, 'a file.log');
  writeFileSync(file, 'all is well\n'.repeat(1000));
  await hub.ok('device', 'upload-file', 's-one', '--fp', file);
  await hub.ok('device', 'upload-file', 's-one', '--file-path', file, '--name', 'logs/b.log');
  for (const name of ['a file.log', 'logs/b.log']) {
    assert.equal(readFileSync(join(hub.directory, 'data', 'device-files', 'files', 's-one', name), 'utf8'), readFileSync(file, 'utf8'));
  }
  assert.equal((await hub.cli('device', 'upload-file', 's-one', '--fp', `${file}.none`)).code, 2);
  await hub.ok('device', 'create', '-d', 's-cert', '--auth-method', 'x509_ca');
  assert.match((await hub.cli('device', 'upload-file', 's-cert', '--fp', file)).stderr, /no key/);
});

test('the outcome of one message is waited for', async () => {
  for (const id of ['w-one', 'w-two']) {
    await hub.ok('device', 'create', '-d', id);
    await hub.ok('c2d', 'send', '-d', id, '--mid', `${id}-1`, '--ack', 'full');
    await hub.ok('c2d', 'send', '-d', id, '--mid', `${id}-2`, '--ack', 'full');
    for (let i = 0; i < 2; i += 1) await hub.ok('c2d', 'receive', id, '--complete');
  }
  const told = (await hub.ok('feedback', 'watch', 'w-two', '--wait-on-msg', 'w-two-2')).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(told.map((record) => record.originalMessageId), ['w-two-1', 'w-two-2']);
});

test('notifications of uploaded files are printed and taken off the hub', async () => {
  const file = join(hub.directory, 'n.log');
  writeFileSync(file, 'all is well\n');
  for (const id of ['n-one', 'n-two']) {
    await hub.ok('device', 'create', '-d', id);
    await hub.ok('device', 'upload-file', id, '--fp', file);
  }
  const watch = (...args) => hub.cli('file-notification', 'watch', '--limit', '1', ...args);
  const told = await watch('n-two', '--duration', '60');
  assert.equal(told.code, 0, told.stderr);
  const { deviceId, blobName, blobSizeInBytes } = JSON.parse(told.stdout);
  assert.deepEqual([deviceId, blobName, blobSizeInBytes], ['n-two', 'n-two/n.log', 12]);
  const rest = await watch('--duration', '2');
  assert.deepEqual([rest.code, rest.stdout], [7, ''], 'those of others went unseen');
  await hub.ok('device', 'upload-file', 'n-one', '--fp', file);
  assert.match((await watch('--duration', '60', '-o', 'csv')).stdout, /^enqueuedTimeUtc,deviceId,blobName,blobSizeInBytes,blobUri\n[^,]+,n-one,n-one\/n\.log,12,https:/);
  await hub.ok('device', 'upload-file', 'n-one', '--fp', file);
  const shown = await watch('--duration', '60', '--dry-run');
  assert.match(shown.stdout, /^\{.*\}\nDELETE \/messages\/serviceBound\/filenotifications\//);
});
