// A nats-server of Debian's with JetStream, and as much of its protocol as a test needs.
// Source: NATS docs, "Client protocol", "JetStream wire API reference", "NKeys", "JWT-based authentication".

import { spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { until } from '../lib/hub.mjs';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(bytes) {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => letters[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}

function withChecksum(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i += 1) crc = ((crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return base32([...bytes, crc & 0xff, crc >> 8]);
}

/** A new key pair of an operator (O), an account (A) or a user (U), as NATS writes them. */
export function makeNkey(kind) {
  const prefix = letters.indexOf(kind) << 3;
  const raw = randomBytes(32);
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), raw]), format: 'der', type: 'pkcs8' });
  const shown = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const seedPrefix = letters.indexOf('S') << 3;
  return { key, name: withChecksum([prefix, ...shown]), seed: withChecksum([seedPrefix | (prefix >> 5), (prefix & 31) << 3, ...raw]) };
}

/** What `issuer` says of `subject`. */
export function makeJwt(issuer, subject, nats) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const said = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ jti: 'x', iat: 1, iss: issuer.name, sub: subject.name, name: 'test', nats: { ...nats, version: 2 } })}`;
  return `${said}.${sign(null, Buffer.from(said), issuer.key).toString('base64url')}`;
}

export class NatsServer {
  /** With `more`, further arguments, it is only started: nothing here can ask it. Without a login it is as these say. */
  constructor(host, port, folder, login, more = []) {
    Object.assign(this, { host, port, folder, login, more });
  }

  async start() {
    const [user, password] = this.login?.split(':') ?? [];
    const login = this.login ? ['--user', user, '--pass', password] : [];
    this.process = spawn('nats-server', ['-a', this.host, '-p', `${this.port}`, ...(this.login ? ['-js', '-sd', this.folder] : []), ...login, ...this.more], { stdio: 'ignore' });
    await until(async () => {
      try {
        await this.open();
        if (this.more.length > 0) this.socket.destroy();
        return true;
      } catch {
        return false;
      }
    }, 'nats-server to answer');
    return this;
  }

  async stop() {
    this.socket?.destroy();
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  async open() {
    const [user, pass] = this.login?.split(':') ?? [];
    this.socket?.destroy();
    this.socket = connect(this.port, this.host);
    await once(this.socket, 'connect');
    this.unread = Buffer.alloc(0);
    this.waiting = new Map();
    this.last = 0;
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.write(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, user, pass, lang: 'test', version: '1', headers: true, no_responders: true })}\r\nSUB inbox.* 1\r\n`);
  }

  take(bytes) {
    this.unread = Buffer.concat([this.unread, bytes]);
    for (;;) {
      const end = this.unread.indexOf('\r\n');
      if (end < 0) return;
      const words = this.unread.subarray(0, end).toString().split(' ');
      let next = end + 2;
      if (words[0] === 'PING') this.socket.write('PONG\r\n');
      if (words[0] === 'MSG' || words[0] === 'HMSG') {
        const size = Number(words.at(-1));
        if (this.unread.length < next + size + 2) return;
        const head = words[0] === 'HMSG' ? Number(words.at(-2)) : 0;
        this.waiting.get(words[1])?.(this.unread.subarray(next + head, next + size).toString());
        next += size + 2;
      }
      this.unread = this.unread.subarray(next);
    }
  }

  async ask(subject, body = '') {
    const inbox = `inbox.${this.last += 1}`;
    const answer = new Promise((resolve) => { this.waiting.set(inbox, resolve); });
    this.socket.write(`PUB ${subject} ${inbox} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    return JSON.parse(await answer);
  }

  create(name, subjects) {
    return this.ask(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify({ name, subjects, retention: 'limits', storage: 'file', max_msgs: -1, max_bytes: -1, max_age: 0, num_replicas: 1, duplicate_window: 120_000_000_000 }));
  }

  /** All messages of a stream: subject, id and body. */
  async messages(name) {
    const { state } = await this.ask(`$JS.API.STREAM.INFO.${name}`);
    const all = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
      const { message } = await this.ask(`$JS.API.STREAM.MSG.GET.${name}`, JSON.stringify({ seq }));
      const headers = Buffer.from(message.hdrs ?? '', 'base64').toString();
      all.push({ subject: message.subject, id: /Nats-Msg-Id: (.*)\r\n/.exec(headers)?.[1], event: JSON.parse(Buffer.from(message.data, 'base64')) });
    }
    return all;
  }
}
