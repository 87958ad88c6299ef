#!/usr/bin/env python3
"""Writes the seeds of the target registration. Run from anywhere; the files are committed, and a certificate of openssl beside them."""

import base64
import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "registration"
KEY = base64.b64encode(bytes(range(32))).decode()

AREA = bytes([0, 1, 0, 0x0B, 0, 3, 0, 0xB2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0, 1, 0]) + \
    b"\xC0" + b"Z" * 254 + b"\x01"
TPM_KEY = struct.pack(">H", len(AREA)) + AREA


def amqp_string(text):
    return bytes([0xA1, len(text)]) + text.encode()


def amqp_map(entries):
    items = b"".join(amqp_string(key) + amqp_string(value) for key, value in entries)
    return bytes([0xD1]) + struct.pack(">II", len(items) + 4, 2 * len(entries)) + items


def message(properties, body):
    section = b"\x00\x53\x74" + amqp_map(properties)
    return section + b"\x00\x53\x75\xA0" + bytes([len(body)]) + body.encode()


SEEDS = {
    "body": '{"registrationId":"dev-1","payload":{"n":1}}',
    "body-tpm": '{"registrationId":"dev-1","tpm":{"endorsementKey":"AAEC","storageRootKey":"AwQF"}}',
    "body-csr": '{"csr":"AA=="}',
    "body-null": '{"registrationId":null,"payload":null,"tpm":null}',
    "enrollment-keys": '{"registrationId":"e","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"%s",'
                       '"secondaryKey":"%s"}},"initialTwin":{"tags":{"a":1},"properties":{"desired":{"b":2}}}}' % (KEY, KEY),
    "enrollment-made": '{"attestation":{"type":"symmetricKey"},"provisioningStatus":"disabled","capabilities":{"iotEdge":true}}',
    "enrollment-tpm": '{"attestation":{"type":"tpm","tpm":{"endorsementKey":"%s"}},"deviceId":"d"}'
                      % base64.b64encode(TPM_KEY).decode(),
    "enrollment-x509": '{"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"MIIB"}}}}}',
    "enrollment-authority": '{"attestation":{"type":"x509","x509":{"caReferences":{"primary":"root","secondary":"next"}}}}',
    "group": '{"enrollmentGroupId":"e","attestation":{"type":"symmetricKey"},"reprovisionPolicy":{"updateHubAssignment":'
             'false,"migrateDeviceData":false},"allocationPolicy":"static","iotHubs":["a"]}',
    "stored-registration": '{"id":"dev-1","operationId":"5.x","group":"","attestationType":"tpm","status":"assigned",'
                           '"deviceId":"d","assignedHub":"h","substatus":"initialAssignment","tpmKey":"AA==","errorCode":0,'
                           '"errorMessage":"","created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00Z","etag":1}',
    "address": "amqps://hub.example.net/0ne00ABCDEF/registrations/dev-1",
    "address-encoded": "0ne00ABCDEF/Registrations/a%2Eb",
    "message-register": message([("iotdps-operation-type", "iotdps-register")], '{"registrationId":"dev-1"}'),
    "message-poll": message([("iotdps-operation-type", "iotdps-get-operationstatus"), ("iotdps-operation-id", "5.x")], " "),
    "tpm-key": TPM_KEY,
    "tpm-init": b"\0000ne00ABCDEF\000dev-1\000" + TPM_KEY,
    "user-name": "0ne00ABCDEF/registrations/dev-1/api-version=2019-03-31&ClientVersion=node%2F1.9.1",
    "user-name-bare": "0ne00ABCDEF/Registrations/dev-1",
    "topic-register": "$dps/registrations/PUT/iotdps-register/?$rid=1",
    "topic-poll": "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=954a2e49-0608&operationId=5.x",
    "topic-turned": "$dps/registrations/GET/iotdps-get-operationstatus/?operationId=5.x&x&$rid=7&$rid=8",
}

FOLDER.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (FOLDER / name).write_bytes(content if isinstance(content, bytes) else content.encode())
