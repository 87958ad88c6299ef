"""A back end written with Qpid Proton: sends to devices, receives feedback, reads events.

    proton_backend.py HOST POLICY TOKEN CA ENTITY PARTITIONS

Does what it is told on standard input, a line of JSON each, and prints what happens as lines of JSON.
"""
import json
import sys
import threading

from proton import Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, AtLeastOnce, Container, EventInjector, Selector


def say(**what):
    print(json.dumps(what), flush=True)


class BackEnd(MessagingHandler):
    def __init__(self, host, policy, token, ca, entity, partitions):
        super().__init__(prefetch=10)
        self.host, self.policy, self.token = host, policy, token
        self.entity, self.partitions = entity, int(partitions)
        self.ssl = SSLDomain(SSLDomain.MODE_CLIENT)
        self.ssl.set_trusted_ca_db(ca)
        self.ssl.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
        self.outcome = {}
        self.opened = 0

    def on_start(self, event):
        container = event.container
        hub = self.host.split('.')[0]
        self.connection = container.connect(
            f'amqps://{self.host}:5671', user=f'{self.policy}@sas.root.{hub}', password=self.token,
            ssl_domain=self.ssl, sasl_enabled=True, allowed_mechs='PLAIN', reconnect=False, heartbeat=30)
        self.sender = container.create_sender(self.connection, '/messages/devicebound', name='c2d')
        self.feedback = container.create_receiver(self.connection, '/messages/serviceBound/feedback', name='feedback')
        self.readers = [
            container.create_receiver(
                self.connection, f'{self.entity}/ConsumerGroups/$Default/Partitions/{number}', name=f'events-{number}',
                options=[Selector("amqp.annotation.x-opt-offset > '-1'"), AtLeastOnce()])
            for number in range(self.partitions)]
        self.injector = injector = EventInjector()
        container.selectable(injector)
        threading.Thread(target=self.read, args=(injector,), daemon=True).start()

    @staticmethod
    def read(injector):
        for line in sys.stdin:
            injector.trigger(ApplicationEvent('order', subject=json.loads(line)))

    def on_link_opened(self, event):
        self.opened += 1
        if self.opened == 2 + self.partitions:
            say(event='ready')

    def on_order(self, event):
        order = event.subject
        if order['do'] == 'send':
            properties = {'iothub-ack': 'full', **order.get('properties', {})}
            message = Message(body=order['body'].encode(), inferred=True, id=order['id'], properties=properties,
                              address=f'/devices/{order["device"]}/messages/devicebound')
            self.outcome[self.sender.send(message).tag] = order['id']
        elif order['do'] == 'end':
            self.connection.close()
            self.injector.close()

    def on_accepted(self, event):
        if event.link == self.sender:
            say(event='accepted', id=self.outcome[event.delivery.tag])

    def on_rejected(self, event):
        say(event='rejected', id=self.outcome.get(event.delivery.tag), condition=event.delivery.remote.condition.name)

    def on_message(self, event):
        message = event.message
        body = bytes(message.body).decode()
        if event.link == self.feedback:
            say(event='feedback', records=json.loads(body), type=message.content_type)
            return
        annotations = {str(key): str(value) for key, value in message.annotations.items()}
        say(event='event', link=event.link.name, body=body, properties=message.properties, annotations=annotations)

    def on_link_error(self, event):
        say(event='link error', name=event.link.name, reason=str(event.link.remote_condition))

    def on_transport_error(self, event):
        say(event='transport error', reason=str(event.transport.condition))

    def on_connection_error(self, event):
        say(event='connection error', reason=str(event.connection.remote_condition))


if __name__ == '__main__':
    Container(BackEnd(*sys.argv[1:7])).run()
    say(event='ended')
