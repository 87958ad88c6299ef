#!/usr/bin/env python3
"""Writes the seeds of fuzz/http_request: the short requests of tests/rest/malformed.json."""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "corpus" / "http_request"

FOLDER.mkdir(parents=True, exist_ok=True)
cases = json.loads((HERE.parent / "tests" / "rest" / "malformed.json").read_text())
for number, case in enumerate(cases):
    send = case["send"]
    if isinstance(send, list) or number % 3 == 2 and number > 90:
        continue
    text = send.replace("{auth}", "Authorization: x\r\n").replace("{host}", "h")
    (FOLDER / f"{number:03}").write_bytes(text.encode("latin-1"))
