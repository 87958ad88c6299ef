#!/usr/bin/env python3
"""Writes the seeds of the targets json_parse and twin_merge. Run from anywhere; the files are committed.

The sections are encoded here from docs/twin-encoding.md and not by our C++, so that replaying the seeds
also checks that page."""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


JSON = {
    "empty-object": "{}",
    "empty-array": "[]",
    "space-around": " \t\r\n[ ]\n",
    "words": "[true,false,null]",
    "word-cut": "tru",
    "word-cased": "True",
    "integers": "[0,-0,1,-1,9223372036854775807,-9223372036854775808,18446744073709551615]",
    "integer-of-65-bits": "[18446744073709551616]",
    "fractions": "[0.1,-2.50,1e5,1E+2,1e-2,0.00001,123456789.125]",
    "double-extremes": "[1.7976931348623157e308,4.9e-324,2.2250738585072014e-308,1e-400]",
    "double-overflow": "[1e309,-1e400]",
    "integers-as-fractions": "[5.0,50e-1,0.05e2,9.223372036854775807e18,1e15]",
    "number-leading-zero": "01",
    "number-no-digits": "[-]",
    "number-no-fraction": "1.",
    "number-no-exponent": "1e+",
    "escapes": r'["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20ac","\ud83d\ude00","\u0000"]',
    "escape-unknown": r'"\x"',
    "escape-cut": r'"\u12',
    "surrogate-high-alone": r'"\ud800"',
    "surrogate-low-alone": r'"\udc00"',
    "surrogate-pair-broken": r'"\ud800\u0041"',
    "utf8": '["é€\U0001f600","\u007f"]'.encode(),
    "utf8-overlong": b'"\xc0\xaf"',
    "utf8-surrogate": b'"\xed\xa0\x80"',
    "utf8-cut": b'"\xe2\x82"',
    "utf8-beyond": b'"\xf4\x90\x80\x80"',
    "control-in-string": b'"a\x01b"',
    "string-without-end": '"abc',
    "duplicates": r'{"a":1,"b":2,"a":3,"\u0061":{"c":4}}',
    "many-members": "{" + ",".join(f'"k{i % 20}":{i}' for i in range(40)) + "}",
    "nested": "[" * 64 + "]" * 64,
    "nested-too-deep": "[" * 65 + "]" * 65,
    "nested-objects": '{"a":{"b":{"c":{"d":[{"e":{}}]}}}}',
    "comma-extra": "[1,]",
    "comma-missing": "[1 2]",
    "colon-missing": '{"a" 1}',
    "key-not-string": "{1:2}",
    "text-after": "[] []",
    "bytes-zero": b"[1]\x00",
    "twin": '{"tags":{"building":"43"},"properties":{"desired":{"cfg":{"f":5,"g":1.0},"l":[1,"x",{"y":true}]},'
            '"reported":{"$version":1}},"etag":"AAAAAAAAAAE="}',
    "duplicate-hides-large-number": '{"a":18444444444444444444444444444444447,"a":1}',
    "empty": "",
}

PATCHES = {
    "simple": ['{"a":1}', '{"a":2,"b":"x"}', '{"b":null}'],
    "nested": ['{"a":{"b":{"c":1}}}', '{"a":{"b":{"d":2}}}', '{"a":{"b":{"c":null}}}', '{"a":{"b":null}}'],
    "nulls": ['{"a":null}', '{"a":{"x":null}}', '{"a":{"x":null,"y":{}}}', '{"a":{"x":null}}'],
    "types": ['{"a":1}', '{"a":{"b":1}}', '{"a":[1,2]}', '{"a":true}', '{"a":{"x":null}}', '{"a":"s"}'],
    "empty-objects": ['{"a":{}}', '{"a":{}}', '{"a":{"b":{}}}', "{}"],
    "dollars": ['{"$version":3,"$metadata":{"a":{}},"a":1}', '{"a":{"$version":1}}'],
    "text": ['{"é":"ü","q\\"":"\\n","":"€"}', '{"":{"":{"":0}}}', '{"\\u00e9":null}'],
    "arrays": ['{"a":[1,[2,{"b":"é"}],true]}', '{"a":[ ]}', '{"a":[null]}'],
    "numbers": ['{"a":1,"b":1.0,"c":1E+2,"d":-0}', '{"a":4503599627370496}', '{"a":4503599627370495}'],
    "wide": ["{" + ",".join(f'"k{i}":{i}' for i in range(80)) + "}",
             "{" + ",".join(f'"k{i}":{{"x":{i}}}' for i in range(0, 80, 3)) + "}",
             "{" + ",".join(f'"k{i}":null' for i in range(0, 80, 2)) + "}"],
    "deep": ["{\"a\":" * 11 + "1" + "}" * 11, "{\"a\":" * 12 + "1" + "}" * 12],
    "large": ['{"a":"' + "x" * 500 + '"}', '{"b":"' + "y" * 500 + '"}'],
    "duplicate-keys": ['{"a":1,"a":{"b":1,"b":2}}', '{"a":{"b":3},"a":{"c":4}}'],
}


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


class Sections:
    """Encodes Python dicts as sections; every node gets the stamp that `stamp_of(path)` names."""

    def __init__(self, stamps, version=2, root=0, stamp_of=lambda path: 0):
        self.stamps, self.version, self.root, self.stamp_of = stamps, version, root, stamp_of
        self.uses = [0] * len(stamps)

    def encode(self, members):
        self.uses[self.root] += 1
        body, counted = self.members(members, ())
        table = b"".join(struct.pack("<qQ", ticks, version << 24 | uses)
                         for (ticks, version), uses in zip(self.stamps, self.uses))
        header = struct.pack("<BBHHHqI", 1, 0, len(self.stamps), self.root, 0, self.version, counted)
        return header + table + body

    def members(self, members, path):
        out, counted = b"", 0
        for key, value in members.items():
            stamp = self.stamp_of(path + (key,))
            self.uses[stamp] += 1
            encoded, counts = self.value(value, path + (key,))
            name = key.encode()
            out += varint(len(name)) + name + encoded + varint(stamp)
            counted += len(name) + counts
        return out, counted

    def value(self, value, path):
        if isinstance(value, bool):
            return bytes([8 if value else 0]), 4
        if isinstance(value, dict):
            body, counted = self.members(value, path)
            return bytes([5]) + struct.pack("<I", len(body))[:3] + body, counted
        if isinstance(value, tuple):  # an array: its JSON and what it counts
            text = value[0].encode()
            return self.tag(4, len(text)) + varint(value[1]) + text, value[1]
        if isinstance(value, (int, float)):
            text = str(value).encode()
            return self.tag(1, len(text)) + text, 8
        text = value.encode()
        plain = all(0x20 <= c < 0x7F and c not in b'"\\' for c in text)
        controls = sum(len(c.encode()) for c in value if ord(c) < 32 or 127 <= ord(c) < 160)
        return self.tag(2 if plain else 3, len(text)) + text, len(text) - controls

    @staticmethod
    def tag(kind, length):
        return bytes([kind | length << 3]) if length < 31 else bytes([kind | 31 << 3]) + varint(length - 31)


NOW = 639255968000000000
STAMPS = [(NOW, 0), (NOW + 10_000_000, 2), (NOW + 25_000_001, 3)]
CONTENT = {
    "fresh": {},
    "scalars": {"a": 1, "b": -2.5, "t": True, "f": False, "s": "plain", "e": ""},
    "strings": {"q": 'a"b\\c', "c": "x\x01\u0085", "é": "€", "long": "z" * 300},
    "objects": {"a": {"b": {"c": 1}, "d": {}}, "e": {"": {"": 0}}},
    "arrays": {"l": ("[]", 0), "m": ('[1,"é",{"k":true}]', 8 + 2 + 1 + 4)},
}


def field(data):
    return varint(len(data)) + data


def sections():
    seeds = {}
    for name, content in CONTENT.items():
        seeds[name] = Sections([(NOW, 0)], version=1).encode(content)
        spread = Sections(list(STAMPS), version=3, root=2, stamp_of=lambda path: len(path) % 3)
        seeds[name + "-stamps"] = spread.encode(content)
    many = Sections([(NOW + i, i) for i in range(200)], version=200, root=199, stamp_of=lambda path: int(path[0]))
    seeds["many-stamps"] = many.encode({str(i): i for i in range(200)})
    return seeds


def identity():
    fixed = struct.pack("<BBQQq", 1, 2 | 4, NOW, 7, 0)
    texts = [b"dev-a", b"", b"why", b"MDEyMzQ1Njc4OWFiY2RlZg==", b"ZmVkY2JhOTg3NjU0MzIxMA==", b"", b"", b"scope"]
    return fixed + b"".join(field(t) for t in texts) + varint(1) + field(b"parent")


def document():
    encoded = sections()
    parts = [identity(), encoded["scalars"], encoded["objects-stamps"], encoded["fresh"]]
    return struct.pack("<BQIqQ", 1, 9, 3, 12, 4) + b"".join(field(p) for p in parts)


def job():
    head = struct.pack("<BBBBqqq", 1, 1 | 4, 1, 1, NOW, NOW, 3600)
    texts = [b"j1", b'{"methodName":"m"}', b"", b"*", b"m", b"null"]
    return head + b"".join(field(t) for t in texts) + struct.pack("<II", 30, 0)


def twin_job():
    head = struct.pack("<BBBBqqq", 1, 2 | 8, 2, 0, NOW, NOW, 60)
    texts = b"".join(field(t) for t in [b"j2", b"", b'{"etag":"*"}'])
    return head + texts + varint(2) + field(b"a") + field(b"b") + bytes([3]) + field(b'{"t":1}') + field(b'{"d":null}')


def message():
    texts = b"".join(field(t) for t in [b"d", b"", b"1", b"{}"])
    system = varint(1) + field(b"message-id") + field(b"7")
    properties = varint(2) + field(b"a") + b"\x01" + field(b"1") + field(b"none") + b"\x00"
    return struct.pack("<Bq", 1, NOW) + texts + system + properties + field(b"body")


def twin_merge():
    seeds = {}
    for name, lines in PATCHES.items():
        seeds["merge-" + name] = b"M" + "\n".join(lines).encode()
        seeds["replace-" + name] = b"R" + "\n".join(lines).encode()
    for name, section in sections().items():
        seeds["section-" + name] = b"\x00" + section
    seeds["document"] = b"\x01" + document()
    seeds["identity"] = b"\x02" + identity()
    seeds["job-method"] = b"\x03" + job()
    seeds["job-twin"] = b"\x03" + twin_job()
    seeds["message"] = b"\x04" + message()
    return seeds


if __name__ == "__main__":
    write("json_parse", JSON)
    write("twin_merge", twin_merge())
