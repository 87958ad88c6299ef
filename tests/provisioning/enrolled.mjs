// What both tests of registrations need: a hub with enrollments, and tokens for them.

import { createHmac } from 'node:crypto';
import { Hub, parts, sign } from '../lib/hub.mjs';

export const scope = '0ne00ABCDEF';
export const key = Buffer.alloc(32, 7).toString('base64');
export const groupKey = Buffer.alloc(48, 9).toString('base64');
export const derive = (id) => createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');
export const soon = () => Math.floor(Date.now() / 1000) + 600;

/** A token as SDKs sign it; `sr` is spelled as given. */
export function token({ sr, id = 'dev-1', signedBy = key, expires = soon(), skn = '&skn=registration' } = {}) {
  const resource = sr ?? encodeURIComponent(`${scope}/registrations/${id}`);
  const sig = createHmac('sha256', Buffer.from(signedBy, 'base64')).update(`${resource}\n${expires}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(sig)}&se=${expires}${skn}`;
}

export function makeHub() {
  process.env.CARILLON_PROVISIONING__ID_SCOPES = `${scope},other`;
  return Hub.fromEnvironment();
}

export async function service(hub, method, path, body, headers = {}) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const answer = await fetch(`https://${hub.address}${path}?api-version=2021-10-01`, {
    method, headers: { Authorization: sign(HostName, SharedAccessKey, soon(), SharedAccessKeyName), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

export async function enroll(hub) {
  const keys = (one) => ({ attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: one, secondaryKey: one } } });
  for (const id of ['dev-1', 'Dev-Case', 'a.b_c:d-']) await service(hub, 'PUT', `/enrollments/${id}`, keys(key));
  await service(hub, 'PUT', '/enrollments/shut', { ...keys(key), provisioningStatus: 'disabled' });
  await service(hub, 'PUT', '/enrollmentGroups/fleet', keys(groupKey));
}

/** What is no token for a device, and why. */
export const wrongTokens = {
  'signed by nobody': (id = 'dev-1') => token({ id, signedBy: Buffer.alloc(32, 1).toString('base64') }),
  'expired': (id = 'dev-1') => token({ id, expires: Math.floor(Date.now() / 1000) - 400 }),
  'beyond the year 9999': (id = 'dev-1') => token({ id, expires: 253402300800 }),
  'for another device': (id = 'dev-1') => token({ id: 'dev-2' }),
  'for another scope': (id = 'dev-1') => token({ id, sr: encodeURIComponent(`other/registrations/${id}`) }),
  'for the scope as a whole': (id = 'dev-1') => token({ id, sr: scope }),
  'for all registrations': (id = 'dev-1') => token({ id, sr: encodeURIComponent(`${scope}/registrations`) }),
  'for more than the device': (id = 'dev-1') => token({ id, sr: encodeURIComponent(`${scope}/registrations/${id}/x`) }),
  'for a part of its name': (id = 'dev-1') => token({ id, sr: encodeURIComponent(`${scope}/registrations/${id.slice(0, -1)}`) }),
  'encoded twice': (id = 'dev-1') => token({ id, sr: encodeURIComponent(encodeURIComponent(`${scope}/registrations/${id}`)) }),
  'of a policy': (id = 'dev-1') => token({ id, skn: '&skn=iothubowner' }),
  'without a signature': (id = 'dev-1') => token({ id }).replace(/&sig=[^&]*/, ''),
  'without an expiry': (id = 'dev-1') => token({ id }).replace(/&se=[^&]*/, ''),
  'without a resource': (id = 'dev-1') => token({ id }).replace(/sr=[^&]*&/, ''),
  'twice the resource': (id = 'dev-1') => `${token({ id })}&sr=x`,
  'of another scheme': (id = 'dev-1') => token({ id }).replace('SharedAccessSignature', 'Bearer'),
  'cut': (id = 'dev-1') => token({ id }).slice(0, 60),
  'signed by the group\'s own key': (id = 'dev-1') => token({ id, signedBy: groupKey }),
  'signed by a derived key, though it is enrolled by itself': (id = 'dev-1') => token({ id, signedBy: derive(id) }),
  'not a token': (id = 'dev-1') => 'x',
};

/** What is a token for `dev-1` all the same. */
export const rightTokens = {
  'raw slashes (azure-iot-sdk-node)': () => token({ sr: `${scope}/registrations/dev-1` }),
  'lower-case escapes (azure-iot-sdk-c)': () => token({ sr: `${scope}%2fregistrations%2fdev-1` }),
  'no key name (azure-iot-sdk-python)': () => token({ skn: '' }),
  'an empty key name (azure-iot-sdk-java)': () => token({ skn: '&skn=' }),
  'lower case (iot-identity-service)': () => token({ sr: encodeURIComponent(`${scope}/registrations/dev-1`.toLowerCase()) }),
  'a slash behind': () => token({ sr: `${scope}/registrations/dev-1/` }),
  'a minute late': () => token({ expires: Math.floor(Date.now() / 1000) - 60 }),
};
