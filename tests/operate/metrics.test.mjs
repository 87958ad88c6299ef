// The metrics of a running hub: what was done is in the figures, and docs, dashboard and alerts know the
// names that there are.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { close, connect, ga } from '../lib/devices.mjs';
import { parts, sign, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from '../rest/client.mjs';
import { get, hubWithAdmin, parse, scrape } from './scrape.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const hub = hubWithAdmin();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const expires = Math.floor(Date.now() / 1000) + 3600;
// As tests/run.sh takes it out of Debian's package.
const promtool = [join(dirname(hub.binary), 'prometheus', 'usr', 'bin', 'promtool'), 'promtool']
  .find((program) => spawnSync(program, ['--version']).status === 0);

function connectDevice(id, key) {
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: 8883, clientId: id, clean: true, reconnectPeriod: 0,
    username: `${hub.address}/${id}/?api-version=2021-04-12`,
    password: sign(`${hub.address}/devices/${id}`, key, expires), ca: readFileSync(hub.caFile),
  });
  return new Promise((resolve, reject) => {
    client.on('connect', () => resolve(client));
    client.on('error', reject);
  });
}

const publish = (client, topic, payload) => new Promise((resolve, reject) => {
  client.publish(topic, payload, { qos: 1 }, (error) => (error ? reject(error) : resolve()));
});

let page;
test('what was done is in the figures', async () => {
  const { SharedAccessKey } = parts(await hub.device('meter-1'));
  for (const id of ['meter-2', 'meter-3']) await hub.device(id);
  const client = await connectDevice('meter-1', SharedAccessKey);
  await assert.rejects(connectDevice('meter-2', SharedAccessKey));
  for (const text of ['a', 'b', 'c']) await publish(client, 'devices/meter-1/messages/events/', text);
  await publish(client, '$iothub/twin/PATCH/properties/reported/?$rid=1', '{"level":7}');
  client.on('message', (topic) => {
    const call = /^\$iothub\/methods\/POST\/ping\/\?\$rid=(\w+)/.exec(topic);
    if (call) client.publish(`$iothub/methods/res/200/?$rid=${call[1]}`, '{}');
  });
  await new Promise((resolve) => { client.subscribe('$iothub/methods/POST/#', { qos: 1 }, resolve); });
  await hub.ok('method', 'invoke', '--device-id', 'meter-1', '--method-name', 'ping');
  await new Promise((resolve) => { client.subscribe('devices/meter-1/messages/devicebound/#', { qos: 1 }, resolve); });
  const told = new Promise((resolve) => { client.on('message', (topic) => topic.includes('/devicebound/') && resolve()); });
  await hub.ok('c2d', 'send', 'meter-1', '--data', 'go');
  await told;
  await hub.ok('query', 'SELECT * FROM devices');
  assert.notEqual((await hub.cli('query', 'SELECT nonsense')).code, 0);
  await hub.ok('job', 'create', '--job-id', 'twins', '--job-type', 'scheduleUpdateTwin', '--query-condition', '*',
    '--twin-patch', '{"tags":{"site":1}}', '--wait');

  // The hub's threads note what they have done once a second.
  await until(async () => {
    page = await scrape(hub);
    return page.samples.get('carillon_d2c_messages_total') === 3 && page.samples.get('carillon_methods_sent_total') === 1 &&
      page.samples.get('carillon_document_writes_total') >= 7;
  }, () => `the figures: ${JSON.stringify([...page.samples].filter(([name]) => /d2c|methods|document/.test(name)))}`);
  const figure = (name) => page.samples.get(name);
  assert.equal(figure('carillon_devices_registered'), 3);
  assert.equal(figure('carillon_devices_connected'), 1);
  assert.equal(figure('carillon_device_connects_total'), 1);
  assert.equal(figure('carillon_methods_in_flight'), 0);
  assert.equal(figure('carillon_mqtt_connects_total{result="ok"}'), 1);
  assert.equal(figure('carillon_mqtt_connects_total{result="refused"}'), 1);
  assert.equal(figure('carillon_mqtt_operations_total{op="telemetry"}'), 3);
  assert.equal(figure('carillon_mqtt_operations_total{op="twin_update"}'), 1);
  assert.equal(figure('carillon_mqtt_operations_total{op="method_response"}'), 1);
  assert.equal(figure('carillon_mqtt_operations_total{op="cloud_message"}'), 1);
  assert.equal(figure('carillon_login_failures_total{protocol="mqtt",cause="wrong key"}'), 1);
  assert.equal(figure('carillon_methods_total{result="ok"}'), 1);
  assert.equal(figure('carillon_method_duration_seconds_count'), 1);
  assert.equal(figure('carillon_method_bytes_total{direction="response"}'), 2);
  assert.equal(figure('carillon_c2d_messages_total{result="ok"}'), 1);
  assert.equal(figure('carillon_tls_handshakes_total{result="failed"}'), 0);
  assert.ok(figure('carillon_tls_handshakes_total{result="ok"}') >= 10);
  assert.equal(figure('carillon_jobs_created_total{type="scheduleUpdateTwin",result="ok"}'), 1);
  assert.equal(figure('carillon_jobs_finished_total{status="completed"}'), 1);
  assert.equal(figure('carillon_job_device_ops_total{type="scheduleUpdateTwin",result="succeeded"}'), 3);
  assert.equal(figure('carillon_job_lag_seconds_count'), 1);
  assert.equal(figure('carillon_store_commit_failures_total'), 0);
  assert.ok(figure('carillon_store_commit_seconds_count') >= 6);
  assert.ok(figure('carillon_store_batch_records_sum') >= figure('carillon_store_commit_seconds_count'));
  assert.equal(figure('carillon_rest_requests_total{method="PUT",route="/devices/{}",code="2xx"}'), 3);
  assert.equal(figure('carillon_rest_requests_total{method="POST",route="/devices/query",code="4xx"}'), 1);
  assert.equal(figure('carillon_rest_request_seconds_count{method="PUT",route="/devices/{}"}'), 3);
  assert.equal(figure('carillon_jobs_running'), 0);
  assert.ok(figure('carillon_store_commits_total') >= 6);
  assert.ok(figure('carillon_store_log_bytes') > 0);
  assert.ok(figure('process_open_fds') > 10);
  assert.ok(figure('process_resident_memory_bytes') > 1_000_000);
  if (process.env.HUB_SANITIZED !== '1') assert.ok(figure('carillon_allocated_memory_bytes') > 1_000_000);
  const ends = [...page.samples].filter(([name]) => name.startsWith('carillon_tls_cert_expiry_timestamp_seconds{'));
  assert.equal(ends.length, 3, 'two certificates and the authority');
  for (const [name, end] of ends) assert.ok(end * 1000 > Date.now(), name);
  await until(async () => (await scrape(hub)).samples.get('carillon_loop_lag_seconds_count{loop="0"}') > 0, 'the loops to be asked');

  await hub.ok('device', 'delete', '--device-id', 'meter-3', '--yes');
  client.end(true);
  await until(async () => (await scrape(hub)).samples.get('carillon_devices_connected') === 0, 'the device to be gone');
  await until(async () => (await scrape(hub)).samples.get('carillon_devices_registered') === 2, 'the device to be forgotten');
});

test('AMQP connections, their links and messages are counted', async () => {
  const device = await connect(ga, await hub.device('meter-amqp'), {}, ga.Amqp);
  await device.sendEvent(new ga.device.Message('x'));
  await until(async () => (await scrape(hub)).samples.get('carillon_amqp_links_open') > 0, 'the links');
  const { samples } = await scrape(hub);
  assert.equal(samples.get('carillon_amqp_connections_open'), 1);
  assert.ok(samples.get('carillon_amqp_sessions_open') >= 1);
  assert.ok(samples.get('carillon_amqp_transfers_total{direction="received"}') >= 2, 'a token and a message');
  assert.ok(samples.get('carillon_amqp_received_bytes_total') > 100);
  await close(device);
  await until(async () => {
    const left = (await scrape(hub)).samples;
    return ['connections', 'sessions', 'links'].every((what) => left.get(`carillon_amqp_${what}_open`) === 0);
  }, 'nothing to be open');
  await hub.ok('device', 'delete', '--device-id', 'meter-amqp', '--yes');
});

test('what endpoints of routes took is counted', async () => {
  const put = async (path, body) => {
    const text = JSON.stringify(body);
    const client = await RawClient.open(hub);
    client.send(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n${ownerField(hub)}\r\n${text}`);
    assert.equal((await client.answer()).status, 200);
    client.destroy();
  };
  await put('/carillon/endpoints/store', { type: 'file', container: 'file:metered', maxWaitSeconds: 1 });
  await put('/carillon/routes/all', { endpointNames: ['store'] });
  const device = await connect(ga, await hub.device('meter-routed'));
  await device.sendEvent(new ga.device.Message('x'));
  await until(async () => (await scrape(hub)).samples.get('carillon_route_messages_total{endpoint="store",result="ok"}') === 1, 'the message');
  await close(device);
  await hub.ok('device', 'delete', '--device-id', 'meter-routed', '--yes');
});

test('a job at work shows how far its devices are', async () => {
  await hub.ok('job', 'create', '--job-id', 'calls', '--job-type', 'scheduleDeviceMethod', '--query-condition', '*',
    '--method-name', 'ping', '--ttl', '600');
  await until(async () => (await scrape(hub)).samples.get('carillon_jobs_running') === 1, 'the job to be at work');
  assert.equal((await scrape(hub)).samples.get('carillon_job_devices{state="pending"}'), 2);
  await hub.ok('job', 'cancel', 'calls');
  await until(async () => (await scrape(hub)).samples.get('carillon_jobs_running') === 0, 'the job to be over');
});

test('no figure names a device', async () => {
  const { body } = await get(hub, '/metrics');
  assert.ok(!body.includes('meter-'));
});

test('OpenMetrics is given to whoever accepts it, with its end', async () => {
  const { headers, body } = await get(hub, '/metrics',
    { headers: { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' } });
  assert.match(headers['content-type'], /^application\/openmetrics-text/);
  assert.ok(body.endsWith('\n# EOF\n'));
  const { families, samples } = parse(body);
  assert.equal(families.get('carillon_d2c_messages'), 'counter');
  assert.ok(samples.has('carillon_d2c_messages_total'));
});

test('promtool finds nothing wrong with the page', async () => {
  const { body } = await get(hub, '/metrics');
  const { status, stderr, stdout } = spawnSync(promtool, ['check', 'metrics'], { input: body, encoding: 'utf8' });
  assert.equal(status, 0, stderr + stdout);
});

/** Names of families as they are in a page of Prometheus' format, without the endings of histograms. */
const names = () => [...page.families.keys()];

test('docs/monitoring.md has every name, and no other', () => {
  const text = readFileSync(join(root, 'docs', 'monitoring.md'), 'utf8');
  const told = new Set([...text.matchAll(/^\| `((?:carillon|process)_[a-z0-9_]+)/gm)].map((match) => match[1]));
  // Those of a cluster are compared in tests/cluster/commands.test.mjs.
  assert.deepEqual([...told].filter((name) => !name.startsWith('carillon_cluster_')).sort(), names().sort());
});

test('the dashboard and the alerts use names that there are', () => {
  for (const file of ['grafana/carillon.json', 'prometheus/carillon.rules.yml']) {
    const text = readFileSync(join(root, 'contrib', file), 'utf8');
    const used = new Set([...text.matchAll(/\b(?:carillon|process)_[a-z0-9_]+/g)].map((match) => match[0]));
    assert.ok(used.size > 5, file);
    for (const name of used) {
      const family = page.families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
      assert.ok(page.families.has(family), `${file} uses ${name}`);
    }
  }
  JSON.parse(readFileSync(join(root, 'contrib', 'grafana', 'carillon.json'), 'utf8'));
});

test('promtool takes the alert rules', () => {
  const { status, stderr, stdout } = spawnSync(promtool,
    ['check', 'rules', join(root, 'contrib', 'prometheus', 'carillon.rules.yml')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr + stdout);
});

test('a small hub does without huge pages', async () => {
  const status = `/proc/${hub.process.pid}/status`;
  await until(() => /^THP_enabled:\t0$/m.test(readFileSync(status, 'utf8')), () => readFileSync(status, 'utf8'));
});
