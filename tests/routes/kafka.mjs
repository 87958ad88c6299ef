// A stand-in for a broker of Kafka: one partition in memory, and as much of the protocol as a producer needs, with
// SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) and TLS with client certificates. Versions are those before the flexible
// ones. Source: Kafka, "A Guide To The Kafka Protocol", clients/src/main/resources/common/message; RFC 5802, RFC 7677.

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';

const produce = 0;
const metadata = 3;
const handshake = 17;
const apiVersions = 18;
const initProducerId = 22;
const authenticate = 36;
/** The requests it supports: key, oldest and newest version. Fetch is only listed, as librdkafka infers the format of records from it. */
const offered = [[produce, 3, 7], [1, 4, 4], [metadata, 0, 2], [handshake, 0, 1], [apiVersions, 0, 0], [initProducerId, 0, 1], [authenticate, 0, 1]];
const unsupportedVersion = 35;
const unsupportedMechanism = 33;
const illegalSaslState = 34;
const authenticationFailed = 58;

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  i8() { return this.take(1).readInt8(); }
  i16() { return this.take(2).readInt16BE(); }
  i32() { return this.take(4).readInt32BE(); }
  i64() { return this.take(8).readBigInt64BE(); }
  string() {
    const length = this.i16();
    return length < 0 ? null : this.take(length).toString();
  }
  block() {
    const length = this.i32();
    return length < 0 ? null : this.take(length);
  }
  list(read) { return Array.from({ length: Math.max(0, this.i32()) }, read); }
  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(1)[0];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
  }
  varblock() {
    const length = this.varint();
    return length < 0 ? null : this.take(length);
  }
}

const i8 = (value) => Buffer.from([value & 0xff]);
const i16 = (value) => { const out = Buffer.alloc(2); out.writeInt16BE(value); return out; };
const i32 = (value) => { const out = Buffer.alloc(4); out.writeInt32BE(value); return out; };
const i64 = (value) => { const out = Buffer.alloc(8); out.writeBigInt64BE(BigInt(value)); return out; };
const string = (text) => (text === null ? i16(-1) : Buffer.concat([i16(Buffer.byteLength(text)), Buffer.from(text)]));
const block = (bytes) => Buffer.concat([i32(bytes.length), Buffer.from(bytes)]);
const list = (items) => Buffer.concat([i32(items.length), ...items]);

/** The server's side of one login, a message at a time: gives the answer, or throws. Done when `user` is set. */
class Login {
  constructor(mechanism, users) {
    Object.assign(this, { mechanism, users });
  }

  take(message) {
    if (this.mechanism === 'PLAIN') return this.plain(message);
    return this.nonce ? this.finish(message.toString()) : this.begin(message.toString());
  }

  plain(message) {
    const [, user, password] = message.toString().split('\0');
    if (this.users[user] === undefined || this.users[user] !== password) throw new Error('wrong password');
    this.user = user;
    return Buffer.alloc(0);
  }

  begin(message) {
    const [, bare] = /^n,,(.*)$/.exec(message);
    const { n, r } = Object.fromEntries(bare.split(',').map((part) => [part[0], part.slice(2)]));
    this.name = n.replaceAll('=2C', ',').replaceAll('=3D', '=');
    this.nonce = r + randomBytes(12).toString('hex');
    const salt = randomBytes(16);
    const iterations = 4096;
    const hash = this.mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256';
    const password = this.users[this.name] ?? randomBytes(16).toString('hex');
    const salted = pbkdf2Sync(password, salt, iterations, hash === 'sha512' ? 64 : 32, hash);
    const hmac = (key, text) => createHmac(hash, key).update(text).digest();
    const first = `r=${this.nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.check = (withoutProof, proof) => {
      const said = `${bare},${first},${withoutProof}`;
      const stored = createHash(hash).update(hmac(salted, 'Client Key')).digest();
      const signature = hmac(stored, said);
      const key = Buffer.from(proof.map((byte, at) => byte ^ signature[at]));
      if (!timingSafeEqual(createHash(hash).update(key).digest(), stored)) throw new Error('wrong password');
      return hmac(hmac(salted, 'Server Key'), said);
    };
    return Buffer.from(first);
  }

  finish(message) {
    const [, withoutProof, nonce, proof] = /^(c=biws,r=([^,]*)),p=(.*)$/.exec(message);
    // librdkafka before 2.6.1 puts its own part before the whole once more. Source: Kafka, ScramSaslServer.java.
    if (!nonce.endsWith(this.nonce)) throw new Error('wrong nonce');
    const signature = this.check(withoutProof, Buffer.from(proof, 'base64'));
    this.user = this.name;
    return Buffer.from(`v=${signature.toString('base64')}`);
  }
}

/** The records of a batch in format 2, neither compressed nor of a transaction. */
function recordsOf(bytes) {
  const reader = new Reader(bytes);
  reader.take(8 + 4 + 4);
  if (reader.i8() !== 2) throw new Error('not the format of records that was told of');
  reader.take(4);
  if ((reader.i16() & 7) !== 0) throw new Error('compressed');
  reader.take(4 + 8 + 8 + 8 + 2 + 4);
  return reader.list(() => {
    const record = new Reader(reader.varblock());
    record.i8();
    record.varint();
    record.varint();
    const key = record.varblock()?.toString() ?? null;
    const event = JSON.parse(record.varblock());
    const headers = Array.from({ length: record.varint() }, () => [record.varblock().toString(), record.varblock().toString()]);
    return { key, event, headers: Object.fromEntries(headers) };
  });
}

export class KafkaBroker {
  /** `users`: name to password, who have to log in by one of `mechanisms`; without it nobody has to. `tls`: options of tls.createServer. */
  constructor(host, port, topic, { users, mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], tls, name = host } = {}) {
    Object.assign(this, { host, port, topic, users, mechanisms, name });
    /** Records with the user that sent them: `{ user, certificate, key, event, headers }`. */
    this.records = [];
    this.refused = 0;
    this.sockets = new Set();
    const accept = (socket) => this.serve(socket);
    this.server = tls ? createTlsServer(tls, accept) : createServer(accept);
    this.server.on('tlsClientError', () => { this.refused += 1; });
  }

  async start() {
    this.server.listen(this.port, this.host);
    await once(this.server, 'listening');
    return this;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  serve(socket) {
    this.sockets.add(socket);
    const line = { certificate: socket.getPeerCertificate?.()?.subject?.CN };
    let unread = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (bytes) => {
      unread = Buffer.concat([unread, bytes]);
      while (unread.length >= 4 && unread.length >= 4 + unread.readInt32BE()) {
        const request = unread.subarray(4, 4 + unread.readInt32BE());
        unread = unread.subarray(4 + request.length);
        this.answer(socket, line, new Reader(request));
      }
    });
  }

  answer(socket, line, request) {
    const [api, version, correlation] = [request.i16(), request.i16(), request.i32()];
    request.string();
    const [, oldest, newest] = offered.find(([key]) => key === api) ?? [];
    const known = version >= oldest && version <= newest;
    if (api === apiVersions) return send(socket, correlation, i16(known ? 0 : unsupportedVersion), list(offered.map((range) => Buffer.concat(range.map(i16)))));
    const isLogin = api === handshake || api === authenticate;
    if (!known || (this.users && !line.user && !isLogin)) return socket.destroy();
    if (api === handshake) {
      const mechanism = request.string();
      const code = this.mechanisms.includes(mechanism) ? 0 : unsupportedMechanism;
      if (code === 0) line.login = new Login(mechanism, this.users ?? {});
      return send(socket, correlation, i16(code), list(this.mechanisms.map(string)));
    }
    if (api === authenticate) return this.logIn(socket, line, correlation, version, request.block());
    if (api === metadata) {
      const broker = Buffer.concat([i32(1), string(this.name), i32(this.port), ...(version > 0 ? [string(null)] : [])]);
      const partition = Buffer.concat([i16(0), i32(0), i32(1), list([i32(1)]), list([i32(1)])]);
      const topic = Buffer.concat([i16(0), string(this.topic), ...(version > 0 ? [i8(0)] : []), list([partition])]);
      return send(socket, correlation, list([broker]), ...(version > 1 ? [string('cluster')] : []), ...(version > 0 ? [i32(1)] : []), list([topic]));
    }
    if (api === initProducerId) return send(socket, correlation, i32(0), i16(0), i64(1), i16(0));
    return this.produced(socket, line, correlation, version, request);
  }

  logIn(socket, line, correlation, version, message) {
    const lifetime = version > 0 ? [i64(0)] : [];
    if (!line.login) return send(socket, correlation, i16(illegalSaslState), string('no handshake'), block(''), ...lifetime);
    try {
      const answer = line.login.take(message);
      line.user = line.login.user;
      line.mechanism = line.login.mechanism;
      return send(socket, correlation, i16(0), string(null), block(answer), ...lifetime);
    } catch {
      this.refused += 1;
      send(socket, correlation, i16(authenticationFailed), string('Authentication failed.'), block(''), ...lifetime);
      return socket.end();
    }
  }

  produced(socket, line, correlation, version, request) {
    request.string();  // of a transaction
    request.i16();
    request.i32();
    const topics = request.list(() => ({ name: request.string(), batches: request.list(() => [request.i32(), request.block()]) }));
    const answers = topics.map(({ name, batches }) => Buffer.concat([string(name), list(batches.map(([partition, bytes]) => {
      const base = this.records.length;
      for (const record of recordsOf(bytes)) this.records.push({ user: line.user, mechanism: line.mechanism, certificate: line.certificate, ...record });
      return Buffer.concat([i32(partition), i16(0), i64(base), i64(-1), ...(version >= 5 ? [i64(0)] : [])]);
    }))]));
    return send(socket, correlation, list(answers), i32(0));
  }
}

function send(socket, correlation, ...parts) {
  socket.write(block(Buffer.concat([i32(correlation), ...parts])));
}
