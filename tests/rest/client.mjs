// HTTP/1.1 by hand: sends any bytes over TLS and reads answers, so that a test can say what no
// client library would.

import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { sign, parts } from '../lib/hub.mjs';

// Ends a run in which the hub says nothing; no test passes by it.
const PATIENCE_MS = 30_000;

/** The Authorization field of the hub's owner, valid for an hour. */
export function ownerField(hub) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const expires = Math.floor(Date.now() / 1000) + 3600;
  return `Authorization: ${sign(HostName, SharedAccessKey, expires, SharedAccessKeyName)}\r\n`;
}

export class RawClient {
  static open(hub) {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hub.address, port: 443, ca: readFileSync(hub.caFile), allowHalfOpen: true },
        () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.wake = () => {};
    socket.on('data', (data) => { this.bytes = Buffer.concat([this.bytes, data]); this.wake(); });
    for (const event of ['end', 'close', 'error']) socket.on(event, () => { this.ended = true; this.wake(); });
  }

  /** `text` has one character a byte. */
  send(text) {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  async until(probe, what) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = probe();
      if (found) return found;
      if (Date.now() > end) throw new Error(`no ${what} after ${PATIENCE_MS / 1000} s; received: ${this.bytes.toString('latin1').slice(0, 500)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.wake = () => { clearTimeout(timer); resolve(); };
      });
    }
  }

  /** Takes one answer off the wire: { status, headers, body }; null if the connection ended first. */
  answer({ head = false } = {}) {
    return this.until(() => {
      const end = this.bytes.indexOf('\r\n\r\n');
      if (end < 0) return this.ended ? { none: true } : null;
      const [line, ...fields] = this.bytes.subarray(0, end).toString('latin1').split('\r\n');
      const headers = Object.fromEntries(fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }));
      const length = head ? 0 : Number(headers['content-length'] ?? 0);
      if (this.bytes.length < end + 4 + length) return this.ended ? { none: true } : null;
      const body = this.bytes.subarray(end + 4, end + 4 + length).toString('utf8');
      this.bytes = this.bytes.subarray(end + 4 + length);
      return { status: Number(line.split(' ')[1]), headers, body };
    }, 'answer').then((answer) => (answer.none ? null : answer));
  }

  /** Waits until the hub has closed, and tells whether it said anything more. */
  async closed() {
    await this.until(() => this.ended, 'end of the connection');
    return this.bytes.length === 0;
  }

  destroy() {
    this.socket.destroy();
  }
}
