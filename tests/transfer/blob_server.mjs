// A blob container as import and export jobs use it: block blobs by Put Blob, Put Block and Put Block
// List; Get Blob with a range and If-Match; Get Blob Properties. In memory, on loopback, for tests.
// Source: Azure Storage docs, "Blob service REST API".

import { createHash } from 'node:crypto';
import { createServer as createPlain } from 'node:http';
import { createServer as createTls } from 'node:https';

export const signature = 'sv=2021-08-06&sr=c&sp=rcw&sig=c2VjcmV0%2Bc2ln';

export class BlobServer {
  /** With `tls` (`{ cert, key }`) over HTTPS. */
  constructor({ address, tls } = {}) {
    this.address = address ?? '127.0.0.1';
    this.tls = tls;
    this.blobs = new Map();
    this.blocks = new Map();
    this.requests = [];
    /** Answers this status to the next so many requests. */
    this.trouble = { status: 503, count: 0 };
    const serve = (request, response) => this.#serve(request, response);
    this.server = tls ? createTls(tls, serve) : createPlain(serve);
  }

  /** Hubs that are started afterwards may reach it. */
  async start() {
    await new Promise((resolve) => { this.server.listen(0, this.address, resolve); });
    this.port = this.server.address().port;
    const origin = `${this.tls ? 'https' : 'http'}://${this.address}:${this.port}`;
    process.env.CARILLON_STORAGE__HOSTS = [process.env.CARILLON_STORAGE__HOSTS, origin].filter(Boolean).join(',');
    return this;
  }

  stop() {
    this.server.closeAllConnections?.();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  /** The URI that a job is given; `sas` may be another one. */
  container(name, sas = signature) {
    return `${this.tls ? 'https' : 'http'}://${this.address}:${this.port}/account/${name}?${sas}`;
  }

  put(container, name, text) {
    this.blobs.set(`/account/${container}/${name}`, Buffer.from(text));
  }

  text(container, name) {
    return this.blobs.get(`/account/${container}/${name}`)?.toString('utf8');
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://x');
    const path = decodeURIComponent(url.pathname);
    this.requests.push(`${request.method} ${url.searchParams.get('comp') ?? 'blob'}`);
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const answer = (status, headers = {}, content = '') => {
      response.writeHead(status, headers);
      response.end(content);
    };
    if (this.trouble.count > 0) {
      this.trouble.count -= 1;
      return answer(this.trouble.status);
    }
    if (url.searchParams.get('sig') !== new URLSearchParams(signature).get('sig')) {
      return answer(403, { 'x-ms-error-code': 'AuthenticationFailed' });
    }
    if (request.method === 'PUT') return answer(this.#write(url, path, request.headers, body));
    const blob = this.blobs.get(path);
    if (!blob) return answer(404, { 'x-ms-error-code': 'BlobNotFound' });
    const headers = { ETag: `"${createHash('sha256').update(blob).digest('hex').slice(0, 16)}"`, 'Content-Length': blob.length };
    if (request.method === 'HEAD') return answer(200, headers);
    const match = request.headers['if-match'];
    if (match && match !== headers.ETag) return answer(412, { 'x-ms-error-code': 'ConditionNotMet' });
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers['x-ms-range'] ?? '');
    if (!range) return answer(200, headers, blob);
    const piece = blob.subarray(Number(range[1]), Number(range[2]) + 1);
    headers['Content-Length'] = piece.length;
    headers['Content-Range'] = `bytes ${range[1]}-${Number(range[1]) + piece.length - 1}/${blob.length}`;
    return answer(206, headers, piece);
  }

  #write(url, path, headers, body) {
    const comp = url.searchParams.get('comp');
    if (comp === 'block') {
      this.blocks.set(`${path} ${url.searchParams.get('blockid')}`, body);
      return 201;
    }
    if (comp === 'blocklist') {
      const ids = [...body.toString('utf8').matchAll(/<Latest>([^<]+)<\/Latest>/g)].map((found) => found[1]);
      const blocks = ids.map((id) => this.blocks.get(`${path} ${id}`));
      if (blocks.includes(undefined)) return 400;
      this.blobs.set(path, Buffer.concat(blocks));
      return 201;
    }
    if (headers['x-ms-blob-type'] !== 'BlockBlob') return 400;
    this.blobs.set(path, body);
    return 201;
  }
}
