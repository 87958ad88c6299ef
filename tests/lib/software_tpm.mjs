// What a TPM 2.0 does for a device that registers, in software: two storage keys, TPM2_ActivateCredential,
// TPM2_Import and HMAC, each check included, by TPM 2.0 Library, Part 1 (§23.3, §24) and Part 2 (§12). Stands behind
// the TpmSecurityClient interface of azure-iot-provisioning-device.

import { createDecipheriv, createHash, createHmac, constants, generateKeyPairSync, privateDecrypt, timingSafeEqual } from 'node:crypto';

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const u16 = (n) => { const two = Buffer.alloc(2); two.writeUInt16BE(n); return two; };
const u32 = (n) => { const four = Buffer.alloc(4); four.writeUInt32BE(n); return four; };
const sized = (bytes) => Buffer.concat([u16(bytes.length), bytes]);
const rsa = 1, hmacAlgorithm = 5, aes = 6, keyedHash = 8, sha = 0x0b, none = 0x10, cfb = 0x43;

class Reader {
  constructor(bytes) { this.rest = bytes; }
  take(count) {
    if (this.rest.length < count) throw new Error('TPM_RC_INSUFFICIENT');
    const taken = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return taken;
  }
  u16() { return this.take(2).readUInt16BE(); }
  u32() { return this.take(4).readUInt32BE(); }
  sized() { return this.take(this.u16()); }
  end() { if (this.rest.length > 0) throw new Error('TPM_RC_SIZE'); }
}

function expect(holds, code) {
  if (!holds) throw new Error(code);
}

/** A key under which others live. */
class StorageKey {
  constructor(attributes, policy) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.key = privateKey;
    const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n, 'base64url');
    this.area = Buffer.concat([u16(rsa), u16(sha), u32(attributes), sized(policy), u16(aes), u16(128), u16(cfb), u16(none), u16(2048), u32(0), sized(modulus)]);
    this.public = sized(this.area);
    this.name = Buffer.concat([u16(sha), sha256(this.area)]);
  }

  /** Opens what was protected for this key and the object `name`. */
  open(label, name, blob, secret) {
    const seed = privateDecrypt({ key: this.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256', oaepLabel: Buffer.from(`${label}\0`) }, secret);
    const kdf = (what, context, bits) => hmac(seed, u32(1), Buffer.from(`${what}\0`), context, u32(bits)).subarray(0, bits / 8);
    const outer = new Reader(blob);
    const integrity = outer.sized();
    const encrypted = outer.rest;
    expect(timingSafeEqual(integrity, hmac(kdf('INTEGRITY', Buffer.alloc(0), 256), encrypted, name)), 'TPM_RC_INTEGRITY');
    return decrypt(kdf('STORAGE', name, 128), encrypted);
  }
}

function decrypt(key, bytes) {
  const cipher = createDecipheriv('aes-128-cfb', key, Buffer.alloc(16));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

export class SoftwareTpm {
  constructor(registrationId) {
    this.registrationId = registrationId;
    this.endorsement = new StorageKey(0x000300b2, sha256(Buffer.from('policy')));
    this.storageRoot = new StorageKey(0x00030472, Buffer.alloc(0));
  }

  /** Takes a key that was sealed for this TPM; it is used by `sign` from then on. */
  activate(blob) {
    const in_ = new Reader(blob);
    const [idObject, idSecret, duplicate, duplicateSecret, publicArea] = [in_.sized(), in_.sized(), in_.sized(), in_.sized(), in_.sized()];
    in_.sized();
    in_.end();
    const credential = new Reader(this.endorsement.open('IDENTITY', this.storageRoot.name, idObject, idSecret));
    const wrapperKey = credential.sized();
    credential.end();
    const object = new Reader(publicArea);
    expect(object.u16() === keyedHash && object.u16() === sha, 'TPM_RC_TYPE');
    expect(object.u32() === 0x00040040, 'TPM_RC_ATTRIBUTES');
    object.sized();
    expect(object.u16() === hmacAlgorithm && object.u16() === sha, 'TPM_RC_SCHEME');
    const unique = object.sized();
    object.end();
    const name = Buffer.concat([u16(sha), sha256(publicArea)]);
    const wrapped = this.storageRoot.open('DUPLICATE', name, duplicate, duplicateSecret);
    const inner = new Reader(decrypt(wrapperKey, wrapped));
    const integrity = inner.sized();
    expect(timingSafeEqual(integrity, sha256(inner.rest, name)), 'TPM_RC_INTEGRITY');
    const sensitive = new Reader(inner.sized());
    inner.end();
    expect(sensitive.u16() === keyedHash, 'TPM_RC_TYPE');
    sensitive.sized();
    const obfuscation = sensitive.sized();
    const key = sensitive.sized();
    sensitive.end();
    expect(timingSafeEqual(unique, sha256(obfuscation, key)), 'TPM_RC_BINDING');
    this.key = key;
  }

  sign(data) { return hmac(this.key, Buffer.from(data)); }

  // TpmSecurityClient
  getEndorsementKey(done) { done(null, this.endorsement.public); }
  getStorageRootKey(done) { done(null, this.storageRoot.public); }
  getRegistrationId(done) { done(null, this.registrationId); }
  signWithIdentity(data, done) { done(null, this.sign(data)); }
  activateIdentityKey(blob, done) {
    try {
      this.activate(blob);
    } catch (error) {
      done(error);
      return;
    }
    done();
  }
  cancel(done) { done(); }
}
