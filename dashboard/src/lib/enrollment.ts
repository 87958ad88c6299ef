// An enrollment while it is being written. docs/provisioning.md has the rules.

import type { Enrollment, EnrollmentGroup } from '../api.ts';
import { t } from '../texts.ts';
import { type Json, type JsonObject, parseObject } from './json.ts';

export interface EnrollmentDraft {
  isGroup: boolean;
  id: string;
  proof: 'symmetricKey' | 'x509' | 'tpm';
  /** PEM, of an individual enrollment with its own certificate. */
  certificate: string;
  /** Empty is the registration id. */
  deviceId: string;
  isEnabled: boolean;
  /** What becomes of the twin of a device that registers again. */
  again: 'keep' | 'reset' | 'never';
  tags: string;
  desired: string;
}

export const emptyEnrollment = (isGroup: boolean): EnrollmentDraft => ({
  isGroup, id: '', proof: 'symmetricKey', certificate: '', deviceId: '', isEnabled: true, again: 'keep', tags: '{}', desired: '{}',
});

const pretty = (value: unknown) => JSON.stringify(value ?? {}, null, 2);

export const idOf = (stored: Enrollment | EnrollmentGroup) => ('registrationId' in stored ? stored.registrationId : stored.enrollmentGroupId);

export function enrollmentDraftOf(stored: Enrollment | EnrollmentGroup): EnrollmentDraft {
  const twin = (stored.initialTwin ?? {}) as { tags?: Json; properties?: { desired?: Json } };
  const policy = stored.reprovisionPolicy;
  return {
    isGroup: !('registrationId' in stored), id: idOf(stored), proof: stored.attestation.type, certificate: '',
    deviceId: 'deviceId' in stored ? String(stored.deviceId ?? '') : '', isEnabled: stored.provisioningStatus === 'enabled',
    again: policy && !policy.updateHubAssignment && !policy.migrateDeviceData ? 'never' : policy?.migrateDeviceData === false ? 'reset' : 'keep',
    tags: pretty(twin.tags), desired: pretty(twin.properties?.desired),
  };
}

export function enrollmentProblem(draft: EnrollmentDraft, isNew: boolean): string | undefined {
  const p = t.enrollments.problems;
  if (!/^[A-Za-z0-9\-._:]{0,127}[A-Za-z0-9-]$/.test(draft.id)) return p.id;
  if (isNew && draft.proof === 'x509' && !/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(draft.certificate)) return p.certificate;
  for (const [name, text] of [[t.enrollments.tags, draft.tags], [t.enrollments.desired, draft.desired]] as const) {
    const { error } = parseObject(text);
    if (error) return `${name}: ${error}`;
  }
  return undefined;
}

/** The body of its PUT; of one that is there on top of what it was. Keys and certificates that are not named stay. */
export function enrollmentBody(draft: EnrollmentDraft, stored?: Enrollment | EnrollmentGroup): JsonObject {
  // An endorsement key is not shown here, and stays.
  const attestation: JsonObject = draft.proof === 'tpm' && stored ? { ...(stored.attestation as JsonObject) } : { type: draft.proof };
  if (draft.certificate) attestation.x509 = { clientCertificates: { primary: { certificate: draft.certificate.trim() } } };
  const twin: JsonObject = {};
  const tags = parseObject(draft.tags).value ?? {};
  const desired = parseObject(draft.desired).value ?? {};
  if (Object.keys(tags).length > 0) twin.tags = tags;
  if (Object.keys(desired).length > 0) twin.properties = { desired };
  return {
    ...(stored as unknown as JsonObject | undefined),
    ...(draft.isGroup ? { enrollmentGroupId: draft.id } : { registrationId: draft.id }),
    ...(!draft.isGroup && draft.deviceId ? { deviceId: draft.deviceId } : {}),
    attestation,
    provisioningStatus: draft.isEnabled ? 'enabled' : 'disabled',
    reprovisionPolicy: { updateHubAssignment: draft.again !== 'never', migrateDeviceData: draft.again === 'keep' },
    initialTwin: twin,
  };
}
