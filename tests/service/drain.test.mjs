// A hub that is asked to end with `drain_s` lets its connections go one after the other: when the first has ended, others
// are still served. Without, all end at once. Either way the exit code is 0. One thread, so that at once is one turn of it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { Hub } from '../lib/hub.mjs';

const clients = 10;
const hub = Hub.fromEnvironment(['--threads', '1']);

/** A connection that is kept alive; its `ended` says what was answered after `ask`. */
async function open() {
  const socket = connect({ host: hub.address, port: 443, ca: readFileSync(hub.caFile) });
  await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
  const client = { socket, answers: '', hasEnded: false };
  client.ended = new Promise((resolve) => {
    socket.on('data', (text) => { client.answers += text; });
    socket.on('close', () => { client.hasEnded = true; resolve(); });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
  });
  client.ask = async () => {
    client.answers = '';
    socket.write(`GET /carillon/session HTTP/1.1\r\nHost: ${hub.address}\r\n\r\n`);
    while (!client.answers.startsWith('HTTP/1.1 ') && !client.hasEnded) {
      await Promise.race([client.ended, new Promise((resolve) => socket.once('data', resolve))]);
    }
    return client.answers.startsWith('HTTP/1.1 ');
  };
  assert.ok(await client.ask());
  return client;
}

/** Ends the hub; whether, when the first connection had ended, another was answered. */
async function end(settings) {
  Object.assign(process.env, settings);
  await hub.start();
  for (const name of Object.keys(settings)) delete process.env[name];
  const all = [];
  for (let i = 0; i < clients; ++i) all.push(await open());
  const child = hub.process;
  child.kill('SIGTERM');
  await Promise.race(all.map((client) => client.ended));
  let isServed = false;
  for (const client of all) isServed ||= !client.hasEnded && (await client.ask());
  await Promise.all(all.map((client) => client.ended));
  const code = await hub.ended;
  hub.process = null;
  assert.equal(code, 0, hub.log());
  return isServed;
}

test('connections end one after the other over drain_s', async () => {
  assert.equal(await end({ CARILLON_DRAIN_S: '8' }), true);
});

test('without it all end at once', async () => {
  assert.equal(await end({}), false);
});
