// A device of today's package whose program has other things to do, once it is connected, before it
// registers its handlers: it does that when a line comes on standard input. Says what happens to it.

import { createInterface } from 'node:readline';
import { ga } from '../lib/devices.mjs';

const client = ga.device.Client.fromConnectionString(process.argv[2], ga.Mqtt);
client.on('error', () => {});
await client.open();
console.log('open');
createInterface({ input: process.stdin }).once('line', () => {
  client.onDeviceMethod('ping', (request, response) => {
    response.send(200, 'pong').catch(() => {});
  });
  console.log('handles');
});
