// Reads what the admin listener tells, as Prometheus does.

import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { connect } from 'node:net';
import { Hub } from '../lib/hub.mjs';

export const ADMIN_PORT = 9464;

/** The test's hub, with an admin listener on its own address; settings are keys of the configuration. */
export function hubWithAdmin(settings = {}) {
  const hub = Hub.fromEnvironment(['--admin-port', String(ADMIN_PORT)]);
  const all = { 'admin.bind': hub.address, ...settings };
  for (const [key, value] of Object.entries(all)) {
    process.env[`CARILLON_${key.toUpperCase().replace('.', '__')}`] = value;
  }
  return hub;
}

export function get(hub, path, { headers = {}, tls = false } = {}) {
  const options = { host: hub.address, port: ADMIN_PORT, path, headers, agent: false };
  if (tls) options.ca = readFileSync(hub.caFile);
  return new Promise((resolve, reject) => {
    (tls ? https : http).get(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    }).on('error', reject);
  });
}

/** Whether anybody listens there. */
export function listens(address, port) {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port }, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

/** A page as { families: Map name -> type, samples: Map 'name{labels}' -> number }. */
export function parse(page) {
  const families = new Map();
  const samples = new Map();
  for (const line of page.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) families.set(type[1], type[2]);
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return { families, samples };
}

export async function scrape(hub, options) {
  const { status, body } = await get(hub, '/metrics', options);
  if (status !== 200) throw new Error(`the scrape answers ${status}: ${body}`);
  return parse(body);
}
