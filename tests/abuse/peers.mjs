// Peers that speak by hand over TLS, as no client library would: they ask, and may not read.

import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { parts, sign } from '../lib/hub.mjs';

/** A TLS connection that reads nothing until `read` is called. */
export function dial(hub, port) {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hub.address, port, servername: hub.address, ca: readFileSync(hub.caFile), highWaterMark: 1024,
    }, () => resolve(socket));
    socket.pause();
    socket.on('error', reject); // Once it stands, being cut is not an error.
    socket.on('close', () => { socket.isOver = true; });
  });
}

export const say = (socket, bytes) => new Promise((resolve) => { socket.write(bytes, () => resolve()); });

/** All that comes until `enough(text)`, or the end. */
export function read(socket, enough = () => false) {
  return new Promise((resolve) => {
    const pieces = [];
    let seen = '';
    const done = () => { socket.pause(); resolve(Buffer.concat(pieces)); };
    socket.on('data', (piece) => {
      pieces.push(piece);
      seen += piece.toString('latin1');
      if (enough(seen)) done();
    });
    socket.on('close', done);
    socket.resume();
  });
}

export const request = (hub, method, path, fields = {}) =>
  [`${method} ${path} HTTP/1.1`, `Host: ${hub.address}`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)]
    .join('\r\n') + '\r\n\r\n';

export function serviceToken(hub) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  return sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
}

// --- MQTT 3.1.1, as bytes ---------------------------------------------------------------------------

const text = (value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
const packet = (first, ...body) => {
  const content = Buffer.concat(body);
  const length = [];
  for (let rest = content.length; ;) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>= 7;
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), content]);
};
export const mqtt = {
  connect(hub, connectionString, password) {
    const { HostName, DeviceId, SharedAccessKey } = parts(connectionString);
    const token = password ?? sign(`${HostName}/devices/${DeviceId}`, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600);
    return packet(0x10, text('MQTT'), Buffer.from([4, 0xc2, 0, 120]), text(DeviceId),
      text(`${HostName}/${DeviceId}/?api-version=2021-04-12`), text(token));
  },
  subscribe: (filter) => packet(0x82, Buffer.from([0, 1]), text(filter), Buffer.from([0])),
  publish: (topic, payload = '') => packet(0x30, text(topic), Buffer.from(payload)),
  ping: Buffer.from([0xc0, 0]),
};

// --- WebSocket, RFC 6455, as a client ---------------------------------------------------------------

const frame = (opcode, payload) => {
  const bytes = Buffer.from(payload);
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), bytes]);
};
export const webSocket = {
  request: (hub) => request(hub, 'GET', '/$iothub/websocket', {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': 'mqtt',
  }),
  data: (payload) => frame(2, payload),
  ping: (payload) => frame(9, payload),
};
