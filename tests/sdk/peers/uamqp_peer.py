"""A device and a back end on uamqp, the library under the Python packages of their time: Debian's python3-uamqp.

    uamqp_peer.py HOST CA DEVICE DEVICE_TOKEN POLICY KEY TOKEN ENTITY PARTITIONS

Fails by an exception, or prints `done`.
"""
import faulthandler
import json
import sys
import time

import uamqp
from uamqp import authentication, constants

faulthandler.dump_traceback_later(150, exit=True)
host, ca, device, device_token, policy, key, token, entity, partitions = sys.argv[1:10]
hub = host.split('.')[0]


def as_device():
    return authentication.SASLPlain(host, f'{device}@sas.{hub}', device_token, verify=ca)


def as_policy():
    return authentication.SASLPlain(host, f'{policy}@sas.root.{hub}', token, verify=ca)


# Telemetry: one message, and a batch.
sender = uamqp.SendClient(f'amqps://{host}/devices/{device}/messages/events', auth=as_device())
sender.queue_message(uamqp.Message(body=b'{"n":1}', application_properties={'kind': 'single'}))
results = sender.send_all_messages(close_on_done=False)
assert results == [constants.MessageState.SendComplete], results
batch = uamqp.BatchMessage(data=[uamqp.Message(body=json.dumps({'n': n}).encode()) for n in (2, 3, 4)])
sender.queue_message(batch)
results = sender.send_all_messages()
assert results == [constants.MessageState.SendComplete], results

# Read out by an Event Hubs address: tokens by CBS, MSSBCBS, keys taken as text.
uri = f'sb://{host}/{entity}'
events = []
for partition in range(int(partitions)):
    auth = authentication.SASTokenAuth.from_shared_access_key(uri, policy, key, verify=ca)
    source = uamqp.address.Source(f'amqps://{host}/{entity}/ConsumerGroups/$Default/Partitions/{partition}')
    source.set_filter(b"amqp.annotation.x-opt-offset > '-1'")
    reader = uamqp.ReceiveClient(source, auth=auth, timeout=1000, prefetch=50)
    events += reader.receive_message_batch(max_batch_size=10)
    reader.close()
bodies = [json.loads(b''.join(message.get_data()))['n'] for message in events]
assert bodies == [1, 2, 3, 4], bodies
assert events[0].application_properties == {b'kind': b'single'}, events[0].application_properties
numbers = [message.annotations[b'x-opt-sequence-number'] for message in events]
assert numbers == sorted(numbers), numbers

# A message to the device, by a back end that has logged in by CBS as azure-iot-hub does.
auth = authentication.SASTokenAuth(f'https://{host}', f'https://{host}', token, expires_at=time.time() + 3000, verify=ca)
service = uamqp.SendClient(f'amqps://{host}/messages/devicebound', auth=auth)
properties = uamqp.message.MessageProperties(message_id='u-1', to=f'/devices/{device}/messages/devicebound')
service.queue_message(uamqp.Message(body=b'hello', properties=properties, application_properties={'iothub-ack': 'full'}))
results = service.send_all_messages()
assert results == [constants.MessageState.SendComplete], results

# Received twice: given back, then taken.
receiver = uamqp.ReceiveClient(f'amqps://{host}/devices/{device}/messages/devicebound', auth=as_device(), timeout=20000,
                               prefetch=1, auto_complete=False)
first = receiver.receive_message_batch(max_batch_size=1, timeout=15000)[0]
assert b''.join(first.get_data()) == b'hello'
assert first.properties.message_id == b'u-1', first.properties.message_id
first.release()
second = receiver.receive_message_batch(max_batch_size=1, timeout=15000)[0]
assert second.annotations[b'iothub-deliverycount'] == 1, second.annotations
second.accept()
receiver.close()

# Its outcome.
feedback = uamqp.ReceiveClient(f'amqps://{host}/messages/serviceBound/feedback', auth=as_policy(), timeout=60000, prefetch=1)
records = []
until = time.time() + 60
while not records and time.time() < until:
    for message in feedback.receive_message_batch(max_batch_size=1, timeout=1000):
        records += json.loads(b''.join(message.get_data()))
feedback.close()
assert [(record['originalMessageId'], record['statusCode']) for record in records] == [('u-1', 'Success')], records
print('done')
