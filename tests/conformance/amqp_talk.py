"""The steps of an AMQP script, carried out on connections of a client."""

import json
import shlex
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import uuid

import amqp_codec as codec
from amqp_codec import Symbol
from hub import HOST, sign
from script import Failure

CLOSED = (ConnectionError, ssl.SSLError, OSError)
HEADERS = {"amqp": b"AMQP\x00\x01\x00\x00", "sasl": b"AMQP\x03\x01\x00\x00"}
BYTES = {"tag", "response"}


class Peer:
    """One connection, cut into protocol headers and frames."""

    def __init__(self, hub):
        self.stream, self.patience, self.received = hub.connect(hub.amqps_port), hub.patience, b""
        self.stream.settimeout(self.patience)

    def send(self, data):
        try:
            self.stream.sendall(data)
        except CLOSED:
            pass  # The hub may have closed already; what it said before is still looked at.

    def read(self, count):
        while len(self.received) < count:
            try:
                piece = self.stream.recv(65536)
            except socket.timeout:
                raise Failure(f"nothing came for {self.patience} s") from None
            except CLOSED:
                piece = b""
            if not piece:
                return None
            self.received += piece
        piece, self.received = self.received[:count], self.received[count:]
        return piece

    def next(self):
        """("header", bytes), (kind, channel, body), or None at the end."""
        begin = self.read(8)
        if begin is None:
            return None
        if begin[:4] == b"AMQP":
            return "header", 0, begin
        size, offset, kind, channel = struct.unpack(">IBBH", begin)
        rest = self.read(size - 8)
        if rest is None:
            raise Failure("the connection ended within a frame")
        return ("sasl" if kind == 1 else "amqp"), channel, rest[4 * offset - 8:]

    def close(self):
        try:
            self.stream.close()
        except CLOSED:
            pass


def value_of(text):
    kind, colon, rest = text.partition(":")
    if colon and kind == "int":
        return int(rest)
    if colon and kind == "ulong":
        return codec.Ulong(rest)
    if colon and kind == "string":
        return rest
    if colon and kind == "uuid":
        return uuid.UUID(rest)
    if colon and kind == "symbol":
        return Symbol(rest)
    if colon and kind == "time":
        return codec.Timestamp(int((time.time() + int(rest[3:])) * 1000))
    if colon and kind == "bytes":
        return bytes.fromhex(rest)
    return text


def field_of(name, text):
    if text.startswith("hex:"):
        return codec.Raw(bytes.fromhex(text[4:]))
    if text in ("true", "false"):
        return text == "true"
    if name in BYTES:
        return text.encode().decode("unicode_escape").encode("latin-1")
    return text


def split(words):
    """Words as they stand, and those that are key=value."""
    plain = [word for word in words if "=" not in word]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return plain, pairs


def message_of(pairs):
    """Takes what describes a message out of the pairs of a step."""
    message, raw = {}, None
    for name in list(pairs):
        part, dot, key = name.partition(".")
        if dot and part in ("app", "ann", "prop"):
            target = {"app": "application", "ann": "annotations", "prop": "properties"}[part]
            message.setdefault(target, {})[key] = value_of(pairs.pop(name))
        elif name == "body":
            message.setdefault("data", []).append(pairs.pop(name).encode())
        elif name == "fill":
            message.setdefault("data", []).append(b"x" * int(pairs.pop(name)))
        elif name == "value":
            message["value"] = value_of(pairs.pop(name))
        elif name == "batch":
            bodies = pairs.pop(name)
            message["data"] = [codec.encode_message({"data": [body.encode()]}) for body in bodies.split("|") if body]
        elif name == "payload":
            raw = bytes.fromhex(pairs.pop(name))
    return codec.encode_message(message) if raw is None else raw


class Talk:
    def __init__(self, hub):
        self.hub, self.peers, self.calls = hub, [], []
        self.peer = None
        self.handles = {}

    def end(self):
        for peer in self.peers:
            peer.close()
        for thread, _ in self.calls:
            thread.join()

    def do(self, step):
        words = shlex.split(step.text)
        if self.peer is None and words[0] not in ("device", "registry", "desired", "forget"):
            self.connect()
        if words[0] == "<":
            return self.expect(words[1], words[2:])
        name = words[0].replace("-", "_")
        if words[0] in codec.FIELDS and words[0] not in ("attach", "transfer", "init", "outcome"):
            return self.performative(words[0], words[1:])
        getattr(self, "do_" + name)(words[1:])

    def connect(self):
        self.peer = Peer(self.hub)
        self.peers.append(self.peer)
        self.handles = {}
        self.next_handle = 0
        self.next_id = 0

    def do_another(self, _):
        """A new connection; the ones before stay."""
        self.connect()

    def do_use(self, words):
        self.peer = self.peers[int(words[0]) - 1]

    def do_drop(self, _):
        self.peer.close()

    # --- what is sent ------------------------------------------------------------------------------

    def do_header(self, words):
        self.peer.send(HEADERS.get(words[0]) or bytes.fromhex(words[0]))

    def do_raw(self, words):
        self.peer.send(bytes.fromhex("".join(words)))

    def do_frame(self, words):
        """frame HEX [channel=N] [kind=N] [size=N] [offset=N]: a frame, or one whose header is as said."""
        plain, pairs = split(words)
        body = bytes.fromhex("".join(plain))
        header = struct.pack(">IBBH", int(pairs.get("size", len(body) + 8)), int(pairs.get("offset", 2)),
                             int(pairs.get("kind", 0)), int(pairs.get("channel", 0)))
        self.peer.send(header + body)

    def do_beat(self, _):
        self.peer.send(codec.frame(b""))

    def send(self, name, fields, payload=b"", channel=0, kind=0):
        self.peer.send(codec.frame(codec.performative(name, fields) + payload, channel, kind))

    def performative(self, name, words):
        plain, pairs = split(words)
        if plain:
            raise Failure(f"what is {plain[0]}?")
        channel = int(pairs.pop("channel", 0))
        defaults = {"open": {"container": "test", "hostname": HOST},
                    "begin": {"next-out": 0, "in-window": 2048, "out-window": 2048},
                    "flow": {"next-in": 1, "in-window": 2048, "next-out": 0, "out-window": 2048}}.get(name, {})
        fields = {key: field_of(key, text) for key, text in pairs.items()}
        if name == "disposition" and "state" in pairs:
            code = {text: code for code, text in codec.OUTCOMES.items()}[pairs["state"]]
            fields["state"] = codec.Described(code, [])
        fields = {key: value for key, value in {**defaults, **fields}.items() if value != "none"}
        self.send(name, fields, channel=channel)

    def do_init(self, words):
        plain, pairs = split(words[:1])
        fields = {"mechanism": plain[0]}
        if len(words) > 1:
            fields["response"] = words[1].encode().decode("unicode_escape").encode("latin-1")
        self.send("init", fields, kind=1)

    def do_plain(self, words):
        token = self.token(words[1])
        self.send("init", {"mechanism": "PLAIN", "response": f"\0{words[0]}\0{token}".encode()}, kind=1)

    def do_attach(self, words):
        """attach NAME to|from ADDRESS [field=value …]"""
        plain, pairs = split(words)
        name, direction, address = plain[0], plain[1], plain[2] if len(plain) > 2 else None
        channel = int(pairs.pop("channel", 0))
        properties = {Symbol(key[5:]): pairs.pop(key) for key in list(pairs) if key.startswith("prop.")}
        fields = {key: field_of(key, text) for key, text in pairs.items()}
        fields.setdefault("handle", self.next_handle)
        self.next_handle = max(self.next_handle, int(fields["handle"])) + 1
        self.handles[name] = int(fields["handle"])
        near, far = codec.Described(0x28, []), codec.Described(0x29, [])
        if direction == "to":
            far = codec.Described(0x29, [address])
            fields.setdefault("initial", 0)
        else:
            near = codec.Described(0x28, [address])
        fields.setdefault("source", near)
        fields.setdefault("target", far)
        if properties:
            fields["properties"] = properties
        self.send("attach", {"name": name, "role": direction == "from", **fields}, channel=channel)

    def do_credit(self, words):
        """credit NAME COUNT [drain=true]"""
        plain, pairs = split(words)
        self.performative("flow", [f"handle={self.handles[plain[0]]}", f"credit={plain[1]}", "count=0",
                                   *(f"{key}={text}" for key, text in pairs.items())])

    def do_transfer(self, words):
        """transfer NAME [field=value …] [what the message is …]"""
        plain, pairs = split(words)
        channel = int(pairs.pop("channel", 0))
        payload = message_of(pairs)
        fields = {key: field_of(key, text) for key, text in pairs.items()}
        if "id" not in fields:
            fields["id"] = self.next_id
            self.next_id += 1
        handle = self.handles.get(plain[0], plain[0])
        fields = {"handle": handle, "tag": b"t", "format": 0, **fields}
        self.send("transfer", {key: value for key, value in fields.items() if value != "none"}, payload, channel)

    def do_put(self, words):
        """put TOKEN [type=…] [name=…] [operation=…] [id=…]: a token, to the link `cbs`"""
        plain, pairs = split(words[1:])
        token = self.token(words[0])
        message = {"properties": {"message-id": value_of(pairs.get("id", "m1"))},
                   "application": {"operation": pairs.get("operation", "put-token"),
                                   "type": pairs.get("type", "servicebus.windows.net:sastoken"),
                                   "name": pairs.get("name", HOST).replace("HOST", HOST)},
                   "value": token}
        self.send("transfer", {"handle": self.handles["cbs"], "id": self.next_id, "tag": b"t", "format": 0},
                  codec.encode_message(message))
        self.next_id += 1

    # --- longer ones -------------------------------------------------------------------------------

    def do_start(self, _):
        """Header, open and begin, answered."""
        for step in ("header amqp", "< header amqp", "open", "< open", "begin", "< begin remote=0"):
            self.do_text(step)

    def do_cbs(self, _):
        for step in ("attach cbs to $cbs", "< attach cbs", "attach answers from $cbs", "< attach answers",
                     "credit answers 100"):
            self.do_text(step)

    def do_login(self, words):
        """login ID: a connection on which the token of a device is put"""
        for step in ("start", "cbs", f"put {words[0]}", "< accepted", "< status 200"):
            self.do_text(step)

    def do_link(self, words):
        """link NAME to|from ADDRESS […]: attached"""
        self.do_attach(words)
        self.expect("attach", [words[0]])

    def do_text(self, text):
        words = shlex.split(text)
        if words[0] == "<":
            return self.expect(words[1], words[2:])
        if words[0] in ("open", "begin"):
            return self.performative(words[0], words[1:])
        getattr(self, "do_" + words[0])(words[1:])

    def do_settle(self, words):
        """settle OUTCOME [settled=false]: what the client says of the message that came last"""
        plain, pairs = split(words)
        self.performative("disposition", [f"first={self.last_id}", "role=true", f"state={plain[0]}",
                                          f"settled={pairs.get('settled', 'true')}"])

    def do_alive(self, _):
        """The session answers, and nothing was said before."""
        self.performative("flow", ["echo=true"])
        name, fields, _ = self.frame(skip=())
        if name != "flow":
            raise Failure(f"{name} {fields} came instead of an answer to a flow")

    # --- what is received --------------------------------------------------------------------------

    def frame(self, skip=("flow",)):
        while True:
            found = self.peer.next()
            if found is None:
                return "closed", {}, b""
            kind, _, body = found
            if kind == "header":
                return "header", {"bytes": body}, b""
            if not body:
                continue
            name, fields, rest = codec.decode_frame(body)
            if name not in skip:
                return name, fields, rest

    def expect(self, wanted, words):
        plain, pairs = split(words)
        if wanted == "status":
            return self.expect_status(plain, pairs)
        if wanted == "message":
            return self.expect_message(plain, pairs)
        outcome = wanted if wanted in codec.OUTCOMES.values() else None
        name, fields, _ = self.frame(skip=() if wanted == "flow" else ("flow",))
        if name != ("disposition" if outcome else wanted):
            raise Failure(f"{name} {fields} came")
        said = dict(pairs)
        if name == "header":
            if fields["bytes"] != HEADERS[plain[0]]:
                raise Failure(f"header {fields['bytes']!r} came")
            return
        if name == "closed":
            return
        if name == "outcome":
            said["code"] = plain[0]
        if name == "attach" and plain:
            said["name"] = plain[0]
            ends = [fields.get("source"), fields.get("target")]
            if ("refused" in plain) != (ends == [None, None]):
                raise Failure(f"source and target are {ends}")
        if name in ("detach", "end", "close"):
            error = fields.get("error")
            condition = error.value[0] if error is not None and error.value else "none"
            if condition != (plain[0] if plain else "none"):
                raise Failure(f"{name} {condition} came: {error}")
        if outcome:
            state = fields.get("state")
            found = codec.OUTCOMES.get(state.code if state is not None else None)
            if found != outcome:
                raise Failure(f"{found} {fields} came")
            error = state.value[0] if state.value else None
            condition = error.value[0] if error is not None else None
            if plain and condition != plain[0]:
                raise Failure(f"rejected as {condition}: {error}")
        for key, text in said.items():
            found = fields.get(key)
            shown = {True: "true", False: "false", None: "none"}.get(found, str(found)) if not isinstance(found, int) or \
                isinstance(found, bool) else str(found)
            if shown != text:
                raise Failure(f"{name} has {key} {found!r}")

    def transfer(self):
        name, fields, payload = self.frame()
        if name != "transfer":
            raise Failure(f"{name} {fields} came")
        self.last_id = fields.get("id")
        while fields.get("more"):
            name, fields, rest = self.frame()
            payload += rest
        return codec.decode_message(payload)

    def expect_status(self, plain, pairs):
        """< status CODE [id=…]: an answer of $cbs"""
        message = self.transfer()
        status = message.get("application", {}).get("status-code")
        if status != int(plain[0]):
            raise Failure(f"status {message} came")
        found = message["properties"].get("correlation-id")
        if "id" in pairs and found != value_of(pairs["id"]):
            raise Failure(f"correlation-id {found!r} came")

    def expect_message(self, plain, pairs):
        """< message [TEXT …] [app.KEY=… ann.KEY=… prop.KEY=…]: the body holds each TEXT"""
        message = self.transfer()
        body = message.get("data", b"").decode(errors="replace")
        for text in plain:
            if text not in body:
                raise Failure(f"the body is {body}")
        parts = {"app": "application", "ann": "annotations", "prop": "properties"}
        for name, text in pairs.items():
            part, _, key = name.partition(".")
            found = message.get(parts[part], {}).get(key)
            if text == "uuid:any":
                fits = isinstance(found, uuid.UUID)
            elif text.partition(":")[0] in ("int", "string", "uuid"):
                wanted = value_of(text)
                fits = found == wanted and type(found) is type(wanted)
            else:
                fits = str(found) == text
            if not fits:
                raise Failure(f"{key} is {found!r} in {message}")
        self.last = message

    # --- the other side of the hub -----------------------------------------------------------------

    def token(self, text):
        """ID[;sr=…][;se=…][;skn=…][;key=ID|policy:NAME][;edit=A~>B], or text:ANYTHING"""
        if text.startswith("text:"):
            return text[5:]
        identity, *options = text.split(";")
        options = dict(option.split("=", 1) for option in options)
        policy = identity[7:] if identity.startswith("policy:") else None
        device, _, module = identity.partition("/")
        path = urllib.parse.quote(f"{HOST}/devices/{urllib.parse.quote(device, safe='')}" +
                                  (f"/modules/{module}" if module else ""), safe="")
        sr = options.get("sr", urllib.parse.quote(HOST, safe="") if policy else path).replace("HOST", HOST)
        se = options.get("se", "now+3600")
        expiry = str(int(time.time()) + int(se[3:])) if se.startswith("now") else se
        owner = options.get("key", identity)
        if owner.startswith("policy:"):
            name = owner[7:]
            key, skn = self.hub.policies[name], options.get("skn", name)
        else:
            key, skn = self.hub.key(owner), options.get("skn")
        token = sign(sr, key, expiry, skn)
        if "edit" in options:
            old, _, new = options["edit"].partition("~>")
            token = token.replace(old, new, 1)
        return token

    def do_device(self, words):
        self.hub.key(words[0])

    def do_registry(self, words):
        """registry METHOD PATH [JSON]: a request of the hub's owner, which must succeed"""
        status, answer = self.hub.rest(words[0], words[1], json.loads(words[2]) if len(words) > 2 else None,
                                       [("If-Match", "*")])
        if status // 100 != 2:
            raise Failure(f"{status} {answer}")
        return answer

    def do_forget(self, words):
        """forget ID: there is no such device from here on"""
        self.hub.rest("DELETE", f"/devices/{words[0]}", headers=[("If-Match", "*")])
        self.hub.keys.pop(words[0], None)

    def do_lost(self, _):
        """A link was detached, whatever the condition."""
        name, fields, _ = self.frame()
        if name != "detach" or not fields["closed"]:
            raise Failure(f"{name} {fields} came")

    def do_large(self, words):
        """large NAME BYTES [TO]: a message with so many bytes of body, in several frames"""
        size = int(words[1])
        message = codec.encode_message({"properties": {"to": words[2]}}) if len(words) > 2 else b""
        message += codec.section(0x75, b"\xb0" + struct.pack(">I", size) + b"x" * size)
        for at in range(0, len(message), 60000):
            self.send("transfer", {"handle": self.handles[words[0]], "id": self.next_id, "tag": b"t", "format": 0,
                                   "more": at + 60000 < len(message)}, message[at:at + 60000])
        self.next_id += 1

    def do_fill_queue(self, words):
        """fill_queue NAME ID COUNT: so many messages for a device, each accepted"""
        for _ in range(int(words[2])):
            self.do_transfer([words[0], f"prop.to=/devices/{words[1]}/messages/devicebound", "body=x"])
        left = int(words[2])
        while left > 0:
            name, fields, _ = self.frame()
            if name != "disposition" or fields["state"].code != 0x24:
                raise Failure(f"{name} {fields} came")
            last = fields.get("last")
            left -= (fields["first"] if last is None else last) - fields["first"] + 1

    def do_login_not(self, _):
        """More than a stranger may send, without a word that logs in."""
        self.do_text("start")
        self.peer.send(codec.frame(b"") * 9000)
        while self.frame(skip=())[0] != "closed":
            pass
        self.peer.received = b""

    def do_desired(self, words):
        self.hub.key(words[0])
        self.do_registry(["PATCH", f"/twins/{words[0]}", json.dumps({"properties": {"desired": json.loads(words[1])}})])

    def do_reported(self, words):
        _, twin = self.hub.rest("GET", f"/twins/{words[0]}")
        found = {key: value for key, value in twin["properties"]["reported"].items() if not key.startswith("$")}
        if found != json.loads(words[1]):
            raise Failure(f"reported is {found}")

    def do_call_now(self, words):
        """The same, of a device that must be online already."""
        self.do_call(words, connect=0)

    def do_call(self, words, connect=10):
        """call ID METHOD [JSON]: a back end begins a direct method"""
        body = {"methodName": words[1], "responseTimeoutInSeconds": 30, "connectTimeoutInSeconds": connect}
        if len(words) > 2:
            body["payload"] = json.loads(words[2])
        result = []
        thread = threading.Thread(
            target=lambda: result.append(self.hub.rest("POST", f"/twins/{words[0]}/methods", body)))
        thread.start()
        self.calls.append((thread, result))

    def do_answer(self, words):
        """answer NAME STATUS [JSON] [settled=true]: the device answers the method it was sent last"""
        fields = {"settled": True} if words[-1] == "settled=true" else {}
        text = words[2] if len(words) - len(fields) > 2 else ""
        message = {"properties": {"correlation-id": self.last["properties"]["correlation-id"]},
                   "application": {"IoThub-status": int(words[1])}, "data": [text.encode()]}
        self.send("transfer", {"handle": self.handles[words[0]], "id": self.next_id, "tag": b"t", "format": 0, **fields},
                  codec.encode_message(message))
        self.next_id += 1

    def do_outcome(self, words):
        thread, result = self.calls[-1]
        thread.join(self.hub.patience)
        status, answer = result[0] if result else ("none", None)
        if str(status) != words[0] or any(text not in json.dumps(answer) for text in words[1:]):
            raise Failure(f"{status} {answer}")
