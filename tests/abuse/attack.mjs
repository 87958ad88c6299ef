// What attacks have in common: how large they are, and peers that misbehave. Everything stays on loopback
// and is bounded by the numbers given here.

import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { readFileSync } from 'node:fs';

/** True in `make abuse`; else attacks are small enough for every run of the tests. */
export const isFull = process.env.ABUSE === 'full';
export const size = (short, full) => (isFull ? full : short);

/** From here on this process takes only what time others leave: an attacker has a machine of its own. */
export const giveWay = () => setPriority(constants.priority.PRIORITY_LOW);

export const MQTTS = 8883;
export const HTTPS = 443;

/** The first bytes of a ClientHello: a handshake record of 512 bytes that begins. */
export const BEGUN_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

/** What a client of TLS says first. */
export async function clientHello() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connectTls({ host: '127.0.0.1', port: server.address().port, rejectUnauthorized: false });
  client.on('error', () => {});
  const [socket] = await accepted;
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** Sources of connections: as many addresses of 127.99.0.0/16 as wanted. */
export const source = (number) => `127.99.${Math.floor(number / 250) % 250}.${1 + (number % 250)}`;

/**
 * A connection that is watched: `opened` is true or false once known, `closed` gives the seconds from its
 * begin to its end, whoever ended it; `received` is what came.
 */
export function stranger(hub, port, { from, say } = {}) {
  const begun = performance.now();
  const socket = connect({ host: hub.address, port, localAddress: from });
  const peer = { socket, received: Buffer.alloc(0), isClosed: false };
  peer.opened = new Promise((resolve) => {
    socket.on('connect', () => {
      if (say !== undefined) socket.write(say);
      resolve(true);
    });
    socket.on('close', () => resolve(false));
  });
  peer.closed = new Promise((resolve) => {
    socket.on('close', () => {
      peer.isClosed = true;
      resolve((performance.now() - begun) / 1000);
    });
  });
  socket.on('data', (bytes) => { peer.received = Buffer.concat([peer.received, bytes]); });
  socket.on('error', () => {});
  return peer;
}

/** `count` strangers, of whom `each(number)` says port and what `stranger` takes; waits until all have opened or failed. */
export async function crowd(hub, count, each) {
  const all = [];
  for (let i = 0; i < count; i += 1) {
    const { port, ...options } = each(i);
    all.push(stranger(hub, port, options));
    // In portions, so that this process has time for what comes back.
    if (i % 200 === 199) await Promise.all(all.slice(-200).map((peer) => peer.opened));
  }
  await Promise.all(all.map((peer) => peer.opened));
  return all;
}

export const leave = (peers) => peers.forEach((peer) => peer.socket.destroy());

/** What the hub's process holds and has spent. */
export function usage(hub) {
  const pid = hub.process.pid;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]);
  return { residentKiB: of('VmRSS'), peakKiB: of('VmHWM') };
}
