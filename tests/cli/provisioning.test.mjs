// carillon enrollment, carillon enrollment-group: the words of `az iot dps`. What the hub makes of enrollments is in
// tests/provisioning.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { SoftwareTpm } from '../lib/software_tpm.mjs';

const scope = '0ne00CLI';
process.env.CARILLON_PROVISIONING__ID_SCOPES = scope;
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0));

const json = async (...args) => JSON.parse(await hub.ok(...args, '-o', 'json'));
const code = async (...args) => (await hub.cli(...args)).code;
const hmac = (key, text) => createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
const file = (name) => join(hub.directory, name);

/** Registers a device over HTTPS, as an SDK does; gives the status and the record. */
async function register(id, key) {
  const resource = encodeURIComponent(`${scope}/registrations/${id}`);
  const expires = Math.floor(Date.now() / 1000) + 600;
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(hmac(key, `${resource}\n${expires}`))}&se=${expires}&skn=registration`;
  const path = `https://${hub.address}/${scope}/registrations/${id}`;
  const answer = await fetch(`${path}/register?api-version=2021-06-01`, { method: 'PUT', headers: { Authorization: token }, body: '{}' });
  return answer.status;
}

test('an enrollment is created, shown, changed and deleted; keys stay', async () => {
  const made = await json('enrollment', 'create', '--eid', 'pump-1', '--device-id', 'p1', '--tags', '{"site":"north"}', '--props', '{"interval":30}',
    '--rp', 'never', '--ee', 'true', '--ap', 'static', '--ih', hub.address, '--info', '{"serial":7}');
  assert.deepEqual(made.initialTwin, { tags: { site: 'north' }, properties: { desired: { interval: 30 } } });
  assert.deepEqual([made.deviceId, made.capabilities.iotEdge, made.allocationPolicy, made.iotHubs, made.optionalDeviceInformation],
    ['p1', true, 'static', [hub.address], { serial: 7 }]);
  assert.deepEqual(made.reprovisionPolicy, { updateHubAssignment: false, migrateDeviceData: false });
  const keys = made.attestation.symmetricKey;
  assert.equal(await code('enrollment', 'create', 'pump-1'), 5);
  assert.equal((await json('enrollment', 'show', 'pump-1')).attestation.symmetricKey, undefined);

  const changed = await json('enrollment', 'update', 'pump-1', '--ps', 'disabled', '--props', '{"interval":60}');
  assert.equal(changed.provisioningStatus, 'disabled');
  assert.deepEqual(changed.initialTwin, { tags: { site: 'north' }, properties: { desired: { interval: 60 } } });
  assert.deepEqual([changed.deviceId, changed.capabilities.iotEdge], ['p1', true]);
  assert.deepEqual((await json('enrollment', 'show', 'pump-1', '--keys')).attestation.symmetricKey, keys);
  const next = Buffer.alloc(32, 5).toString('base64');
  await hub.ok('enrollment', 'update', 'pump-1', '--pk', next);
  assert.deepEqual((await json('enrollment', 'show', 'pump-1', '--show-keys')).attestation.symmetricKey,
    { primaryKey: next, secondaryKey: keys.secondaryKey }, 'the other key stays');

  assert.equal(await code('enrollment', 'update', 'pump-1', '--ps', 'enabled', '-e', changed.etag), 5, 'an old etag');
  assert.match(await hub.ok('enrollment', 'list', '-o', 'csv'), /^registrationId,attestation,status,.*\npump-1,symmetricKey,disabled,/);
  await hub.ok('enrollment', 'delete', 'pump-1');
  assert.equal(await code('enrollment', 'show', 'pump-1'), 3);
  assert.equal(await code('enrollment', 'delete', 'pump-1'), 3);
});

test('mistakes are found before a request', async () => {
  assert.equal(await code('enrollment', 'create'), 2);
  assert.equal(await code('enrollment', 'create', 'x', '--at', 'x509'), 2);
  assert.equal(await code('enrollment', 'create', 'x', '--rp', 'sometimes'), 2);
  assert.equal(await code('enrollment', 'create', 'x', '--cp', file('none.pem')), 2);
  assert.equal(await code('enrollment', 'create', 'x', '--tags', '{'), 2);
  assert.equal(await code('enrollment-group', 'compute-device-key', '--rid', 'x', '--key', '***'), 2);
  assert.equal(await code('enrollment-group', 'compute-device-key', '--rid', 'x'), 2);
});

test('a device of a group registers by the key that is computed for it, and its record is shown', async () => {
  const made = await json('enrollment-group', 'create', 'pumps');
  const key = (await hub.ok('enrollment-group', 'compute-device-key', '--eid', 'pumps', '--rid', 'pump-17')).trim();
  assert.equal(key, hmac(made.attestation.symmetricKey.primaryKey, 'pump-17'));
  const alone = await hub.run(['enrollment-group', 'compute-device-key', '--rid', 'pump-17', '--key', made.attestation.symmetricKey.primaryKey], {});
  assert.equal(alone.stdout.trim(), key, 'without a hub');
  assert.equal(await register('pump-17', key), 202);
  assert.equal(await register('pump-16', key), 401);
  const record = await json('enrollment-group', 'registration', 'show', 'pump-17');
  assert.deepEqual([record.deviceId, record.assignedHub, record.status], ['pump-17', hub.address, 'assigned']);
  assert.deepEqual((await json('enrollment-group', 'registration', 'list', '--eid', 'pumps')).map(({ registrationId }) => registrationId), ['pump-17']);
  await hub.ok('enrollment-group', 'registration', 'delete', 'pump-17');
  assert.equal(await code('enrollment', 'registration', 'show', 'pump-17'), 3);
  await hub.ok('device', 'show', 'pump-17');
});

test('a certificate out of a PEM file', async () => {
  execFileSync('openssl', ['req', '-x509', '-days', '2', '-subj', '/CN=cert-1', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-keyout', file('k.pem'), '-out', file('c.pem')], { stdio: 'ignore' });
  const made = await json('enrollment', 'create', 'cert-1', '--cp', file('c.pem'));
  assert.equal(made.attestation.type, 'x509');
  assert.match(made.attestation.x509.clientCertificates.primary.info.subjectName, /cert-1/);
  const group = await json('enrollment-group', 'create', 'factory', '--cp', file('c.pem'));
  assert.match(group.attestation.x509.signingCertificates.primary.info.subjectName, /cert-1/);
  assert.equal(await code('enrollment-group', 'compute-device-key', '--eid', 'factory', '--rid', 'x'), 2, 'it has no keys');
  await hub.ok('enrollment-group', 'delete', 'factory');
});

test('the endorsement key of a TPM', async () => {
  const key = new SoftwareTpm('tpm-1').endorsement.public.toString('base64');
  const made = await json('enrollment', 'create', 'tpm-1', '--ek', key);
  assert.deepEqual(made.attestation, { type: 'tpm', tpm: { endorsementKey: key } });
  assert.equal((await json('enrollment', 'update', 'tpm-1', '--ps', 'disabled')).attestation.tpm.endorsementKey, key);
  assert.equal(await code('enrollment', 'create', 'tpm-2', '--at', 'tpm'), 2);
  assert.equal(await code('enrollment-group', 'create', 'tpms', '--at', 'tpm'), 2, 'a TPM is one device\'s');
  await hub.ok('enrollment', 'delete', 'tpm-1');
});

test('an export, with its keys, makes the same hub again', async () => {
  const key = Buffer.alloc(40, 3).toString('base64');
  await hub.ok('enrollment', 'create', 'e-1', '--pk', key, '--sk', key, '--tags', '{"a":1}');
  const written = await hub.cli('enrollment', 'export', file('out.ndjson'));
  assert.equal(written.code, 0, written.stderr);
  assert.equal(statSync(file('out.ndjson')).mode & 0o777, 0o600, 'keys are in it');
  const lines = readFileSync(file('out.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((one) => one.registrationId ?? `group ${one.enrollmentGroupId}`), ['cert-1', 'e-1', 'group pumps']);
  assert.doesNotMatch(await hub.ok('enrollment', 'export', '-', '--exclude-keys'), /primaryKey/);
  const group = (await json('enrollment-group', 'show', 'pumps', '--keys')).attestation;
  for (const args of [['enrollment', 'delete', 'e-1'], ['enrollment-group', 'delete', 'pumps']]) await hub.ok(...args);
  writeFileSync(file('in.ndjson'), lines.slice(1).map((line) => JSON.stringify(line)).join('\n'));
  assert.deepEqual(await json('enrollment', 'import', file('in.ndjson')), { enrollmentCount: 2, appliedCount: 2, errorCount: 0 });
  assert.equal((await json('enrollment', 'show', 'e-1', '--keys')).attestation.symmetricKey.primaryKey, key);
  assert.deepEqual((await json('enrollment-group', 'show', 'pumps', '--keys')).attestation, group);
  const again = await hub.cli('enrollment', 'import', file('in.ndjson'));
  assert.equal(again.code, 1);
  assert.match(again.stderr, /enrollment 1: e-1: /);
  assert.equal(await code('enrollment', 'import', file('in.ndjson'), '--replace'), 0);
});

test('what az iot dps prints is imported, its keys kept and its hubs left out', async () => {
  // Source: traces of `az iot dps enrollment show --show-keys`.
  const key = Buffer.alloc(64, 1).toString('base64');
  const printed = {
    allocationPolicy: 'static', attestation: { symmetricKey: { primaryKey: key, secondaryKey: key }, tpm: null, type: 'symmetricKey', x509: null },
    capabilities: { iotEdge: true }, createdDateTimeUtc: '2026-01-02T03:04:05.123456+00:00', customAllocationDefinition: null, deviceId: 'd1', etag: 'IjEi',
    initialTwin: { properties: { desired: { b: 2, count: null, metadata: null, version: null } }, tags: { a: 1, count: null, metadata: null, version: null } },
    iotHubHostName: null, iotHubs: ['hub.example.net'], lastUpdatedDateTimeUtc: '2026-01-02T03:04:05.123456+00:00',
    optionalDeviceInformation: { additionalProperties: null, count: null, metadata: null, version: null },
    provisioningStatus: 'enabled', registrationId: 'ind1', registrationState: null, reprovisionPolicy: { migrateDeviceData: false, updateHubAssignment: true },
  };
  writeFileSync(file('az.json'), JSON.stringify([printed], null, 2));
  await hub.ok('enrollment', 'import', file('az.json'));
  const made = await json('enrollment', 'show', 'ind1', '--keys');
  assert.equal(made.attestation.symmetricKey.primaryKey, key);
  assert.deepEqual(made.initialTwin, { tags: { a: 1 }, properties: { desired: { b: 2 } } });
  assert.equal(made.iotHubs, undefined);
  assert.equal(await register('ind1', key), 202);
  writeFileSync(file('az.json'), JSON.stringify({ ...printed, registrationId: 'ind2' }, null, 2));
  assert.equal(await code('enrollment', 'import', file('az.json'), '--keep-hubs'), 1, 'that hub is none of ours');
  assert.equal(await code('enrollment', 'import', file('none.json')), 2);
  writeFileSync(file('bad.json'), 'no json');
  assert.equal(await code('enrollment', 'import', file('bad.json')), 2);
});

test('a simulated fleet registers itself, each device by its own key', async () => {
  const simulate = (...args) => hub.cli('simulate', '--devices', '6', '--prefix', 'fleet-', '--provision', scope, '--create-only', ...args);
  const refused = await simulate('--group-key', Buffer.alloc(32, 1).toString('base64'), '--first', '100');
  assert.equal(refused.code, 0, `--create-only makes the group: ${refused.stderr}`);
  const made = await simulate();
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /provisioned 6 of 6 devices in /);
  const records = await json('enrollment-group', 'registration', 'list', 'fleet');
  assert.deepEqual(records.map(({ registrationId, status }) => [registrationId, status]).slice(0, 6),
    [...Array(6).keys()].map((n) => [`fleet-00000${n}`, 'assigned']));
  assert.equal((await json('twin', 'show', 'fleet-000003')).tags.fleet, 'fleet-', 'the group\'s initial twin');
  // Registered by keys that the hub knows the group of, the devices need nobody to create them.
  const again = await hub.cli('simulate', '--devices', '6', '--prefix', 'fleet-', '--provision', scope, '--duration', '1s', '-o', 'json');
  assert.equal(again.code, 0, again.stderr);
});

test('a fleet that may not register is told why', async () => {
  const simulate = (...args) => hub.cli('simulate', '--devices', '2', '--prefix', 'lost-', '--duration', '1s', ...args);
  const unknown = await simulate('--provision', scope);
  assert.equal(unknown.code, 4, unknown.stderr);
  assert.match(unknown.stderr, /lost-00000\d: Unauthorized/);
  assert.equal((await simulate('--provision', '0ne00OTHER')).code, 3, 'an id scope of another');
  assert.equal((await simulate('--provision', scope, '--auth', 'policy')).code, 2);
});
