"""The steps of a script, carried out on connections of a device."""

import json
import re
import shlex
import socket
import ssl
import threading
import time
import urllib.parse

from hub import HOST, HTTPS_PORT, sign
from script import Failure, parse_bytes, remaining_length

CLOSED = (ConnectionError, ssl.SSLError, OSError)


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(header, body):
    return bytes([header]) + remaining_length(len(body)) + body


class Peer:
    """One connection."""

    def __init__(self, hub, stream=None):
        self.socket = stream or hub.connect()
        self.patience = hub.patience
        self.received = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except CLOSED:
            pass  # The hub may have closed already; what it said before is still looked at.

    def more(self):
        """Waits for more bytes; False once the connection is closed."""
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise Failure(f"nothing came for {self.patience} s; before that {self.received.hex() or 'nothing'}") from None
        except CLOSED:
            return False
        self.received += data
        return bool(data)

    def take(self, count):
        while len(self.received) < count:
            if not self.more():
                raise Failure(f"closed after {self.received.hex() or 'nothing'}")
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def take_packet(self):
        header = self.take(1)
        length, shift = 0, 0
        while True:
            digit = self.take(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        return header[0], self.take(length)

    def expect_closed(self):
        while self.more():
            pass
        if self.received:
            raise Failure(f"said {self.received.hex()} before it closed")

    def close(self):
        self.socket.close()


class WebSocket:
    """A socket's `sendall`, `recv` and `close` over frames; the handshake is the script's."""

    def __init__(self, hub):
        self.socket, self.frames, self.is_open = hub.connect(HTTPS_PORT), b"", False

    def handshake(self, fields):
        """Sends the request and returns the answer's head."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"GET /$iothub/websocket HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.socket.recv(65536)
            if not data:
                raise Failure(f"closed within the handshake: {head}")
            head += data
        head, _, self.frames = head.partition(b"\r\n\r\n")
        self.is_open = head.startswith(b"HTTP/1.1 101 ")
        return head.decode()

    def sendall(self, data, first=0x82):
        mask = b"\x5a\xa5\x0f\xf0"
        length = (bytes([0x80 | len(data)]) if len(data) < 126 else
                  b"\xfe" + len(data).to_bytes(2, "big") if len(data) < 65536 else
                  b"\xff" + len(data).to_bytes(8, "big"))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.socket.sendall(bytes([first]) + length + mask + masked)

    def need(self, count):
        while len(self.frames) < count:
            data = self.socket.recv(65536)
            if not data:
                return False
            self.frames += data
        return True

    def recv(self, _):
        """The payload of the next data frame; nothing at a close frame or the end."""
        while self.need(2):
            first, length, head = self.frames[0], self.frames[1], 2
            for marker, wide in ((126, 2), (127, 8)):
                if length == marker and self.need(2 + wide):
                    length, head = int.from_bytes(self.frames[2:2 + wide], "big"), 2 + wide
                    break
            if not self.need(head + length):
                break
            payload, self.frames = self.frames[head:head + length], self.frames[head + length:]
            if first == 0x88:
                self.closed_with = payload.hex()
                return b""
            if first == 0x82:
                return payload
            self.control = bytes([first]) + payload
        return b""

    def close(self):
        self.socket.close()


class Talk:
    """What a case does; `do` takes one step. The names of steps are those of the methods below."""

    def __init__(self, hub):
        self.hub, self.peer, self.peers, self.calls = hub, None, [], []

    def end(self):
        for peer in self.peers:
            peer.close()
        for thread, _ in self.calls:
            thread.join(90)

    def do(self, step):
        word, _, rest = step.text.partition(" ")
        rest = rest.strip()
        if word == ">":
            self.peer.send(parse_bytes(rest))
        elif word == ">>":
            for byte in parse_bytes(rest):
                self.peer.send(bytes([byte]))
        elif word == "<" and rest == "closed":
            self.peer.expect_closed()
        elif word == "<" and rest.startswith("publish "):
            self.expect_publish(rest)
        elif word == "<" and rest.startswith("delivery "):
            self.expect_delivery(rest)
        elif word == "<":
            expected = parse_bytes(rest)
            got = self.peer.take(len(expected))
            if got != expected:
                raise Failure(f"expected {expected.hex()}, got {got.hex()}")
        else:
            method = getattr(self, "do_" + word, None)
            if method is None:
                raise Failure(f"unknown step {word}")
            method(*shlex.split(rest))

    # --- connections ---

    def do_open(self):
        """Makes a connection and says nothing."""
        self.peer = Peer(self.hub)
        self.peers.append(self.peer)

    def do_try(self, identity, *options):
        """Opens a connection and sends CONNECT."""
        given = dict(option.split("=", 1) for option in options)
        if given.pop("via", None) == "websocket":
            self.do_websocket()
        else:
            self.do_open()
        self.peer.send(self.connect_packet(identity, given))

    def do_websocket(self, *options):
        """Opens a WebSocket; options change fields of the request (`name=` leaves one out), or say which
        `status=` and `protocol=` the answer must have."""
        fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "mqtt"}
        wanted = {"status": "101"}
        for option in options:
            name, _, value = option.partition("=")
            (wanted if name in ("status", "protocol") else fields)[name] = value
        stream = WebSocket(self.hub)
        self.peer = Peer(self.hub, stream)
        self.peers.append(self.peer)
        head = stream.handshake({name: value for name, value in fields.items() if value})
        if head.split(" ")[1] != wanted["status"]:
            raise Failure(f"expected status {wanted['status']}: {head}")
        if stream.is_open:
            protocol = wanted.get("protocol", fields["Sec-WebSocket-Protocol"])
            for line in (f"Sec-WebSocket-Protocol: {protocol}",
                         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="):
                if line not in head.split("\r\n"):
                    raise Failure(f"no {line} in {head}")

    def do_frame(self, first, payload=""):
        """A WebSocket frame of its own: its first byte in hex, and bytes in hex."""
        self.peer.socket.sendall(bytes.fromhex(payload), int(first, 16))

    def do_raw(self, data):
        """Bytes in hex behind the handshake, without a frame."""
        self.peer.socket.socket.sendall(bytes.fromhex(data))

    def do_closed(self, code):
        """The WebSocket is closed with this code, and nothing was said before."""
        self.peer.expect_closed()
        got = getattr(self.peer.socket, "closed_with", "")
        if got != f"{int(code):04x}":
            raise Failure(f"close frame {got or 'missing'}")

    def do_connect(self, identity, *options):
        """The same, and takes CONNACK 0; the flag must be `present=` if that is given."""
        given = dict(option.split("=", 1) for option in options)
        present = given.pop("present", None)
        self.do_try(identity, *(f"{name}={value}" for name, value in given.items()))
        answer = self.peer.take(4)
        if answer[:2] + answer[3:] != b"\x20\x02\x00" or present not in (None, str(answer[2])):
            raise Failure(f"CONNACK {answer.hex()}")

    def do_use(self, number):
        """Goes on with an earlier connection, counted from 1."""
        self.peer = self.peers[int(number) - 1]

    def do_drop(self):
        """Breaks the connection without DISCONNECT."""
        self.peer.close()

    def do_alive(self):
        """The connection answers a ping, and has said nothing else before."""
        self.peer.send(b"\xC0\x00")
        got = self.peer.take(2)
        if got != b"\xD0\x00":
            raise Failure(f"expected PINGRESP, got {got.hex()}{self.peer.received.hex()}")

    def connect_packet(self, identity, options):
        device, _, module = identity.partition("/")
        user = options.get("user", f"{HOST}/{identity}/?api-version=2021-04-12").replace("HOST", HOST)
        flags = 0x80 | (0x02 if options.get("clean") == "1" else 0)
        body = b""
        if "will" in options:
            flags |= 0x04 | int(options.get("will_qos", "0")) << 3 | (0x20 if options.get("will_retain") else 0)
            body += text(options["will"]) + text(options.get("will_body", ""))
        body += text(user)
        if options.get("password") != "none":
            flags |= 0x40
            body += text(options.get("password") or self.token(device, module, options))
        return packet(0x10, text("MQTT") + b"\x04" + bytes([flags]) +
                      int(options.get("keep", "60")).to_bytes(2, "big") +
                      text(options.get("client", identity)) + body)

    def token(self, device, module, options):
        """A SAS token; `sr`, `se` (`now+60`, or literal), `skn`, `key` and `edit` change it."""
        path = f"{HOST}/devices/{urllib.parse.quote(device, safe='')}"
        if module:
            path += f"/modules/{urllib.parse.quote(module, safe='')}"
        resource = options.get("sr", urllib.parse.quote(path, safe="")).replace("HOST", HOST)
        se = options.get("se", "now+3600")
        if se.startswith("now"):
            se = str(int(time.time()) + int(se[3:]))
        key = options.get("key", device + ("/" + module if module else ""))
        key = self.hub.policies[key[7:]] if key.startswith("policy:") else self.hub.key(key)
        token = sign(resource, key, se, options.get("skn"))
        if "edit" in options:
            pattern, _, replacement = options["edit"].partition("~>")
            token = re.sub(pattern, replacement, token)
        return token

    # --- the device ---

    def do_subscribe(self, topic_filter, qos="0"):
        """Subscribes and takes the SUBACK."""
        self.peer.send(packet(0x82, b"\x00\x01" + text(topic_filter) + bytes([int(qos)])))
        got = self.peer.take(5)
        expected = b"\x90\x03\x00\x01" + bytes([min(int(qos), 1)])
        if got != expected:
            raise Failure(f"SUBACK {got.hex()}")

    def do_subscribe_many(self, count):
        """Subscribes to so many methods, each by a filter of its own."""
        for number in range(int(count)):
            self.do_subscribe(f"$iothub/methods/POST/m{number}/#")

    def do_publish(self, topic, body="", qos="0", ident="7"):
        header = 0x30 | int(qos) << 1
        data = text(topic) + (int(ident).to_bytes(2, "big") if qos != "0" else b"") + body.encode()
        self.peer.send(packet(header, data))

    def expect_publish(self, rest):
        """`< publish TOPIC [BODY]`: both are regular expressions that must fit the whole."""
        header, data = self.peer.take_packet()
        if header != 0x30:
            raise Failure(f"expected a PUBLISH, got {header:02x} {data.hex()}")
        length = 2 + int.from_bytes(data[:2], "big")
        self.compare(rest, data[2:length], data[length:])

    def expect_delivery(self, rest):
        """The same at QoS 1, which is acknowledged."""
        header, data = self.peer.take_packet()
        if header != 0x32:
            raise Failure(f"expected a PUBLISH at QoS 1, got {header:02x} {data.hex()}")
        length = 2 + int.from_bytes(data[:2], "big")
        self.peer.send(packet(0x40, data[length:length + 2]))
        self.compare(rest, data[2:length], data[length + 2:])

    def compare(self, rest, raw_topic, raw_body):
        _, topic, *body = shlex.split(rest)
        got_topic, got_body = raw_topic.decode(), raw_body.decode()
        if not re.fullmatch(topic, got_topic):
            raise Failure(f"topic {got_topic}")
        if not re.fullmatch(body[0] if body else "", got_body, re.DOTALL):
            raise Failure(f"body {got_body}")

    # --- the back end ---

    def do_device(self, identity, *changes):
        """Registers a device, and changes members: `device d status=disabled`."""
        self.hub.key(identity)
        if changes:
            self.hub.update(identity, dict(change.split("=", 1) for change in changes))

    def do_rotate(self, identity):
        """Gives a device new keys."""
        keys = {"primaryKey": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                "secondaryKey": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="}
        self.hub.update(identity, {"authentication": {"type": "sas", "symmetricKey": keys}})
        self.hub.keys[identity] = keys["primaryKey"]

    def do_remove(self, identity):
        self.hub.remove(identity)

    def do_twin(self, identity, patch):
        """A back end's PATCH of the twin."""
        status, body = self.hub.rest("PATCH", f"/twins/{identity}", json.loads(patch))
        if status != 200:
            raise Failure(f"twin PATCH: {status} {body}")

    def do_reported(self, identity, expected):
        """What a back end reads of the reported properties, `$` members aside."""
        status, body = self.hub.rest("GET", f"/twins/{identity}")
        got = {k: v for k, v in body["properties"]["reported"].items() if not k.startswith("$")}
        if status != 200 or got != json.loads(expected):
            raise Failure(f"reported {json.dumps(got)}")

    def do_send(self, identity, content, *properties):
        """A message to the device or module: `message-id=`, `expiry=now+S`, `ack=`, `input=` of a module, and others of
        the application's own; its body is the JSON text of `content`."""
        headers = {}
        for name, _, value in (text.partition("=") for text in properties):
            if name == "expiry":
                value = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + int(value[3:])))
            own = {"message-id": "iothub-messageid", "expiry": "iothub-expiry", "ack": "iothub-ack",
                   "input": "iothub-inputname"}
            headers[own.get(name, "iothub-app-" + name)] = value
        status, body = self.hub.rest("POST", "/devices/" + identity.replace("/", "/modules/") + "/messages/devicebound",
                                     content, headers)
        if status // 100 != 2:
            raise Failure(f"the message was refused: {status} {body}")

    def do_call(self, identity, method, payload="null"):
        """Begins a direct method; its outcome is for `outcome`."""
        outcome = []
        body = {"methodName": method, "payload": json.loads(payload), "responseTimeoutInSeconds": 30,
                "connectTimeoutInSeconds": 0}
        path = "/twins/" + identity.replace("/", "/modules/") + "/methods"
        thread = threading.Thread(target=lambda: outcome.append(self.hub.rest("POST", path, body)))
        thread.start()
        self.calls.append((thread, outcome))

    def do_outcome(self, status, expected=None):
        """The answer of the oldest direct method: HTTP status, and the body, or a part of it, as JSON."""
        thread, outcome = self.calls.pop(0)
        thread.join(90)
        if not outcome:
            raise Failure("the call did not return")
        got_status, got = outcome[0]
        if str(got_status) != status or (expected is not None and not json.dumps(got).count(expected)):
            raise Failure(f"outcome {got_status} {json.dumps(got)}")
