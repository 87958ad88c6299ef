#!/usr/bin/env python3
"""Writes the seeds of the targets mqtt_decode, mqtt_session, sas_token and connection_string. Run from
anywhere; the files are committed.

Packets are built here from the MQTT specification and not by our C++."""

import base64
import hashlib
import hmac
import pathlib
import urllib.parse

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return len(raw).to_bytes(2, "big") + raw


def packet(header, body=b""):
    length, digits = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([header]) + digits + body


def connect(flags=0xC0, name="MQTT", level=4, keep=60, client="d1",
            user="hub/d1/?api-version=2021-04-12", password="token", will=b""):
    body = text(name) + bytes([level, flags]) + keep.to_bytes(2, "big") + text(client) + will
    if flags & 0x80:
        body += text(user)
    if flags & 0x40:
        body += text(password)
    return packet(0x10, body)


def publish(topic, payload=b"", header=0x30, ident=None):
    return packet(header, text(topic) + (ident.to_bytes(2, "big") if ident else b"") + payload)


def subscribe(*filters, ident=1, header=0x82):
    return packet(header, ident.to_bytes(2, "big") + b"".join(text(f) + bytes([q]) for f, q in filters))


EVENTS = "devices/d1/messages/events/"
WILL = text(EVENTS) + text("bye")
PACKETS = {
    "connect": connect(),
    "connect-clean": connect(0xC2),
    "connect-will": connect(0xEC, will=WILL),
    "connect-bare-user": connect(user="hub/d1"),
    "connect-2016": connect(user="hub/d1/DeviceClientType=azure-iot-device%2F1.1.0-dtpreview&api-version=2016-09-30-preview", keep=10),
    "connect-module": connect(client="d1/m1", user="hub/d1/m1/?api-version=2018-06-30"),
    "connect-no-password": connect(0x80),
    "connect-level-3": connect(name="MQIsdp", level=3),
    "connect-level-5": connect(level=5),
    "connect-reserved-flag": connect(0xC1),
    "connect-will-qos-3": connect(0xDC, will=WILL),
    "connect-password-alone": connect(0x40),
    "connect-cut": connect()[:-3],
    "publish-qos0": publish(EVENTS, b"hello"),
    "publish-qos1": publish(EVENTS, b"hello", 0x32, 7),
    "publish-qos2": publish(EVENTS, b"hello", 0x34, 7),
    "publish-qos3": publish(EVENTS, b"hello", 0x36, 7),
    "publish-dup-retain": publish(EVENTS, b"", 0x3B, 7),
    "publish-bag": publish(EVENTS + "%24.mid=1&%24.ct=application%2Fjson&a=b&n&e=/", b"{}"),
    "publish-raw-bag": publish(EVENTS + "$.to=/x y&50%=%zz", b""),
    "publish-twin-get": publish("$iothub/twin/GET/?$rid=4200", b" "),
    "publish-twin-patch": publish("$iothub/twin/PATCH/properties/reported/?$rid=r&$version=3", b'{"a":1}'),
    "publish-method-response": publish("$iothub/methods/res/200/?$rid=1", b"null"),
    "publish-empty-topic": publish(""),
    "publish-nul": publish(b"a\0b"),
    "publish-surrogate": publish(b"\xed\xa0\x80"),
    "publish-overlong": publish(b"\xc0\xaf"),
    "publish-long": publish(EVENTS, b"x" * 300),
    "subscribe": subscribe(("$iothub/methods/POST/#", 0)),
    "subscribe-many": subscribe(("$iothub/twin/res/#", 0), ("$iothub/twin/PATCH/properties/desired/#", 1),
                                ("devices/d1/messages/devicebound/#", 2)),
    "subscribe-named": subscribe(("$iothub/methods/POST/reboot/#", 1)),
    "subscribe-none": subscribe(),
    "subscribe-flags": subscribe(("#", 0), header=0x80),
    "subscribe-qos-3": subscribe(("#", 3)),
    "unsubscribe": packet(0xA2, b"\0\1" + text("$iothub/methods/POST/#")),
    "puback": packet(0x40, b"\0\7"),
    "pingreq": packet(0xC0),
    "disconnect": packet(0xE0),
    "connack": packet(0x20, b"\1\0"),
    "suback": packet(0x90, b"\0\1\0\1\x80"),
    "unsuback": packet(0xB0, b"\0\1"),
    "pingresp": packet(0xD0),
    "length-five-bytes": b"\x30\x80\x80\x80\x80\x01",
    "length-huge": b"\x30\xff\xff\xff\x7f",
    "length-wasteful": b"\xc0\x80\x00",
    "stream": connect() + subscribe(("$iothub/methods/POST/#", 0)) + publish(EVENTS, b"x", 0x32, 1) + packet(0xE0),
}

# The first byte says where to cut the stream.
write("mqtt_decode", {name: bytes([len(name) * 13 % 256]) + raw for name, raw in PACKETS.items()})

# Actions of mqtt_session.cpp: 1 CONNECT, 2 SUBSCRIBE, 3 UNSUBSCRIBE, 4 PUBLISH, 5 PINGREQ, 6 DISCONNECT,
# 7 accept, 8 refuse, 9 stored, 10 acknowledge, 11 to 13 hub sends, 14 time, 15 room; 0x80 answers late,
# 0x40 sends in two pieces.
OPEN = bytes([1, 0])


def raw(data):
    return bytes([0, len(data)]) + data


def action_publish(topic, qos=1, ident=4, payload=b"x", action=4):
    return bytes([action, topic | qos << 3]) + (bytes([ident]) if qos else b"") + bytes([len(payload)]) + payload


SESSIONS = {
    "connect": OPEN,
    "connect-late": bytes([0x81, 0, 0x87]),
    "connect-refused": bytes([0x81, 2, 0x88]),
    "connect-twice": OPEN + OPEN,
    "connect-level-5": bytes([1, 0xFF]),
    "connect-cut": bytes([0x41, 0]),
    "connect-will": bytes([1, 2, 14, 200]),
    "connect-bad-will": bytes([1, 2 | 4 << 2]),
    "ping-first": bytes([5]),
    "subscribe": OPEN + bytes([2, 0, 0x12, 2]),
    "subscribe-late": OPEN + bytes([0x82, 0, 5, 0x89]),
    "subscribe-store-fails": OPEN + bytes([0x82, 0, 0x99]),
    "subscribe-foreign": OPEN + bytes([2, 6]),
    "subscribe-clean": bytes([1, 1, 2, 0, 3, 0]),
    "unsubscribe": OPEN + bytes([2, 0, 3, 0, 3, 0]),
    "subscribe-all": OPEN + b"".join(bytes([2, i]) for i in range(6)),
    "publish": OPEN + action_publish(0),
    "publish-late": OPEN + action_publish(0, action=0x84) + bytes([10, 0]),
    "publish-out-of-order": OPEN + b"".join(action_publish(0, 1, i, action=0x84) for i in range(4)) + bytes([10, 3, 10, 1, 10, 0, 10, 0]),
    "publish-window": OPEN + b"".join(action_publish(0, 1, i, action=0x84) for i in range(20)) + bytes([10, 0] * 20),
    "publish-qos0-window": OPEN + action_publish(0, 0, action=0x84) * 20 + bytes([10, 5] * 20),
    "publish-bag": OPEN + action_publish(1, 0),
    "twin-get": OPEN + bytes([2, 2]) + action_publish(2),
    "twin-get-no-rid": OPEN + action_publish(3),
    "twin-patch": OPEN + bytes([2, 2]) + action_publish(4, payload=b"{}"),
    "method-response": OPEN + action_publish(5),
    "method-response-odd": OPEN + action_publish(6),
    "publish-foreign": OPEN + action_publish(7),
    "before-connack": bytes([0x81, 0]) + action_publish(0) + bytes([5, 2, 0, 7]),
    "disconnect": OPEN + bytes([6, 5]),
    "hub-sends": OPEN + bytes([2, 2, 2, 3, 11, 12, 13]),
    "hub-sends-early": bytes([11, 12, 13]),
    "keep-alive": bytes([1, 10, 14, 14, 5, 14, 16]),
    "no-connect-in-time": bytes([14, 11]),
    "no-room": OPEN + bytes([15, 5, 5, 15, 5]),
    "raw-happy": raw(PACKETS["stream"]),
    "raw-garbage": OPEN + raw(b"\xf0\x00"),
    "raw-huge-length": OPEN + raw(b"\x30\xff\xff\xff\x7f"),
    "raw-then-packet": OPEN + raw(b"\x30") + bytes([5]),
    "two-pieces": bytes([0x41, 0, 0x42, 0]) + action_publish(0, action=0x44),
}
write("mqtt_session", SESSIONS)

KEY = b"0123456789abcdef0123456789abcdef"


def token(sr="hub.example.net%2Fdevices%2Fd1", se="1893456000", rest="", sig=None):
    if sig is None:
        digest = hmac.new(KEY, f"{sr}\n{se}".encode(), hashlib.sha256).digest()
        sig = urllib.parse.quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={sr}&sig={sig}&se={se}{rest}"


GOOD = token()
TOKENS = {
    "device": GOOD,
    "device-lower-case": token("hub.example.net%2fdevices%2fd1"),
    "device-raw-slashes": token("hub.example.net/devices/d1"),
    "device-twice-encoded": token("hub.example.net%2Fdevices%2Fd%2531"),
    "device-api-version": token("hub.example.net/devices/d1/api-version=2016-11-14"),
    "device-slash": token("hub.example.net/devices/d1/"),
    "module": token("hub.example.net%2Fdevices%2Fd1%2Fmodules%2Fm1"),
    "folder": token("hub.example.net/devices"),
    "hub": token("hub.example.net", rest="&skn=iothubowner"),
    "hub-port": token("localhost:8883%2Fdevices%2Fd1"),
    "other-hub": token("evil.example.net/devices/d1"),
    "child": token("hub.example.net/devices/d1/messages/events"),
    "policy-encoded": token(rest="&skn=my%2Dpolicy"),
    "policy-empty": token(rest="&skn="),
    "unknown-field": token(rest="&x=y&&z"),
    "order": "SharedAccessSignature " + "&".join(reversed(GOOD.split(" ")[1].split("&"))),
    "field-case": GOOD.replace("sr=", "SR=").replace("sig=", "Sig=").replace("se=", "sE="),
    "scheme-case": GOOD.lower(),
    "scheme-alone": "SharedAccessSignature ",
    "two-spaces": GOOD.replace(" ", "  "),
    "space-behind": GOOD + " ",
    "duplicate": GOOD + "&se=1893456000",
    "no-sr": "SharedAccessSignature sig=a&se=1",
    "no-sig": "SharedAccessSignature sr=a&se=1",
    "no-se": "SharedAccessSignature sr=a&sig=b",
    "sig-short": token(sig="AAAA"),
    "sig-unpadded": GOOD.replace("%3D", ""),
    "sig-padded": GOOD.replace("%3D", "%3D%3D"),
    "sig-raw": urllib.parse.unquote(GOOD.replace("%2F", "/")),
    "sig-wrong": token(sig="A" * 43 + "%3D"),
    "se-nan": token(se="nan"),
    "se-hex": token(se="0x10"),
    "se-fraction": token(se="1893456000.5"),
    "se-negative": token(se="-1"),
    "se-huge": token(se="9" * 40),
    "se-exponent": token(se="1e9"),
    "percent-cut": token("hub.example.net%2"),
    "nul": GOOD + "\0",
    "empty": "",
}
write("sas_token", TOKENS)

STRINGS = {
    "service": "HostName=hub.example.net;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5IQ==",
    "device": "HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "module": "HostName=hub.example.net;DeviceId=d1;ModuleId=m1;SharedAccessKey=a2V5IQ==",
    "x509": "HostName=hub.example.net;DeviceId=d1;x509=true",
    "token": "HostName=hub.example.net;DeviceId=d1;SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D&se=1",
    "gateway": "HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==;GatewayHostName=edge.local",
    "policy-device": "HostName=localhost:18883;DeviceId=d1;SharedAccessKeyName=device;SharedAccessKey=a2V5IQ==",
    "order": "SharedAccessKey=a2V5IQ==;DeviceId=d1;HostName=hub.example.net",
    "odd-ids": "HostName=h;DeviceId=a=b'(1)$;ModuleId=#+%?;SharedAccessKey=a2V5IQ==",
    "line-end": "HostName=h;DeviceId=d;SharedAccessKey=a2V5IQ==;\r\n",
    "ipv6": "HostName=[::1]:8883;DeviceId=d;SharedAccessKey=a2V5IQ==",
    "empty": "",
    "semicolon": ";",
    "no-equals": "HostName",
    "no-host": "DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "empty-host": "HostName=;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "bad-host": "HostName=a/b;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "no-credential": "HostName=h;DeviceId=d1",
    "no-identity": "HostName=h;SharedAccessKey=a2V5IQ==",
    "two-credentials": "HostName=h;DeviceId=d1;SharedAccessKey=a2V5IQ==;x509=true",
    "bad-key": "HostName=h;DeviceId=d1;SharedAccessKey=****",
    "bad-id": "HostName=h;DeviceId=a b;SharedAccessKey=a2V5IQ==",
    "module-alone": "HostName=h;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=a2V5IQ==",
    "x509-case": "HostName=h;DeviceId=d1;x509=True",
    "x509-false": "HostName=h;DeviceId=d1;x509=false;SharedAccessKey=a2V5IQ==",
    "x509-service": "HostName=h;x509=true",
    "duplicate": "HostName=h;HostName=h;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "unknown": "HostName=h;DeviceId=d1;SharedAccessKey=a2V5IQ==;EntityPath=x",
    "case": "hostname=h;deviceid=d1;sharedaccesskey=a2V5IQ==",
    "empty-part": "HostName=h;;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "nul": "HostName=h\0;DeviceId=d1;SharedAccessKey=a2V5IQ==",
    "not-ascii": "HostName=hüb;DeviceId=dé;SharedAccessKey=a2V5IQ==",
}
write("connection_string", STRINGS)
