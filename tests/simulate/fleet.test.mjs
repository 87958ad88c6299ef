// A simulated fleet against a real hub: what the simulator says it did is what the hub's job says of
// it, a killed hub gets all its devices back, and the processes that share a fleet know its keys.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';

const DEVICES = 200;
const hub = Hub.fromEnvironment();

/** `carillon simulate` with its latest line of statistics at hand. */
class Simulation {
  constructor(...flags) {
    this.last = {};
    this.stderr = '';
    this.child = spawn(hub.binary, ['simulate', '-o', 'ndjson', '--interval', '100ms', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile },
    });
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.last = JSON.parse(line);
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
  }

  /** Waits until the statistics satisfy `holds`, and gives them. */
  until(holds, what) {
    return until(() => (holds(this.last) ? this.last : null),
      () => `${what}: ${JSON.stringify(this.last)} ${this.stderr}`);
  }

  /** Ends it and gives its exit code. */
  stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended;
  }
}

async function job(id) {
  return JSON.parse(await hub.ok('job', 'show', '--job-id', id));
}

/** Starts a method job over the fleet `prefix` and gives it as it ended. */
async function methodJob(id, prefix, seconds) {
  await hub.ok('job', 'create', '--job-id', id, '--method-name', 'lockDoor', '--method-response-timeout', '5',
    '--query-condition', `tags.fleet = '${prefix}'`, '--ttl', String(seconds));
  return until(async () => {
    const now = await job(id);
    return ['completed', 'failed', 'cancelled'].includes(now.status) ? now : null;
  }, `job ${id} to end`);
}

before(() => hub.start());
after(() => hub.stop());

test('the hub counts what the simulator counts', async () => {
  const fleet = new Simulation('--devices', `${DEVICES}`, '--create', '--seed', '7', '--method-latency', '0ms..50ms',
    '--fail-percent', '10', '--timeout-percent', '5');
  try {
    await fleet.until((now) => now.connected === DEVICES, 'all devices to connect');
    const ended = await methodJob('count-1', 'sim-', 60);
    const { methods } = await fleet.until((now) => now.methods.received === DEVICES, 'all methods to arrive');
    const counts = ended.deviceJobStatistics;
    assert.equal(counts.deviceCount, DEVICES);
    assert.equal(counts.succeededCount, methods.ok + methods.failed);
    assert.equal(counts.failedCount, methods.unanswered);
    assert.ok(methods.failed > 0 && methods.unanswered > 0, JSON.stringify(methods));
  } finally {
    assert.equal(await fleet.stop('SIGINT'), 0, fleet.stderr);
  }
  assert.equal(fleet.last.kind, 'summary');
  assert.equal(fleet.last.lost, 0);
});

test('a fleet over AMQP and WebSockets does what one over MQTT does', async () => {
  for (const transport of ['amqp', 'amqp-ws', 'mqtt-ws']) {
    const prefix = `${transport}-`;
    const fleet = new Simulation('--devices', '50', '--create', '--prefix', prefix, '--transport', transport,
      '--telemetry-every', '1s', '--reported-every', '1s', '--receive-settle', 'complete');
    try {
      await fleet.until((now) => now.connected === 50, `all devices to connect over ${transport}`);
      const ended = await methodJob(`job-${transport}`, prefix, 60);
      assert.equal(ended.deviceJobStatistics.succeededCount, 50, transport);
      await hub.ok('c2d', 'send', '-d', `${prefix}000000`, '--data', 'hello');
      await fleet.until((now) => now.cloudToDeviceMessages === 1 && now.telemetry.stored >= 50 && now.reported.stored >= 50,
        'messages both ways');
      fleet.child.kill('SIGUSR1');
      await fleet.until((now) => now.reconnects >= 50 && now.connected === 50, 'all to come back');
    } finally {
      assert.equal(await fleet.stop('SIGINT'), 0, fleet.stderr);
    }
  }
});

test('the same seed decides the same again', async () => {
  const outcomes = [];
  for (const run of [1, 2]) {
    const fleet = new Simulation('--devices', '100', '--prefix', 'again-', '--create', '--seed', '99',
      '--fail-percent', '30', '--connecting-max', run === 1 ? '1' : '50');
    await fleet.until((now) => now.connected === 100, 'all devices to connect');
    await methodJob(`again-${run}`, 'again-', 60);
    const { methods } = await fleet.until((now) => now.methods.ok + now.methods.failed === 100, 'all answers');
    outcomes.push([methods.ok, methods.failed]);
    assert.equal(await fleet.stop(), 0, fleet.stderr);
  }
  assert.deepEqual(outcomes[0], outcomes[1]);
  assert.ok(outcomes[0][1] > 10);
});

test('two processes share a fleet, and a third signs by the policy', async () => {
  await hub.ok('simulate', '--devices', '40', '--prefix', 'share-', '--create-only');
  const halves = [
    new Simulation('--devices', '20', '--prefix', 'share-'),
    new Simulation('--devices', '20', '--prefix', 'share-', '--first', '20'),
  ];
  for (const half of halves) await half.until((now) => now.connected === 20, 'half a fleet to connect');
  const ended = await methodJob('share-1', 'share-', 60);
  assert.equal(ended.deviceJobStatistics.succeededCount, 40);
  for (const half of halves) assert.equal(await half.stop(), 0, half.stderr);

  const signed = new Simulation('--devices', '20', '--prefix', 'share-', '--auth', 'policy');
  await signed.until((now) => now.connected === 20, 'devices that the policy signs for');
  assert.equal(await signed.stop(), 0, signed.stderr);
});

test('a killed hub gets its devices back, and they report again', async () => {
  const fleet = new Simulation('--devices', `${DEVICES}`, '--reported-every', '1s', '--telemetry-every', '1s',
    '--backoff', '200ms', '--backoff-max', '1s');
  await fleet.until((now) => now.connected === DEVICES, 'all devices to connect');
  await hub.stop('SIGKILL');
  await fleet.until((now) => now.connected === 0, 'all connections to be lost');
  await hub.start();
  const back = await fleet.until((now) => now.connected === DEVICES && now.reconnects >= DEVICES,
    'all devices to come back');
  await fleet.until((now) => now.reported.stored > back.reported.stored + DEVICES
    && now.telemetry.stored > back.telemetry.stored + DEVICES, 'reports of all devices');
  const twin = JSON.parse(await hub.ok('twin', 'show', '--device-id', 'sim-000017'));
  assert.ok(twin.properties.reported.simulated.reports >= 1);
  assert.equal(await fleet.stop(), 0, fleet.stderr);
});

test('devices follow desired properties, some wrongly, some never, and the hub counts the same', async () => {
  const fleet = new Simulation('--devices', '120', '--prefix', 'follow-', '--create', '--seed', '3', '--sites', '4', '--zones', 'Europe/Berlin,Asia/Tokyo',
    '--follow', '0ms..50ms', '--wrong-percent', '10', '--ignore-percent', '10', '--faulty-percent', '100', '--faulty-tenth', '3',
    '--firmware', '1.4', '--faulty-firmware', '1.4.2');
  await fleet.until((now) => now.connected === 120 && now.reported.stored === 120, 'all devices to say what they run');
  const count = async (condition) => JSON.parse(await hub.ok('query', `SELECT COUNT() AS n FROM devices WHERE tags.fleet = 'follow-' AND ${condition}`, '-o', 'json'))[0].n;
  assert.equal(await count("properties.reported.firmware.version = '1.4.2'"), 12);
  assert.equal(await count("tags.site IN ['site-0','site-1','site-2','site-3'] AND tags.tz IN ['Europe/Berlin','Asia/Tokyo']"), 120);

  await hub.ok('job', 'create', '--job-id', 'follow-1', '--query-condition', "tags.fleet = 'follow-'", '--confirm', 'reported', '--confirm-within', '2s',
    '--twin-patch', '{"properties":{"desired":{"interval":5,"net":{"retries":3}}}}');
  const ended = await until(async () => {
    const now = await job('follow-1');
    return now.status === 'completed' ? now : null;
  }, 'the job to end');
  const { follows } = fleet.last;
  const rows = (await hub.ok('job', 'devices', 'follow-1', '-o', 'ndjson')).trim().split('\n').map((line) => JSON.parse(line));
  const errors = (code) => rows.filter((row) => row.error?.code === code).length;
  assert.equal(ended.deviceJobStatistics.succeededCount, follows.right);
  assert.equal(errors('DeviceDiverged'), follows.wrong);
  assert.equal(errors('DeviceSilent'), 120 - follows.right - follows.wrong);
  assert.ok(follows.wrong >= 12 && errors('DeviceSilent') > 0, JSON.stringify(follows));
  assert.equal(await fleet.stop(), 0, fleet.stderr);
});

test('a device that was away follows when it is back, and acknowledges', async () => {
  await hub.ok('simulate', '--devices', '5', '--prefix', 'late-', '--create-only');
  for (let n = 0; n < 5; ++n)
    await hub.ok('twin', 'update', '--device-id', `late-00000${n}`, '--desired', '{"interval":7}');
  const fleet = new Simulation('--devices', '5', '--prefix', 'late-', '--follow', '0ms', '--acknowledge');
  await fleet.until((now) => now.follows?.right === 5 && now.reported.stored === 5, 'all devices to follow');
  const { properties } = JSON.parse(await hub.ok('twin', 'show', '--device-id', 'late-000003'));
  assert.deepEqual(properties.reported.interval, { value: 7, ac: 200, av: properties.desired.$version, ad: '' });
  assert.equal(await fleet.stop(), 0, fleet.stderr);
});

test('SIGUSR1 cuts every connection, and all come back', async () => {
  const fleet = new Simulation('--devices', '50', '--backoff', '50ms');
  await fleet.until((now) => now.connected === 50, 'all devices to connect');
  fleet.child.kill('SIGUSR1');
  await fleet.until((now) => now.lost === 50 && now.reconnects === 50 && now.connected === 50, 'all to come back');
  assert.equal(await fleet.stop(), 0, fleet.stderr);
});

test('a hub that knows none of them says so in the end', async () => {
  const { code, stderr } = await hub.cli('simulate', '--devices', '3', '--prefix', 'nobody-', '--interval', '500ms');
  assert.equal(code, 4, stderr);
  assert.match(stderr, /--create/);
});

test('mistakes on the command line are usage errors', async () => {
  for (const flags of [['--devices', '0'], ['--devices', '2', '--offline', '5s'], ['--devices', '5', '-o', 'xml'],
    ['--devices', '2', '--method-latency', 'soon'], ['--devices', '2', '--wrong-percent', '5'], ['--devices', '2', '--sites', '3'], []]) {
    const { code, stderr } = await hub.cli('simulate', ...flags);
    assert.equal(code, 2, `${flags}: ${stderr}`);
  }
});

test('a fleet that is too large for one process is told how to divide itself', async () => {
  const child = spawn('sh', ['-c', 'ulimit -n 132 && exec "$0" simulate --devices 1000', hub.binary], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
  assert.equal(await new Promise((resolve) => { child.on('close', resolve); }), 2);
  assert.match(stderr, /RLIMIT_NOFILE/);
  assert.match(stderr, /--devices 100 --first 100/);
});
