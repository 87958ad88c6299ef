#!/usr/bin/env python3
"""Runs the conformance scripts of MQTT or AMQP against a real `carillon serve`, over TLS.

  tests/conformance/run.py mqtt --binary build/dev/apps/carillon/carillon [--case WORD] [FILE.txt ...]

The hub gets a directory and a loopback address of its own and is stopped at the end. README.md beside
this file describes the scripts. Exit status 0 if every case holds. Needs nothing but Python 3.
"""

import sys

sys.dont_write_bytecode = True  # The source tree stays as it is.

import argparse
import pathlib
import re
import shutil
import tempfile
import traceback

import amqp_talk
import mqtt_talk
from hub import Hub
from script import Failure, parse_file

FAILURES_MAX = 25  # Each may have waited in vain.
HERE = pathlib.Path(__file__).resolve().parent
TALKS = {"mqtt": mqtt_talk.Talk, "amqp": amqp_talk.Talk}
ADDRESSES = {"mqtt": "127.83.9.1", "amqp": "127.83.9.2"}  # So that both may run at once.


REFUSAL = re.compile(
    r"< (rejected|closed|detach|end|close|outcome [1-9]|status [45]|attach \S+ refused)|lost$|outcome [45]")


def expects_refusal(case):
    """Whether the hub is to refuse something, an end of the connection among that. Of AMQP."""
    return any(REFUSAL.match(step.text) for step in case.steps)


def run_case(talk, case):
    try:
        for step in case.steps:
            try:
                talk.do(step)
            except Failure as failure:
                raise Failure(f"{case.file.name}:{step.line}: {step.text}\n      {failure}") from None
    finally:
        talk.end()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("protocol", choices=sorted(TALKS))
    arguments.add_argument("--binary", help="the carillon program")
    arguments.add_argument("--count", action="store_true", help="only say how many cases of AMQP expect a refusal")
    arguments.add_argument("--case", default="", help="only cases whose name holds this")
    arguments.add_argument("--address", help="the hub's loopback address")
    arguments.add_argument("--patience", type=float, default=20, help="seconds until silence is a failure")
    arguments.add_argument("files", nargs="*", type=pathlib.Path)
    options = arguments.parse_args()

    files = options.files or sorted((HERE / options.protocol).glob("*.txt"))
    cases = [case for file in files for case in parse_file(file) if options.case in case.name]
    if not cases:
        print("no case of that name", file=sys.stderr)
        return 1
    refusals = sum(expects_refusal(case) for case in cases)
    if options.count:  # In tests/rest/devices.test.mjs.
        print(refusals)
        return 0
    if not options.binary:
        arguments.error("--binary is needed")
    address = options.address or ADDRESSES[options.protocol]
    directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-conformance-"))
    failed = 0
    done = 0
    try:
        with Hub(options.binary, directory, address, options.patience) as hub:
            for case in cases:
                if failed == FAILURES_MAX:
                    print(f"stopped after {failed} failures")
                    break
                done += 1
                try:
                    run_case(TALKS[options.protocol](hub), case)
                except Failure as failure:
                    failed += 1
                    print(f"FAILED {case.name}\n    {failure}")
                except Exception:  # A defect of the runner must not pass for a case that holds.
                    failed += 1
                    print(f"FAILED {case.name}\n{traceback.format_exc()}")
                if not hub.is_running():
                    print(f"the hub died in: {case.name}\n{hub.log_tail()}")
                    return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{done - failed} of {len(cases)} cases hold" + (f"; {refusals} of them expect a refusal" if options.protocol == "amqp" else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
