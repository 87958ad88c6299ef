// MQTT by hand: the packets that a device sends which registers, and whatever else a test wants to say.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as dial } from 'node:tls';
import { scope, token } from './enrolled.mjs';

export const text = (value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
export function packet(first, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = [];
  let left = body.length;
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
export const user = (id = 'dev-1', rest = '/api-version=2019-03-31&ClientVersion=x%2F1') => `${scope}/registrations/${id}${rest}`;
export function connectPacket({ client = 'dev-1', name = user(), password = token(), clean = true, keepAlive = 60, level = 4, protocol = 'MQTT' } = {}) {
  const flags = (clean ? 2 : 0) | 0x80 | (password === null ? 0 : 0x40);
  return packet(0x10, text(protocol), [level, flags, keepAlive >> 8, keepAlive & 255], text(client), text(name), password === null ? [] : text(password));
}
export const subscribePacket = (filter = '$dps/registrations/res/#', qos = 1, id = 1) => packet(0x82, [0, id], text(filter), [qos]);
export const publishPacket = (topic, body = '{}', qos = 0, id = 5) => packet(0x30 | (qos << 1), text(topic), qos ? [0, id] : [], body);
export const registerTopic = '$dps/registrations/PUT/iotdps-register/?$rid=';
export const pollTopic = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=';

export class Peer {
  static async open(hub, localAddress) {
    const peer = new Peer();
    peer.socket = dial({ host: hub.address, port: 8883, localAddress, ca: readFileSync(hub.caFile) });
    peer.packets = [];
    peer.buffer = Buffer.alloc(0);
    peer.isClosed = false;
    peer.waiting = [];
    peer.socket.on('data', (bytes) => peer.take(bytes));
    peer.socket.on('error', () => {});
    peer.socket.on('close', () => { peer.isClosed = true; peer.wake(); });
    await new Promise((resolve, reject) => { peer.socket.once('secureConnect', resolve); peer.socket.once('error', reject); });
    return peer;
  }
  wake() { for (const go of this.waiting.splice(0)) go(); }
  take(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    for (;;) {
      let length = 0;
      let at = 1;
      let shift = 0;
      for (; at < this.buffer.length; at++) {
        length |= (this.buffer[at] & 127) << shift;
        shift += 7;
        if (!(this.buffer[at] & 128)) break;
      }
      if (at >= this.buffer.length || this.buffer.length < at + 1 + length) break;
      this.packets.push(this.buffer.subarray(0, at + 1 + length));
      this.buffer = this.buffer.subarray(at + 1 + length);
    }
    this.wake();
  }
  say(...bytes) { this.socket.write(Buffer.concat(bytes)); }
  /** The next packet, or 'closed'. */
  async next() {
    while (this.packets.length === 0) {
      if (this.isClosed) return 'closed';
      await new Promise((resolve) => { this.waiting.push(resolve); });
    }
    return this.packets.shift();
  }
  async hex() {
    const one = await this.next();
    return one === 'closed' ? one : one.toString('hex');
  }
  /** The next packet, which is a publish. */
  async published() {
    const one = await this.next();
    assert.notEqual(one, 'closed');
    assert.equal(one[0] >> 4, 3, one.toString('hex'));
    const start = one.length < 130 ? 2 : 3;
    const topicEnd = start + 2 + one.readUInt16BE(start);
    const qos = (one[0] >> 1) & 3;
    const packetId = qos ? one[topicEnd + 1] : undefined;
    return { qos, packetId, topic: one.subarray(start + 2, topicEnd).toString(), body: JSON.parse(one.subarray(topicEnd + (qos ? 2 : 0)).toString()) };
  }
  end() { this.socket.destroy(); }
}
