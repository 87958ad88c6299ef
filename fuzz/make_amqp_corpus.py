#!/usr/bin/env python3
"""Writes the seeds of fuzz/corpus/amqp_* and event_selector: values and frames as clients send them, and each way to be wrong once."""

import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, seeds):
    folder = os.path.join(ROOT, target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


NULL = b"\x40"
TRUE = b"\x41"
FALSE = b"\x42"


def string(text):
    data = text.encode()
    return b"\xa1" + bytes([len(data)]) + data if len(data) < 256 else b"\xb1" + struct.pack(">I", len(data)) + data


def symbol(text):
    return b"\xa3" + bytes([len(text)]) + text.encode()


def binary(data):
    return b"\xa0" + bytes([len(data)]) + data if len(data) < 256 else b"\xb0" + struct.pack(">I", len(data)) + data


def uint(number):
    return b"\x70" + struct.pack(">I", number)


def ubyte(number):
    return b"\x50" + bytes([number])


def array_of_symbols(*texts):
    body = b"\xa3" + b"".join(bytes([len(t)]) + t.encode() for t in texts)
    return b"\xf0" + struct.pack(">II", len(body) + 4, len(texts)) + body


def list_of(*items):
    body = b"".join(items)
    return b"\xd0" + struct.pack(">II", len(body) + 4, len(items)) + body


def map_of(*items):
    body = b"".join(items)
    return b"\xd1" + struct.pack(">II", len(body) + 4, len(items)) + body


def described(code, value):
    return b"\x00\x53" + bytes([code]) + value


def frame(body, channel=0, kind=0):
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


VALUES = {
    "null": NULL,
    "booleans": TRUE + FALSE + b"\x56\x00\x56\x01",
    "unsigned": b"\x50\xff\x60\xff\xff\x70\xff\xff\xff\xff\x52\x01\x43\x80" + b"\xff" * 8 + b"\x53\x01\x44",
    "signed": b"\x51\xff\x61\x80\x00\x71\x80\0\0\0\x54\x80\x81" + b"\xff" * 8 + b"\x55\x01",
    "floats": b"\x72\0\0\0\0\x82" + b"\0" * 8 + b"\x74\0\0\0\0\x84" + b"\0" * 8 + b"\x94" + b"\0" * 16,
    "others": b"\x73\0\0\0a\x83" + b"\0" * 8 + b"\x98" + b"\1" * 16,
    "texts": string("hi") + symbol("sym") + binary(b"\0\xff") + string("x" * 300),
    "list": list_of(NULL, TRUE, list_of(string("a"))) + b"\x45" + b"\xc0\x03\x02\x40\x41",
    "map": map_of(symbol("key"), string("value"), string("n"), b"\x54\x01"),
    "arrays": array_of_symbols("PLAIN", "EXTERNAL") + b"\xe0\x04\x02\x50\x01\x02" + b"\xf0\0\0\0\5\0\0\0\3\x45",
    "array-of-arrays": b"\xe0\x08\x01\xe0\x05\x03\x50\x01\x02\x03",
    "array-of-maps": b"\xe0\x06\x01\xc1\x03\x02\x40\x40",
    "array-described": b"\xe0\x06\x01\0\x53\1\x50\1",
    "described": described(0x24, b"\x45") + b"\0" + symbol("amqp:accepted:list") + b"\x45",
    "array-bomb": b"\xf0\0\0\0\5\xff\xff\xff\xff\x40",
    "list-bomb": b"\xd0\0\0\0\5\xff\xff\xff\xff\x40",
    "length-bomb": b"\xb1\x7f\xff\xff\xffab",
    "deep": b"\0" * 64,
    "deep-lists": b"\xc0\x20\x01" * 20 + b"\x40",
    "not-utf8": b"\xa1\x01\xff",
    "odd-map": b"\xc1\x02\x01\x40",
    "unknown": b"\x3f",
    "cut": string("abc")[:-1],
}
write("amqp_types", VALUES)


def terminus(code, address):
    return described(code, list_of(string(address)))


def attach(name, handle, role, source=NULL, target=NULL, *rest):
    return described(0x12, list_of(string(name), uint(handle), role, NULL, NULL, source, target, *rest))


SASL = b"AMQP\x03\x01\x00\x00"
AMQP = b"AMQP\x00\x01\x00\x00"
OPEN = frame(described(0x10, list_of(string("device"), string("hub.example.net"), uint(65536), b"\x60\x1f\xff", uint(60000))))
BEGIN = frame(described(0x11, list_of(NULL, uint(1), uint(2048), uint(2048))))
ATTACH_SENDER = frame(attach("t", 0, FALSE, terminus(0x28, "x"), terminus(0x29, "/devices/d1/messages/events"), NULL, NULL, uint(0)))
ATTACH_RECEIVER = frame(attach("r", 1, TRUE, terminus(0x28, "/devices/d1/messages/devicebound"), NULL))
FLOW = frame(described(0x13, list_of(uint(1), uint(2048), uint(1), uint(2048), uint(1), uint(0), uint(100), NULL, FALSE, FALSE)))
DRAIN = frame(described(0x13, list_of(uint(1), uint(2048), uint(1), uint(2048), uint(1), uint(0), uint(100), NULL, TRUE, TRUE)))
TRANSFER = frame(described(0x14, list_of(uint(0), uint(0), binary(b"t"), uint(0), FALSE)) + described(0x75, binary(b"hello")))
TRANSFER_MORE = frame(described(0x14, list_of(uint(0), uint(0), binary(b"t"), uint(0), FALSE, TRUE)) + described(0x75, binary(b"hello"))[:4])
TRANSFER_LAST = frame(described(0x14, list_of(uint(0), uint(0))) + described(0x75, binary(b"hello"))[4:])
TRANSFER_ABORTED = frame(described(0x14, list_of(uint(0), uint(0), NULL, NULL, NULL, NULL, NULL, NULL, NULL, TRUE)))
DISPOSITION = frame(described(0x15, list_of(TRUE, uint(0), uint(9), TRUE, described(0x24, b"\x45"))))
RELEASED = frame(described(0x15, list_of(TRUE, uint(0), NULL, FALSE, described(0x26, b"\x45"))))
REJECTED_ODD = frame(described(0x15, list_of(TRUE, uint(0), NULL, TRUE, described(0x25, list_of(string("odd"))))))
DETACH = frame(described(0x16, list_of(uint(0), TRUE)))
END = frame(described(0x17, list_of()))
CLOSE = frame(described(0x18, list_of(described(0x1D, list_of(symbol("amqp:connection:forced"), string("bye"))))))
HEARTBEAT = frame(b"")
INIT_PLAIN = frame(described(0x41, list_of(symbol("PLAIN"), binary(b"\0user\0password"), string("hub"))), 0, 1)
INIT_ANONYMOUS = frame(described(0x41, list_of(symbol("ANONYMOUS"))), 0, 1)
MECHANISMS = frame(described(0x40, list_of(array_of_symbols("EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"))), 0, 1)
OUTCOME = frame(described(0x44, list_of(ubyte(0))), 0, 1)

FRAMES = {
    "open": OPEN,
    "begin": BEGIN,
    "attach-sender": ATTACH_SENDER,
    "attach-receiver": ATTACH_RECEIVER,
    "flow": FLOW,
    "drain": DRAIN,
    "transfer": TRANSFER,
    "transfer-more": TRANSFER_MORE + TRANSFER_LAST,
    "transfer-aborted": TRANSFER_MORE + TRANSFER_ABORTED,
    "disposition": DISPOSITION + RELEASED + REJECTED_ODD,
    "detach": DETACH,
    "end": END,
    "close": CLOSE,
    "heartbeat": HEARTBEAT,
    "sasl": INIT_PLAIN + INIT_ANONYMOUS + MECHANISMS + OUTCOME,
    "stream": OPEN + BEGIN + ATTACH_SENDER + FLOW + TRANSFER + DISPOSITION + DETACH + END + CLOSE,
    "size-7": b"\0\0\0\7\2\0\0\0",
    "offset-1": b"\0\0\0\x10\1\0\0\0",
    "offset-behind": b"\0\0\0\x10\5\0\0\0",
    "over-limit": b"\0\1\0\1\2\0\0\0",
    "extended-header": b"\0\0\0\x0d\3\0\0\0\xff\xff\xff\xff\x40",
    "close-name-no-symbol": frame(described(0x18, list_of(described(0x1D, list_of(string("d\u00e9j\u00e0")))))),
    "http": b"GET / HTTP/1.1\r\n\r\n",
}
# The first byte says where to cut the stream.
write("amqp_frames", {name: bytes([len(name) * 13 % 256]) + data for name, data in FRAMES.items()})

UUID = b"\x98" + b"\1" * 16
DATA = described(0x75, binary(b'{"t":21}'))
PROPERTIES = described(0x73, list_of(string("m1"), binary(b"u"), string("/devices/d1/messages/events"), NULL, NULL, UUID, symbol("application/json"), symbol("utf-8"), b"\x83" + b"\0" * 8))
APPLICATION = described(0x74, map_of(string("room"), string("attic"), string("n"), b"\x54\x01"))
ANNOTATIONS = described(0x72, map_of(symbol("operation"), string("PATCH"), symbol("resource"), string("/properties/reported")))

MESSAGES = {
    "telemetry": described(0x70, list_of(TRUE)) + ANNOTATIONS + PROPERTIES + APPLICATION + DATA,
    "put-token": described(0x73, list_of(UUID, NULL, string("$cbs"))) + described(0x74, map_of(string("operation"), string("put-token"), string("type"), string("servicebus.windows.net:sastoken"), string("name"), string("hub/devices/d1"))) + described(0x77, string("SharedAccessSignature sr=a&sig=b&se=1")),
    "method-response": described(0x73, list_of(NULL, NULL, NULL, NULL, NULL, UUID)) + described(0x74, map_of(string("IoThub-status"), b"\x54\x01")) + DATA,
    "batch": described(0x75, binary(PROPERTIES + DATA)) + described(0x75, binary(DATA)),
    "batch-bad": described(0x75, binary(DATA)) + described(0x75, binary(b"\xff")),
    "sequence": described(0x76, list_of(TRUE)) + described(0x76, b"\x45"),
    "value-map": described(0x77, map_of(string("a"), b"\x54\1")),
    "footer": DATA + described(0x78, map_of()),
    "empty": b"",
    "order": DATA + PROPERTIES,
    "twice": PROPERTIES + PROPERTIES,
    "id-list": described(0x73, list_of(b"\x45")),
    "unknown": described(0x79, b"\x45"),
    "cut": (PROPERTIES + DATA)[:-3],
}
write("amqp_message", MESSAGES)

# Actions of amqp_connection.cpp: 0 open, 1 begin, 2 attach, 3 flow, 4 transfer, 5 disposition, 6 detach, 7 end, 8 close, 9
# heartbeat, 10 SASL init, 11 and 12 headers, 13 raw; 16 prompt or late, 17 decide, 18 SASL, 19 dispose, 20 send, 21 detach,
# 22 time, 23 room, 24 authenticated, 25 grant; 0x80 in two pieces.
GREET = bytes([12, 0, 0, 0, 0, 1, 0, 0, 7])
SENDER = bytes([2, 0, 0, 0])
RECEIVER = bytes([2, 0, 1, 1])
CREDIT = bytes([3, 0, 1, 7, 7, 1, 0, 5])
HELLO = bytes([4, 0, 0, 0, 0, 5]) + b"hello"
CONNECTIONS = {
    "greet": GREET,
    "sasl": bytes([11, 10, 0, 12, 0, 0, 0, 0]),
    "sasl-late": bytes([16, 11, 10, 0, 18]),
    "sasl-refused": bytes([16, 11, 10, 0, 0x92]),
    "telemetry": GREET + SENDER + HELLO,
    "telemetry-late": GREET + SENDER + bytes([16]) + HELLO + bytes([19, 1]),
    "attach-late": GREET + bytes([16]) + SENDER + HELLO + bytes([17]),
    "attach-refused": GREET + bytes([16]) + SENDER + HELLO + bytes([0x91]),
    "to-the-device": GREET + RECEIVER + CREDIT + bytes([20, 9, 1, 5, 0, 1, 0, 0, 1, 2]),
    "no-window": GREET + RECEIVER + bytes([3, 0, 1, 0, 7, 1, 0, 5]) + bytes([20, 255, 1]) + CREDIT,
    "second": GREET + bytes([2, 0, 1, 3]) + CREDIT + bytes([20, 9, 1, 5, 0, 1, 0, 0, 0, 4]),
    "drain": GREET + RECEIVER + bytes([3, 0, 1, 7, 15, 1, 0, 5]),
    "more": GREET + SENDER + bytes([4, 0, 0, 16, 0, 0, 4, 0, 0, 1, 0, 0]),
    "detach": GREET + SENDER + bytes([6, 0, 0]) + SENDER + bytes([21, 2]) + bytes([6, 0, 0]),
    "end": GREET + SENDER + RECEIVER + bytes([7, 0]),
    "close": GREET + bytes([8, 0, 9, 0]),
    "time": bytes([12, 0, 0, 0, 20, 24, 22, 3, 22, 3, 22, 3, 22, 255, 22, 255]),
    "no-time": bytes([22, 11]),
    "no-room": GREET + bytes([23, 9, 0, 9, 0, 23]),
    "two-pieces": bytes([0x8C, 0, 0x80, 0, 0, 0, 0x81, 0, 0, 7]),
    "bad-handle": GREET + HELLO,
    "raw": bytes([13, 8]) + b"GET / HT",
    "raw-frames": GREET + bytes([13, 0, min(255, len(ATTACH_SENDER))]) + ATTACH_SENDER,
    "grant": GREET + bytes([24]) + SENDER + bytes([25, 1, 5, 0x99, 1, 5]),
}
write("amqp_connection", CONNECTIONS)

# amqp_hub.cpp: an even first byte is followed by a text, an odd one by a message.
TEXTS = ["$cbs", "/devices/d1/messages/events", "amqps://hub:5671/devices/a%40b/modules/m1/twin", "/devices/d1/methods/devicebound",
         "/messages/serviceBound/feedback", "/messages/events/$management", "/devices/%zz/twin", "iothubowner@sas.root.hub",
         "d1/modules/m1@sas.hub", "d@sas.x@sas.hub", "hub%2Fdevices%2Fa%2540b", "amqps://hub/devices/d1/"]


def section(code, value):
    return described(code, value)


def message_with(code, *pairs, body=b"{}"):
    return section(code, map_of(*pairs)) + section(0x75, binary(body))


HUB_MESSAGES = {
    "put-token": section(0x73, list_of(string("m1"))) + section(0x74, map_of(
        string("operation"), string("put-token"), string("type"), string("servicebus.windows.net:sastoken"),
        string("name"), string("hub"))) + section(0x77, string("SharedAccessSignature sr=hub")),
    "twin-get": message_with(0x72, symbol("operation"), string("GET")),
    "twin-patch": message_with(0x72, symbol("operation"), string("PATCH"), symbol("resource"), string("/properties/reported"),
                               symbol("version"), string("5")),
    "twin-put": message_with(0x72, symbol("operation"), string("PUT"), symbol("resource"),
                             string("/notifications/twin/properties/desired")),
    "method": section(0x73, list_of(NULL, NULL, NULL, NULL, NULL, string("72656d68-6f64-4000-8000-000000000001"))) +
    message_with(0x74, string("IoThub-status"), uint(200)),
    "telemetry": message_with(0x74, string("alert"), TRUE, string("iothub-outputname"), string("out")),
    "cloud": section(0x73, list_of(string("m1"), NULL, string("/devices/d1/messages/devicebound"))) +
    message_with(0x74, string("iothub-ack"), string("full")),
    "cloud-ack": message_with(0x74, string("iothub-ack"), string("maybe")),
    "batch": section(0x75, binary(message_with(0x74, string("a"), NULL))) * 2,
}
write("amqp_hub", {**{f"text-{number}": b"\x00" + text.encode() for number, text in enumerate(TEXTS)},
                   **{name: b"\x01" + data for name, data in HUB_MESSAGES.items()}})

# event_selector.cpp: the first byte says whether a selector, an address or an attach follows.
SELECTORS = ["amqp.annotation.x-opt-offset > '-1'", "amqp.annotation.x-opt-offset > '@latest'", "amqp.annotation.x-opt-offset >= '17'",
             "amqp.annotation.x-opt-sequence-number > 17", "amqp.annotation.x-opt-sequence-number >= '18446744073709551615'",
             "amqp.annotation.x-opt-enqueued-time >= '1790000000000'", "amqp.annotation.x-opt-enqueuedtimeutc > 1790000000000",
             "amqp.annotation.x-opt-offset>'", "amqp.annotation.x-opt-offset > ''", "amqp.annotation.other > 1", "offset > 1"]
ADDRESSES = ["hub/ConsumerGroups/$Default/Partitions/3", "amqps://hub:5671/messages/events/consumergroups/a%2Fb/partitions/0",
             "$management", "hub/$management", "/messages/events/$management", "hub/Partitions/1", "hub", "//Partitions/"]


def reading(selector, *properties):
    source = described(0x28, list_of(string("hub/ConsumerGroups/$Default/Partitions/0"), NULL, NULL, NULL, NULL, NULL, NULL,
                                     map_of(symbol("apache.org:selector-filter:string"), selector)))
    return attach("r", 0, TRUE, source, NULL, NULL, NULL, NULL, NULL, NULL,
                  array_of_symbols("com.microsoft:enable-receiver-runtime-metric"), map_of(*properties))


TEXT = string(SELECTORS[0])
READERS = {
    "plain": reading(TEXT),
    "of-js": reading(b"\0\x80\0\0\x46\x8c\0\0\0\x04" + TEXT, symbol("com.microsoft:epoch"), b"\x81" + b"\0" * 7 + b"\5"),
    "of-python": reading(b"\0" + symbol("apache.org:selector-filter:string") + TEXT, symbol("com.microsoft:epoch"), b"\x55\xff"),
    "binary": reading(described(4, binary(SELECTORS[3].encode()))),
    "no-text": reading(TRUE),
    "described-twice": reading(described(4, described(4, TEXT))),
}
write("event_selector", {**{f"selector-{number}": b"\0" + text.encode() for number, text in enumerate(SELECTORS)},
                         **{f"address-{number}": b"\1" + text.encode() for number, text in enumerate(ADDRESSES)},
                         **{f"attach-{name}": b"\2" + data for name, data in READERS.items()}})
