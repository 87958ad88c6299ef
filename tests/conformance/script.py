"""Reads conformance scripts; README.md describes them."""

import dataclasses
import pathlib
import re


class Failure(Exception):
    """A case does not hold."""


@dataclasses.dataclass
class Step:
    line: int
    text: str


@dataclasses.dataclass
class Case:
    file: pathlib.Path
    name: str
    steps: list


def parse_file(file):
    """The cases of a file; a case with `each` lines once for every combination of their values."""
    cases, current, each = [], None, []

    def finish():
        if current is None:
            return
        for values in combinations(each):
            cases.append(Case(file, fill(current.name, values),
                              [Step(step.line, fill(step.text, values)) for step in current.steps]))

    for number, raw in enumerate(file.read_text().splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "case":
            finish()
            current, each = Case(file, re.sub(r"\s+", " ", rest), []), []
        elif current is None:
            raise SystemExit(f"{file}:{number}: a step before the first case")
        elif word == "each":
            name, _, values = rest.partition(":")
            each.append((name.strip(), [value.strip() for value in values.split("|")]))
        else:
            current.steps.append(Step(number, line))
    finish()
    return cases


def combinations(each):
    if not each:
        yield {}
        return
    (name, values), rest = each[0], each[1:]
    for value in values:
        for others in combinations(rest):
            yield {name: value, **others}


def fill(text, values):
    for _ in values:  # A value may hold the name of another.
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
    return text


TOKEN = re.compile(r"""
    (?P<space>\s+)
  | (?P<string>"(?P<string_text>[^"]*)")
  | (?P<raw>'(?P<raw_text>[^']*)')
  | (?P<times>\*\s*(?P<count>\d+))
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<hex>(?:[0-9A-Fa-f]{2})+)
""", re.VERBOSE)


def unescaped(text):
    return text.encode().decode("unicode_escape").encode("latin-1") if "\\" in text else text.encode()


def remaining_length(count):
    digits = b""
    while True:
        count, digit = divmod(count, 128)
        digits += bytes([digit | (0x80 if count else 0)])
        if not count:
            return digits


def parse_bytes(text):
    """Bytes of a `>` or `<` line: hex, "length-prefixed string", 'raw text', `( … )` for a body behind
    its remaining length, `[ … ]` for a group, `* n` to repeat what stands before it."""
    levels, position = [[]], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise Failure(f"cannot read: {text[position:]}")
        position = match.end()
        if match["string"] is not None:
            raw = unescaped(match["string_text"])
            levels[-1].append(len(raw).to_bytes(2, "big") + raw)
        elif match["raw"] is not None:
            levels[-1].append(unescaped(match["raw_text"]))
        elif match["times"]:
            levels[-1][-1] *= int(match["count"])
        elif match["open"]:
            levels.append([])
        elif match["close"]:
            body = b"".join(levels.pop())
            levels[-1].append(body if match["close"] == "]" else remaining_length(len(body)) + body)
        elif match["hex"]:
            levels[-1].append(bytes.fromhex(match["hex"]))
    if len(levels) != 1:
        raise Failure("a parenthesis is open")
    return b"".join(levels[0])
