// A device that answers one method and is gone at once, without a goodbye: what may happen to the
// tutorial's app, whose callback throws inside its MQTT client.

import { open2016, preview } from '../lib/devices.mjs';

const client = preview.device.Client.fromConnectionString(process.argv[2], preview.Mqtt);
await open2016(client);
client.onDeviceMethod('lockDoor', (request, response) => {
  response.send(200, () => process.kill(process.pid, 'SIGKILL'));
});
console.log('waiting');
