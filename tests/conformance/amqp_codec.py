"""AMQP 1.0 as far as the scripts need it: values, frames, messages. Written from the specification, and not from
the hub's own encoder, so that each checks the other."""

import struct
import uuid as uuids

FIELDS = {
    "open": (0x10, ["container:string", "hostname:string", "max-frame:uint", "channel-max:ushort", "idle:uint"]),
    "begin": (0x11, ["remote:ushort", "next-out:uint", "in-window:uint", "out-window:uint", "handle-max:uint"]),
    "attach": (0x12, ["name:string", "handle:uint", "role:bool", "snd:ubyte", "rcv:ubyte", "source:raw", "target:raw",
                      "unsettled:raw", "incomplete:bool", "initial:uint", "max-message:ulong", "offered:raw",
                      "desired:raw", "properties:map"]),
    "flow": (0x13, ["next-in:uint", "in-window:uint", "next-out:uint", "out-window:uint", "handle:uint", "count:uint",
                    "credit:uint", "available:uint", "drain:bool", "echo:bool"]),
    "transfer": (0x14, ["handle:uint", "id:uint", "tag:binary", "format:uint", "settled:bool", "more:bool", "rcv:ubyte",
                        "state:raw", "resume:bool", "aborted:bool"]),
    "disposition": (0x15, ["role:bool", "first:uint", "last:uint", "settled:bool", "state:raw"]),
    "detach": (0x16, ["handle:uint", "closed:bool", "error:raw"]),
    "end": (0x17, ["error:raw"]),
    "close": (0x18, ["error:raw"]),
    "mechanisms": (0x40, ["mechanisms:raw"]),
    "init": (0x41, ["mechanism:symbol", "response:binary", "hostname:string"]),
    "outcome": (0x44, ["code:ubyte"]),
}
NAMES = {code: name for name, (code, _) in FIELDS.items()}
OUTCOMES = {0x23: "received", 0x24: "accepted", 0x25: "rejected", 0x26: "released", 0x27: "modified"}


class Symbol(str):
    pass


class Ulong(int):
    """Of 64 bits without sign."""


class Timestamp(int):
    """Milliseconds since 1970."""


class Described:
    def __init__(self, code, value):
        self.code, self.value = code, value

    def __repr__(self):
        return f"<{self.code:#x} {self.value!r}>"


class Raw(bytes):
    """A value that is encoded already."""


def encode(kind, value):
    if value is None:
        return b"\x40"
    if isinstance(value, Raw):
        return bytes(value)
    if kind == "raw":
        return encode_any(value)
    if kind == "map":
        return encode_map(value)
    if kind == "bool":
        return b"\x41" if value else b"\x42"
    if kind in ("string", "symbol", "binary"):
        data = value if isinstance(value, bytes) else value.encode()
        short, long = {"string": (0xA1, 0xB1), "symbol": (0xA3, 0xB3), "binary": (0xA0, 0xB0)}[kind]
        return bytes([short, len(data)]) + data if len(data) < 256 else bytes([long]) + struct.pack(">I", len(data)) + data
    code, form = {"ubyte": (0x50, ">B"), "ushort": (0x60, ">H"), "uint": (0x70, ">I"), "ulong": (0x80, ">Q"),
                  "int": (0x71, ">i"), "long": (0x81, ">q"), "timestamp": (0x83, ">q")}[kind]
    return bytes([code]) + struct.pack(form, int(value))


def encode_any(value):
    if value is None:
        return b"\x40"
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, bool):
        return encode("bool", value)
    if isinstance(value, Timestamp):
        return encode("timestamp", value)
    if isinstance(value, Ulong):
        return encode("ulong", value)
    if isinstance(value, int):
        return encode("int" if -2**31 <= value < 2**31 else "long", value)
    if isinstance(value, Symbol):
        return encode("symbol", value)
    if isinstance(value, str):
        return encode("string", value)
    if isinstance(value, bytes):
        return encode("binary", value)
    if isinstance(value, uuids.UUID):
        return b"\x98" + value.bytes
    if isinstance(value, Described):
        return b"\x00\x53" + bytes([value.code]) + encode_any(value.value)
    if isinstance(value, dict):
        return encode_map(value)
    if isinstance(value, (list, tuple)):
        return encode_list([encode_any(item) for item in value])
    raise TypeError(value)


def encode_list(items):
    body = b"".join(items)
    return b"\xd0" + struct.pack(">II", len(body) + 4, len(items)) + body


def encode_map(pairs):
    body = b"".join(encode_any(key) + encode_any(value) for key, value in pairs.items())
    return b"\xd1" + struct.pack(">II", len(body) + 4, 2 * len(pairs)) + body


def performative(name, values):
    code, fields = FIELDS[name]
    known = [field.split(":") for field in fields]
    unknown = set(values) - {field for field, _ in known}
    if unknown:
        raise ValueError(f"{name} has no field {', '.join(sorted(unknown))}")
    items = [encode(kind, values.get(field)) for field, kind in known]
    while items and items[-1] == b"\x40":
        items.pop()
    return b"\x00\x53" + bytes([code]) + encode_list(items)


def frame(body, channel=0, kind=0):
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("cut short")
        piece = self.data[self.at:self.at + count]
        self.at += count
        return piece

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self):
        return self.of(self.take(1)[0])

    def of(self, code):
        if code == 0x00:
            descriptor = self.value()
            return Described(descriptor, self.value())
        simple = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}
        if code in simple:
            return simple[code]
        forms = {0x50: ">B", 0x51: ">b", 0x52: ">B", 0x53: ">B", 0x54: ">b", 0x55: ">b", 0x56: ">B", 0x60: ">H", 0x61: ">h",
                 0x70: ">I", 0x71: ">i", 0x72: ">f", 0x73: ">I", 0x80: ">Q", 0x81: ">q", 0x82: ">d", 0x83: ">q"}
        if code in forms:
            return self.number(forms[code])
        if code == 0x98:
            return uuids.UUID(bytes=self.take(16))
        if code in (0xA0, 0xA1, 0xA3, 0xB0, 0xB1, 0xB3):
            data = self.take(self.number(">B" if code < 0xB0 else ">I"))
            return data if code & 0xF == 0 else Symbol(data.decode()) if code & 0xF == 3 else data.decode()
        wide = code >= 0xD0
        self.number(">I" if wide else ">B")
        count = self.number(">I" if wide else ">B")
        if code in (0xC0, 0xD0):
            return [self.value() for _ in range(count)]
        if code in (0xC1, 0xD1):
            return dict((self.value(), self.value()) for _ in range(count // 2))
        if code in (0xE0, 0xF0):
            kind = self.take(1)[0]
            return [self.of(kind) for _ in range(count)]
        raise ValueError(f"unknown constructor {code:#x}")


def decode_frame(body):
    """The name of a performative, its fields, and what follows it."""
    reader = Reader(body)
    described = reader.value()
    name = NAMES[described.code]
    fields = [field.split(":")[0] for field in FIELDS[name][1]]
    return name, dict(zip(fields, described.value)), body[reader.at:]


SECTIONS = {0x70: "header", 0x71: "delivery-annotations", 0x72: "annotations", 0x73: "properties", 0x74: "application",
            0x75: "data", 0x76: "sequence", 0x77: "value"}
PROPERTIES = ["message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
              "expiry", "creation"]


def decode_message(data):
    reader, message = Reader(data), {}
    while reader.at < len(data):
        section = reader.value()
        message[SECTIONS[section.code]] = section.value
    message["properties"] = dict(zip(PROPERTIES, message.get("properties", [])))
    return message


def section(code, encoded):
    return b"\x00\x53" + bytes([code]) + encoded


def encode_message(message):
    out = b""
    if "annotations" in message:
        out += section(0x72, encode_any({Symbol(key): value for key, value in message["annotations"].items()}))
    if "properties" in message:
        items = [message["properties"].get(name) for name in PROPERTIES]
        while items and items[-1] is None:
            items.pop()
        out += section(0x73, encode_list([encode_any(item) for item in items]))
    if "application" in message:
        out += section(0x74, encode_any(message["application"]))
    if "value" in message:
        out += section(0x77, encode_any(message["value"]))
    for data in message.get("data", []):
        out += section(0x75, encode("binary", data))
    return out
