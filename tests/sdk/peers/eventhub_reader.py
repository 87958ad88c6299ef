"""Reads events by Debian's azure.eventhub (of python3-azure, by tests/lib/deb.sh): of all partitions, from the beginning.

    eventhub_reader.py CONNECTION_STRING CA COUNT

Prints each event as a line of JSON, and ends behind COUNT of them.
"""
import faulthandler
import json
import os
import sys
import threading

faulthandler.dump_traceback_later(60, exit=True)
login, ca, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

from azure.eventhub import EventHubConsumerClient  # noqa: E402

client = EventHubConsumerClient.from_connection_string(login, consumer_group='$Default', connection_verify=ca)
properties = client.get_eventhub_properties()
print(json.dumps({'name': properties['eventhub_name'], 'partitions': properties['partition_ids']}), flush=True)
seen = 0
lock = threading.Lock()


def on_event(context, event):
    global seen
    system = {str(key, 'utf-8'): value for key, value in event.system_properties.items()}
    print(json.dumps({
        'device': str(system['iothub-connection-device-id'], 'utf-8'), 'body': json.loads(event.body_as_str()),
        'sequence': event.sequence_number, 'offset': event.offset, 'partition': context.partition_id,
        'properties': {str(key, 'utf-8'): str(value, 'utf-8') for key, value in (event.properties or {}).items()},
    }), flush=True)
    with lock:
        seen += 1
        if seen == count:
            os._exit(0)  # Closing the client takes as long as its threads sleep.


client.receive(on_event=on_event, starting_position='-1')
