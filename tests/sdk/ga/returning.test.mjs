// Devices that come back to their session: a call that waited for one must not reach it before its
// program has a handler, which the SDK would drop; and one that does not subscribe again gets it too.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { answer, close, ga } from '../../lib/devices.mjs';
import { counts, end, newJob, value, watch } from '../../lib/jobs.mjs';

const mqttPort = 18883;
const hub = Hub.fromEnvironment(['--mqtts-port', String(mqttPort)]);

/** The network between devices and hub, which can be cut. */
const network = { sockets: new Set() };
network.server = createServer((device) => {
  const upstream = connectSocket(mqttPort, hub.address);
  for (const [socket, other] of [[device, upstream], [upstream, device]]) {
    network.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => { network.sockets.delete(socket); other.destroy(); });
    socket.pipe(other);
  }
});
network.cut = () => { for (const socket of network.sockets) socket.destroy(); };

before(async () => {
  await hub.start();
  network.server.listen(8883, hub.address);
  await once(network.server, 'listening');
});
const programs = [];
after(async () => {
  for (const program of programs) program.process.kill('SIGKILL');
  network.cut();
  network.server.close();
  await hub.stop();
});

const service = () => ga.service.Client.fromConnectionString(hub.connectionString);
const jobs = () => ga.service.JobClient.fromConnectionString(hub.connectionString);
const ping = async (device, connectTimeoutInSeconds) => value(await call(service(), 'invokeDeviceMethod', device,
  { methodName: 'ping', connectTimeoutInSeconds, responseTimeoutInSeconds: 30 }));
/** A method job that waits for the device; it is patient for an hour. */
async function pendingJob(device) {
  const id = newJob('returns');
  await call(jobs(), 'scheduleDeviceMethod', id, `deviceId = '${device}'`,
    { methodName: 'ping', responseTimeoutInSeconds: 10 }, new Date(), 3600);
  await watch(jobs(), id, (job) => job.status === 'running' && counts(job)?.[4] === 1, 'running with one pending');
  return id;
}

/** The program of returning_device.mjs. */
class Program {
  constructor(connectionString) {
    this.process = spawn(process.execPath, [new URL('../returning_device.mjs', import.meta.url).pathname, connectionString],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    programs.push(this);
    this.output = '';
    this.process.stdout.setEncoding('utf8').on('data', (text) => { this.output += text; });
    this.gone = once(this.process, 'exit');
  }
  says(word) {
    return until(() => this.output.includes(`${word}\n`), `the device to say ${word}`);
  }
  goOn() {
    this.process.stdin.write('\n');
  }
  async kill() {
    this.process.kill('SIGKILL');
    await this.gone;
  }
}

test('a device that is killed and started again gets the job and the calls that waited for it', async () => {
  const connectionString = await hub.device('w-restarted');
  const first = new Program(connectionString);
  await first.says('open');
  first.goOn();
  await first.says('handles');
  assert.equal((await ping('w-restarted', 10)).payload, 'pong');
  await first.kill();

  await until(() => ping('w-restarted', 0).then(() => false, () => true), 'the hub to miss the device');
  const job = await pendingJob('w-restarted');
  const waiting = ping('w-restarted', 30);
  const second = new Program(connectionString);
  await second.says('open');
  const impatient = ping('w-restarted', 0);
  second.goOn();
  assert.equal((await waiting).payload, 'pong');
  assert.equal((await impatient).payload, 'pong');
  assert.deepEqual(counts(await end(jobs(), job)), [1, 0, 1, 0, 0]);
  await second.kill();
});

/** A device that stays the same program while its connections come and go. */
async function lasting(id, provider) {
  const connectionString = await hub.device(id);
  const client = provider
    ? ga.device.Client.fromAuthenticationProvider(provider(connectionString), ga.Mqtt)
    : ga.device.Client.fromConnectionString(connectionString, ga.Mqtt);
  client.on('error', () => {});
  client.calls = [];
  await client.open();
  await answer(client, { ping: () => [200, 'pong'] }, ga);
  const twin = await client.getTwin();
  twin.on('properties.desired', (change) => { client.rate = change.rate; });
  return client;
}
const registry = () => ga.service.Registry.fromConnectionString(hub.connectionString);
const setRate = (device, rate) => call(registry(), 'updateTwin', device, { properties: { desired: { rate } } }, '*');
/** The connection that the hub knows of, as the time it began; nothing while there is none. */
async function connection(device) {
  const identity = value(await call(registry(), 'get', device));
  return identity.connectionState === 'Connected' && identity.connectionStateUpdatedTime;
}
/** Waits for another connection than this one. */
const another = (device, than) => until(async () => {
  const found = await connection(device);
  return found && found !== than;
}, 'the device to be back');

test('a device that renews its token misses no call and no change', async () => {
  let provider;
  const client = await lasting('w-renews', (connectionString) => {
    provider = ga.device.SharedAccessKeyAuthenticationProvider.fromConnectionString(connectionString, 8, 4);
    return provider;
  });
  for (const rate of [1, 2]) {
    await another('w-renews', await connection('w-renews'));
    await setRate('w-renews', rate);
    const job = newJob('renews');
    await call(jobs(), 'scheduleDeviceMethod', job, "deviceId = 'w-renews'", { methodName: 'ping' }, new Date(), 3600);
    assert.equal((await ping('w-renews', 30)).payload, 'pong');
    assert.deepEqual(counts(await end(jobs(), job)), [1, 0, 1, 0, 0]);
    await until(() => client.rate === rate, 'the change');
  }
  provider.stop();
  await close(client);
});

test('a device whose network is cut gets what waited for it', async () => {
  const client = await lasting('w-cut');
  assert.equal((await ping('w-cut', 10)).payload, 'pong');
  const before = await connection('w-cut');
  network.cut();
  const waiting = ping('w-cut', 30);
  await another('w-cut', before);
  await setRate('w-cut', 7);
  assert.equal((await waiting).payload, 'pong');
  await until(() => client.rate === 7, 'the change');
  assert.equal(client.calls.length, 2);
  await close(client);
});
