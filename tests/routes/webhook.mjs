// A webhook for a test: a server that keeps what it is sent, and answers as it is told.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

export class Webhook {
  constructor(address, secret) {
    this.address = address;
    this.key = secret && Buffer.from(secret.replace('whsec_', ''), 'base64');
    this.requests = []; // All of them, whatever the answer was.
    this.taken = []; // Events that were answered by 2xx, in the order in which they came.
    this.answer = () => 200; // For a list of events; null: none is ever given.
    this.fields = {}; // Of each answer.
  }

  async start() {
    this.server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (piece) => { body += piece; }).on('end', () => {
        const events = JSON.parse(body);
        const headers = request.headers;
        this.requests.push({ headers, body, events, url: request.url, isSigned: this.isSigned(headers, body) });
        const status = this.answer(events);
        if (status === null) return;
        if (status < 300) this.taken.push(...events);
        response.writeHead(status, this.fields).end();
      });
    });
    await new Promise((resolve) => { this.server.listen(this.port ?? 0, this.address, resolve); });
    this.port = this.server.address().port;
  }

  /** As Standard Webhooks says. */
  isSigned(headers, body) {
    if (!this.key) return false;
    const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    return headers['webhook-signature'] === `v1,${createHmac('sha256', this.key).update(text).digest('base64')}`;
  }

  get origin() { return `http://${this.address}:${this.port}`; }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}
