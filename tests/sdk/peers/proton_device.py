"""A device written with Qpid Proton: plain AMQP 1.0, and nothing of any SDK.

    proton_device.py HOST DEVICE TOKEN CA

Sends what it is told on standard input, a line of JSON each, and prints what happens as lines of JSON.
"""
import json
import sys
import threading
import uuid

from proton import Delivery, Message, SSLDomain, symbol
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector, LinkOption


def say(**what):
    print(json.dumps(what), flush=True)


class Properties(LinkOption):
    """Properties of a link, by symbols."""

    def __init__(self, properties):
        self.properties = {symbol(name): value for name, value in properties.items()}

    def apply(self, link):
        link.properties = self.properties


class Device(MessagingHandler):
    def __init__(self, host, device, token, ca):
        super().__init__(auto_accept=False, prefetch=50)
        self.host, self.device, self.token = host, device, token
        self.ssl = SSLDomain(SSLDomain.MODE_CLIENT)
        self.ssl.set_trusted_ca_db(ca)
        self.ssl.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
        self.outcome = {}
        self.opened = 0
        self.how = 'accept'  # What becomes of the next message.

    def on_start(self, event):
        hub = self.host.split('.')[0]
        self.connection = event.container.connect(
            f'amqps://{self.host}:5671', user=f'{self.device}@sas.{hub}', password=self.token,
            ssl_domain=self.ssl, sasl_enabled=True, allowed_mechs='PLAIN', reconnect=False, heartbeat=30)
        base = f'/devices/{self.device}'
        container = event.container
        self.telemetry = container.create_sender(self.connection, f'{base}/messages/events', name='telemetry')
        self.messages = container.create_receiver(self.connection, f'{base}/messages/devicebound', name='c2d')
        methods = Properties({'com.microsoft:channel-correlation-id': f'methods:{uuid.uuid4()}',
                              'com.microsoft:api-version': '2019-10-01'})
        self.answers = container.create_sender(self.connection, f'{base}/methods/devicebound', name='answers', options=methods)
        self.calls = container.create_receiver(self.connection, f'{base}/methods/devicebound', name='calls', options=methods)
        twin = Properties({'com.microsoft:channel-correlation-id': f'twin:{uuid.uuid4()}',
                           'com.microsoft:api-version': '2019-10-01'})
        self.asks = container.create_sender(self.connection, f'{base}/twin', name='asks', options=twin)
        self.twin = container.create_receiver(self.connection, f'{base}/twin', name='twin', options=twin)
        self.injector = injector = EventInjector()
        container.selectable(injector)
        threading.Thread(target=self.read, args=(injector,), daemon=True).start()

    @staticmethod
    def read(injector):
        for line in sys.stdin:
            injector.trigger(ApplicationEvent('order', subject=json.loads(line)))

    def on_link_opened(self, event):
        self.opened += 1
        if self.opened == 6:
            say(event='ready')

    def on_order(self, event):
        order = event.subject
        if order['do'] == 'send':
            message = Message(body=json.dumps(order['body']).encode(), inferred=True, id=order.get('id'),
                              content_type='application/json', content_encoding='utf-8',
                              properties=order.get('properties', {}))
            self.outcome[self.telemetry.send(message).tag] = order.get('id')
        elif order['do'] == 'settle':
            self.how = order['how']
            say(event='will', how=self.how)
        elif order['do'] == 'twin':
            annotations = {symbol(key): value for key, value in order['annotations'].items()}
            self.asks.send(Message(body=json.dumps(order['body']).encode() if 'body' in order else b'', inferred=True,
                                   correlation_id=order['id'], annotations=annotations))
        elif order['do'] == 'end':
            self.connection.close()
            self.injector.close()

    def on_accepted(self, event):
        if event.link == self.telemetry:
            say(event='accepted', id=self.outcome[event.delivery.tag])

    def on_rejected(self, event):
        say(event='rejected', id=self.outcome.get(event.delivery.tag), reason=str(event.delivery.remote.condition))

    def on_message(self, event):
        message = event.message
        body = bytes(message.body).decode() if message.body is not None else ''
        if event.link == self.messages:
            say(event='message', id=message.id, body=body, properties=message.properties,
                tag=len(event.delivery.tag), how=self.how)
            event.delivery.update({'accept': Delivery.ACCEPTED, 'release': Delivery.RELEASED, 'reject': Delivery.REJECTED}[self.how])
            event.delivery.settle()
            self.how = 'accept'
        elif event.link == self.calls:
            say(event='call', method=message.properties['IoThub-methodname'], body=body,
                correlation=type(message.correlation_id).__name__)
            answer = Message(body=json.dumps({'heard': json.loads(body)}).encode(), inferred=True,
                             correlation_id=message.correlation_id, properties={'IoThub-status': 201})
            self.answers.send(answer)
        else:
            annotations = {str(key): value for key, value in (message.annotations or {}).items()}
            say(event='twin', id=message.correlation_id, body=body, annotations=annotations)

    def on_link_error(self, event):
        say(event='link error', name=event.link.name, reason=str(event.link.remote_condition))

    def on_transport_error(self, event):
        say(event='transport error', reason=str(event.transport.condition))

    def on_connection_error(self, event):
        say(event='connection error', reason=str(event.connection.remote_condition))


if __name__ == '__main__':
    Container(Device(*sys.argv[1:5])).run()
    say(event='ended')
