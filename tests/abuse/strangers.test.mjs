// Protocols that are not spoken on a port, plain and within TLS: each is closed by what it says, not by its
// time, which would be over first if it were not so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Hub } from '../lib/hub.mjs';
import { HTTPS, MQTTS, stranger } from './attack.mjs';
import { Honest } from './honest.mjs';

// Of ten seconds; a machine that is nine seconds late is no machine to test on.
const BEFORE_ITS_TIME_S = 9;
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
});
after(() => hub.stop());

const greetings = {
  http: 'GET / HTTP/1.1\r\nHost: hub\r\n\r\n', httpBegun: 'G', ssh: 'SSH-2.0-OpenSSH_9.2p1\r\n', amqp: 'AMQP\x00\x01\x00\x00',
  amqpSasl: 'AMQP\x03\x01\x00\x00', smtp: 'EHLO stranger\r\n', zeros: '\x00'.repeat(64),
};
const plainOnly = { mqtt: Buffer.from('101000044d5154540402003c000461626364', 'hex'), tlsData: Buffer.from('1703030010', 'hex'), sslV2: Buffer.from('802b010301002000000010', 'hex') };

test('what is no TLS is closed at once', async () => {
  const ends = await Promise.all([MQTTS, HTTPS].flatMap((port) => Object.entries({ ...greetings, ...plainOnly }).map(async ([name, say]) => {
    const after = await stranger(hub, port, { say: Buffer.from(say, 'latin1') }).closed;
    assert.ok(after < BEFORE_ITS_TIME_S, `${name} on ${port}: ${after.toFixed(1)} s`);
    return after;
  })));
  console.log(`${ends.length} strangers, the last closed after ${Math.max(...ends).toFixed(2)} s`);
});

const begunHttp = ['http', 'httpBegun'];
for (const [port, what, said] of [
  [MQTTS, 'MQTT', greetings],
  [HTTPS, 'HTTP', { ...Object.fromEntries(Object.entries(greetings).filter(([name]) => !begunHttp.includes(name))), ...plainOnly }],
]) {
  test(`what is no ${what} within TLS is closed at once`, async () => {
    const ends = await Promise.all(Object.entries(said).map(([name, say]) => new Promise((resolve) => {
      const begun = performance.now();
      let isSaid = false;
      const socket = connect({ host: hub.address, port, rejectUnauthorized: false });
      socket.on('secureConnect', () => {
        isSaid = true;
        socket.write(Buffer.from(say, 'latin1'));
      });
      socket.on('close', () => resolve([name, isSaid ? (performance.now() - begun) / 1000 : Infinity]));
      socket.on('data', () => {});
      socket.on('error', () => {}); // Being reset is being closed, too.
    })));
    for (const [name, after] of ends) assert.ok(after < BEFORE_ITS_TIME_S, `${name}: ${after.toFixed(1)} s`);
    console.log(`${ends.length} strangers within TLS on ${port}, the last closed after ${Math.max(...ends.map(([, s]) => s)).toFixed(2)} s`);
  });
}

test('an honest device was served throughout', () => honest.end());
