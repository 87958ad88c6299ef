// Devices that register by the unmodified packages of the Device Provisioning Service, and back ends that
// enroll them, against one hub that is both services.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until, call, parts, sign } from '../../lib/hub.mjs';
import { SoftwareTpm } from '../../lib/software_tpm.mjs';

// As in Debian's Node.js 18, where no connection is kept: the next request resumes the TLS session of the last.
https.globalAgent = new https.Agent({ keepAlive: false });

const require = createRequire(import.meta.url);
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const transports = {
  mqtt: require('azure-iot-provisioning-device-mqtt').Mqtt,
  mqttWs: require('azure-iot-provisioning-device-mqtt').MqttWs,
  http: require('azure-iot-provisioning-device-http').Http,
  amqp: require('azure-iot-provisioning-device-amqp').Amqp,
  amqpWs: require('azure-iot-provisioning-device-amqp').AmqpWs,
};
const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const scope = '0ne00ABCDEF';
const hub = Hub.fromEnvironment();
process.env.CARILLON_PROVISIONING__ID_SCOPES = scope;
let service;

before(async () => {
  await hub.start();
  service = ProvisioningServiceClient.fromConnectionString(hub.connectionString);
});
after(async () => {
  assert.equal(await hub.stop(), 0);
});

const newKey = () => randomBytes(32).toString('base64');
const derive = (groupKey, id) => createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');

function register(id, credentials, transport) {
  const security = typeof credentials === 'string' ? new SymmetricKeySecurityClient(id, credentials) : new X509Security(id, credentials);
  return ProvisioningDeviceClient.create(hub.address, scope, new transports[transport](), security).register();
}

/** Connects as the device that was assigned, and sends a message. */
async function connects(result, key) {
  const client = Client.fromConnectionString(`HostName=${result.assignedHub};DeviceId=${result.deviceId};SharedAccessKey=${key}`, Mqtt);
  await client.open();
  await client.sendEvent(new Message('{}'));
  await client.close();
}

async function twin(id) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const token = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 600, SharedAccessKeyName);
  const answer = await fetch(`https://${hub.address}/twins/${id}?api-version=2021-04-12`, { headers: { Authorization: token } });
  return answer.json();
}

for (const transport of Object.keys(transports)) {
  test(`an individual enrollment registers over ${transport}, and its device connects by the same key`, async () => {
    const id = `solo-${transport}`;
    const key = newKey();
    const made = await service.createOrUpdateIndividualEnrollment({
      registrationId: id, deviceId: `pump-${transport}`,
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: newKey() } },
      initialTwin: { tags: { site: 'north' }, properties: { desired: { interval: 60 } } },
    });
    assert.equal(made.responseBody.provisioningStatus, 'enabled');
    const result = await register(id, key, transport);
    assert.equal(result.deviceId, `pump-${transport}`);
    assert.equal(result.assignedHub, hub.address);
    assert.equal(result.substatus, 'initialAssignment');
    await connects(result, key);
    const { tags, properties } = await twin(result.deviceId);
    assert.equal(tags.site, 'north');
    assert.equal(properties.desired.interval, 60);
    const state = (await service.getDeviceRegistrationState(id)).responseBody;
    assert.equal(state.deviceId, result.deviceId);
    assert.equal(state.status, 'assigned');
  });

  test(`a device of a group registers over ${transport} by its derived key`, async () => {
    const group = `fleet-${transport.toLowerCase()}`;
    const key = newKey();
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: group, attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: newKey(), secondaryKey: key } },
    });
    const id = `sensor-${transport.toLowerCase()}`;
    const deviceKey = derive(key, id);
    const result = await register(id, deviceKey, transport);
    assert.equal(result.deviceId, id);
    await connects(result, deviceKey);
    const records = await call(service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, group), 'next');
    assert.deepEqual(records.map(({ registrationId }) => registrationId), [id]);
    await assert.rejects(register(`other-${transport}`, key, transport), 'the group\'s own key opens nothing');
  });

  test(`a wrong key, an unknown device and a disabled one are refused over ${transport}`, async () => {
    const id = `shut-${transport}`;
    const key = newKey();
    await service.createOrUpdateIndividualEnrollment({
      registrationId: id, provisioningStatus: 'disabled',
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: newKey() } },
    });
    await assert.rejects(register(id, newKey(), transport), (error) => /Unauthorized|Not authorized|NotConnected/i.test(`${error.name} ${error.message}`));
    await assert.rejects(register(`${id}-unknown`, key, transport));
    await assert.rejects(register(id, key, transport));
    assert.equal((await twin(id)).deviceId, undefined, 'no identity was made');
  });
}

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore', cwd: hub.directory });
const file = (name) => join(hub.directory, name);
const read = (name) => readFileSync(file(name), 'utf8');
const newKeyFlags = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes `name`, a certificate with that common name, signed by `authority` or itself. */
function certify(name, authority, extensions) {
  if (!authority) {
    openssl('req', '-x509', '-days', '2', '-subj', `/CN=${name}`, ...newKeyFlags, '-keyout', `${name}.key`, '-out', `${name}.pem`,
      ...(extensions ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']));
    return;
  }
  openssl('req', '-new', '-subj', `/CN=${name}`, ...newKeyFlags, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(file(`${name}.ext`), extensions ?? 'basicConstraints=CA:FALSE\n');
  openssl('x509', '-req', '-days', '2', '-in', `${name}.csr`, '-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial',
    '-extfile', `${name}.ext`, '-out', `${name}.pem`);
}
const isAuthority = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n';
/** What a device shows: its certificate, and those above it that are named. */
const shown = (name, ...above) => ({ cert: [name, ...above].map((one) => read(`${one}.pem`)).join(''), key: read(`${name}.key`) });

/** Connects as the device that was assigned, by its certificate. */
async function connectsByCertificate(result, credentials) {
  const client = Client.fromConnectionString(`HostName=${result.assignedHub};DeviceId=${result.deviceId};x509=true`, Mqtt);
  client.setOptions(credentials);
  await client.open();
  await client.close();
}

test('a device with a certificate of its own registers, and connects by it', async () => {
  certify('cert-1');
  const made = await service.createOrUpdateIndividualEnrollment({
    registrationId: 'cert-1', attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: read('cert-1.pem') } } } },
  });
  assert.match(made.responseBody.attestation.x509.clientCertificates.primary.info.subjectName, /cert-1/);
  for (const transport of ['mqtt', 'http', 'amqp']) {
    const result = await register('cert-1', shown('cert-1'), transport);
    assert.equal(result.deviceId, 'cert-1', transport);
    await connectsByCertificate(result, shown('cert-1'));
  }
});

test('devices register by the certificate of the authority that signed theirs', async (t) => {
  certify('root', undefined, isAuthority);
  certify('factory', 'root', isAuthority);
  const signing = (enrollmentGroupId, authority, more = {}) => service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId, attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: read(`${authority}.pem`) } } } }, ...more,
  });
  const made = await signing('by-root', 'root', { initialTwin: { tags: { line: 7 } } });
  assert.match(made.responseBody.attestation.x509.signingCertificates.primary.info.subjectName, /root/);
  for (const transport of ['mqtt', 'mqttWs', 'http', 'amqp', 'amqpWs']) {
    const id = `signed-${transport}`;
    certify(id, 'factory');
    const credentials = shown(id, 'factory');
    const result = await register(id, credentials, transport);
    assert.equal(result.deviceId, id, transport);
    assert.equal((await twin(id)).tags.line, 7);
    await connectsByCertificate(result, credentials);
  }
  const refused = (id, credentials) => assert.rejects(register(id, credentials, 'mqtt'), /Unauthorized|Not authorized/i);
  await t.test('not without the certificates between', () => refused('signed-mqtt', shown('signed-mqtt')));
  await t.test('not under another name', () => refused('signed-other', shown('signed-mqtt', 'factory')));
  await t.test('not by the authority\'s own certificate', () => refused('factory', shown('factory')));
  await t.test('not by an authority that only has the name', async () => {
    for (const name of ['root', 'factory']) for (const kind of ['pem', 'key']) writeFileSync(file(`${name}.${kind}.true`), read(`${name}.${kind}`));
    certify('root', undefined, isAuthority);
    certify('factory', 'root', isAuthority);
    certify('forged', 'factory');
    const forged = shown('forged', 'factory', 'root');
    for (const name of ['root', 'factory']) for (const kind of ['pem', 'key']) writeFileSync(file(`${name}.${kind}`), read(`${name}.${kind}.true`));
    await refused('forged', forged);
  });
  await t.test('not by a device\'s certificate that signs another', async () => {
    certify('below', 'signed-mqtt');
    await refused('below', shown('below', 'signed-mqtt', 'factory'));
  });
  await t.test('the nearest authority that is enrolled decides, also when it is disabled', async () => {
    await signing('by-factory', 'factory', { provisioningStatus: 'disabled' });
    certify('signed-late', 'factory');
    await assert.rejects(register('signed-late', shown('signed-late', 'factory'), 'mqtt'));
    assert.equal((await service.getDeviceRegistrationState('signed-late')).responseBody.status, 'disabled');
    await service.deleteEnrollmentGroup('by-factory');
    assert.equal((await register('signed-late', shown('signed-late', 'factory'), 'mqtt')).deviceId, 'signed-late');
  });
  await t.test('a group takes the certificate of an authority only', () => assert.rejects(signing('by-device', 'signed-mqtt')));
});

test('devices register by an authority that their enrollment names', async (t) => {
  certify('plant', undefined, isAuthority);
  certify('line', 'plant', isAuthority);
  const byName = (enrollmentGroupId, primary) => service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId, attestation: { type: 'x509', x509: { caReferences: { primary } } },
  });
  await assert.rejects(byName('by-name', 'Plant'), 'a name that the hub does not know');
  await hub.ok('enrollment-authority', 'create', 'Plant', '--path', file('plant.pem'));
  const made = await byName('by-name', 'plant');
  assert.deepEqual(made.responseBody.attestation.x509, { caReferences: { primary: 'plant' } });
  for (const transport of ['mqtt', 'http', 'amqp']) {
    certify(`named-${transport}`, 'line');
    const credentials = shown(`named-${transport}`, 'line');
    const result = await register(`named-${transport}`, credentials, transport);
    assert.equal(result.deviceId, `named-${transport}`);
    await connectsByCertificate(result, credentials);
  }
  await t.test('it is kept while a group names it, and over a restart', async () => {
    assert.equal((await hub.cli('enrollment-authority', 'delete', 'plant', '--yes')).code, 2);
    await hub.stop('SIGKILL');
    await hub.start();
    assert.deepEqual(JSON.parse(await hub.ok('enrollment-authority', 'list', '-o', 'json')).map(({ name }) => name), ['Plant']);
    assert.equal((await register('named-mqtt', shown('named-mqtt', 'line'), 'mqtt')).deviceId, 'named-mqtt');
  });
  await t.test('an individual enrollment names one, too, and another authority is none', async () => {
    await service.deleteEnrollmentGroup('by-name');
    await service.createOrUpdateIndividualEnrollment({ registrationId: 'named-alone', attestation: { type: 'x509', x509: { caReferences: { primary: 'plant' } } } });
    certify('named-alone', 'line');
    assert.equal((await register('named-alone', shown('named-alone', 'line'), 'mqtt')).deviceId, 'named-alone');
    certify('named-alone', 'root');
    await assert.rejects(register('named-alone', shown('named-alone'), 'mqtt'), /Unauthorized|Not authorized/i);
    certify('named-alone', 'line');
    await hub.ok('enrollment-authority', 'delete', 'PLANT', '--yes');
    await assert.rejects(register('named-alone', shown('named-alone', 'line'), 'mqtt'), /Unauthorized|Not authorized/i);
  });
});

test('an enrollment names an authority that is verified for device certificates', async () => {
  certify('works', undefined, isAuthority);
  const group = () => service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'by-works', attestation: { type: 'x509', x509: { caReferences: { primary: 'works' } } },
  });
  await hub.ok('certificate', 'create', 'Works', '--path', file('works.pem'));
  await assert.rejects(group(), 'nobody has proved to hold its key');
  await hub.ok('certificate', 'create', 'Works', '--path', file('works.pem'), '--verified');
  await group();
  certify('worker-1', 'works');
  assert.equal((await register('worker-1', shown('worker-1', 'works'), 'mqtt')).deviceId, 'worker-1');
  await hub.stop('SIGKILL');
  await hub.start();
  assert.equal((await register('worker-1', shown('worker-1', 'works'), 'mqtt')).deviceId, 'worker-1', 'known after a restart');
  await hub.ok('certificate', 'delete', 'works', '--yes');
  await assert.rejects(register('worker-1', shown('worker-1', 'works'), 'mqtt'), /Unauthorized|Not authorized/i);
});

for (const over of ['http', 'amqp', 'amqpWs']) {
  test(`a device with a TPM registers over ${over} by a nonce, and connects by the key that its TPM was given`, async (t) => {
    const name = `tpm-${over}`;
    const enroll = (registrationId, tpm) => service.createOrUpdateIndividualEnrollment({
      registrationId, attestation: { type: 'tpm', tpm: { endorsementKey: tpm.endorsement.public.toString('base64') } },
    });
    const tpm = new SoftwareTpm(name);
    const made = await enroll(name, tpm);
    assert.equal(made.responseBody.attestation.tpm.endorsementKey, tpm.endorsement.public.toString('base64'));
    const register = (one) => ProvisioningDeviceClient.create(hub.address, scope, new transports[over](), one).register();
    const result = (await register(tpm)).registrationState;  // As this class of the SDK gives it.
    assert.equal(result.deviceId, name);
    const key = tpm.key.toString('base64');
    await connects(result, key);
    await register(tpm);
    assert.equal(tpm.key.toString('base64'), key, 'registering again leaves the key');
    const record = (await service.getDeviceRegistrationState(name)).responseBody;
    assert.equal(record.status, 'assigned');
    if (over !== 'http') {
      // The package never ends a registration that SASL refuses behind the first challenge, so the hub says it.
      await t.test('another TPM is refused, and so is one without an enrollment', async () => {
        for (const id of [`${name}-other`, `${name}-unknown`]) {
          if (id.endsWith('other')) await enroll(id, tpm);
          register(new SoftwareTpm(id)).catch(() => {});
          await until(() => hub.log().includes(`login refused protocol=amqp identity=${id} `), `${id} to be refused`);
        }
      });
      return;
    }
    await t.test('another TPM is refused, and so is one without an enrollment', async () => {
      await assert.rejects(register(new SoftwareTpm(name)));
      await assert.rejects(register(new SoftwareTpm(`${name}-unknown`)));
    });
    await t.test('a TPM that only shows the endorsement key of another cannot open the nonce', async () => {
      const thief = new SoftwareTpm(name);
      thief.getEndorsementKey = (done) => done(null, tpm.endorsement.public);
      await assert.rejects(register(thief));
    });
    await t.test('a nonce is for one device', async () => {
      const other = new SoftwareTpm(`${name}-other`);
      await enroll(`${name}-other`, other);
      await register(other);
      // The nonce that `other` holds from its own challenge signs for the first.
      const activate = tpm.activateIdentityKey;
      tpm.activateIdentityKey = (_blob, done) => { tpm.key = other.key; done(); };
      await assert.rejects(register(tpm));
      tpm.activateIdentityKey = activate;
    });
  });
}

test('what is no key of a TPM is not enrolled', () => assert.rejects(service.createOrUpdateIndividualEnrollment({
  registrationId: 'tpm-4', attestation: { type: 'tpm', tpm: { endorsementKey: Buffer.from('key').toString('base64') } },
})));

test('enrollments are read, changed under their etags, queried page by page, and deleted', async () => {
  const enrollment = { registrationId: 'Kept', attestation: { type: 'symmetricKey' } };
  const made = (await service.createOrUpdateIndividualEnrollment(enrollment)).responseBody;
  assert.equal(Buffer.from(made.attestation.symmetricKey.primaryKey, 'base64').length, 64);
  await assert.rejects(service.createOrUpdateIndividualEnrollment(enrollment), { name: 'DeviceAlreadyExistsError' });
  const read = (await service.getIndividualEnrollment('kept')).responseBody;
  assert.equal(read.registrationId, 'Kept');
  assert.equal(read.attestation.symmetricKey, undefined, 'keys are not told');
  const mechanism = (await service.getIndividualEnrollmentAttestationMechanism('kept')).responseBody;
  assert.equal(mechanism.symmetricKey.primaryKey, made.attestation.symmetricKey.primaryKey);
  const changed = (await service.createOrUpdateIndividualEnrollment({ ...read, provisioningStatus: 'disabled' })).responseBody;
  assert.notEqual(changed.etag, read.etag);
  await assert.rejects(service.createOrUpdateIndividualEnrollment({ ...read }), { name: 'InvalidEtagError' });
  const found = [];
  const query = service.createIndividualEnrollmentQuery({ query: '*' }, 2);
  do found.push(...await call(query, 'next')); while (query.hasMoreResults);
  assert.ok(found.length >= 8, `${found.length}`);
  assert.deepEqual(found.map(({ registrationId }) => registrationId.toLowerCase()), found.map(({ registrationId }) => registrationId.toLowerCase()).sort());
  await service.deleteIndividualEnrollment('KEPT');
  await assert.rejects(service.getIndividualEnrollment('kept'));
});

test('several are written at once, each by itself', async () => {
  const bulk = await call(service, 'runBulkEnrollmentOperation', {
    mode: 'create', enrollments: ['b-1', 'b-2', 'solo-mqtt'].map((registrationId) => ({ registrationId, attestation: { type: 'symmetricKey' } })),
  });
  assert.equal(bulk.isSuccessful, false);
  assert.deepEqual(bulk.errors.map(({ registrationId, errorCode }) => [registrationId, errorCode]), [['solo-mqtt', 409201]]);
  assert.equal((await service.getIndividualEnrollment('b-2')).responseBody.registrationId, 'b-2');
});

test('a restart forgets nothing', async () => {
  await hub.stop('SIGKILL');
  await hub.start();
  assert.equal((await service.getDeviceRegistrationState('solo-mqtt')).responseBody.deviceId, 'pump-mqtt');
  assert.equal((await service.getEnrollmentGroup('fleet-http')).responseBody.enrollmentGroupId, 'fleet-http');
});
