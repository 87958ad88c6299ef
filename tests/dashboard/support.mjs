// What the tests of the dashboard share: the hub asked behind the page's back, and a simulated fleet.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { parts, sign, until } from '../lib/hub.mjs';

/** Asks the hub as its owner does; gives the answer's JSON. */
export async function ask(hub, method, path, body, headers = {}) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const token = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const version = path.startsWith('/carillon/') ? '' : '?api-version=2021-04-12';
  const answer = await fetch(`https://${hub.address}${path}${version}`, {
    method, headers: { Authorization: token, 'Content-Type': 'application/json', ...headers }, ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** `carillon simulate` with as many devices, all of them connected; gives what ends it. */
export async function startFleet(hub, devices, ...flags) {
  const fleet = spawn(hub.binary, ['simulate', '-n', String(devices), '--create', ...flags], {
    stdio: 'ignore', env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile },
  });
  await until(async () => (await ask(hub, 'GET', '/carillon/overview')).connectedCount === devices, 'the fleet to connect');
  return async () => {
    fleet.kill('SIGTERM');
    await new Promise((resolve) => { fleet.on('exit', resolve); });
  };
}

/** A reverse proxy that shows the hub below a folder, as operators do who have one name for many services. */
export async function startProxy(hub, port, folder) {
  const data = join(hub.directory, 'data');
  const [key, cert] = ['server-ecdsa-key.pem', 'server-ecdsa.pem'].map((name) => readFileSync(join(data, name)));
  const proxy = createServer({ key, cert }, (asked, answer) => {
    if (!asked.url.startsWith(`${folder}/`)) {
      answer.writeHead(404).end();
      return;
    }
    const onward = request({ host: hub.address, port: 443, method: asked.method, path: asked.url.slice(folder.length), headers: { ...asked.headers, host: hub.address } }, (given) => {
      answer.writeHead(given.statusCode, given.headers);
      given.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise((resolve) => { proxy.listen(port, hub.address, resolve); });
  return () => new Promise((resolve) => {
    proxy.close(resolve);
    proxy.closeAllConnections();
  });
}
