// A door with an electric lock, as a device of the hub: it knows the method lockDoor, follows its
// desired properties and reports what it did. Runs on the 2016 preview packages.
'use strict';

const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const boltSeconds = 2;
const door = Client.fromConnectionString(process.env.DOOR_CONNECTION_STRING, Mqtt);
let isLocked = false;

function lock(request, response) {
  console.log(`lockDoor was called (force: ${request.payload.force}); the bolt is moving`);
  setTimeout(() => {
    isLocked = true;
    console.log('locked');
    response.send(200, { locked: isLocked }, (error) => {
      if (error) console.error(`the answer did not get out: ${error.message}`);
    });
  }, boltSeconds * 1000);
}

function follow(twin) {
  twin.on('properties.desired', (desired) => {
    if (desired.building === undefined) return;
    console.log(`the office wants: building ${desired.building}, floor ${desired.floor}`);
    twin.properties.reported.update({ building: desired.building, floor: desired.floor }, (error) => {
      console.log(error ? `cannot report: ${error.message}` : 'reported: it is so');
    });
  });
}

// The 2016 client waits one second for its twin, which is short for a machine that is busy building.
function readTwin(attempts) {
  door.getTwin((error, twin) => {
    if (!error) {
      follow(twin);
      console.log('ready');
    } else if (attempts > 1) {
      readTwin(attempts - 1);
    } else {
      console.error(`no twin: ${error.message}`);
      process.exit(1);
    }
  });
}

// The 2016 client gives this callback a second time, without an error, when a refused connection
// closes; the first word is the true one.
let wasRefused = false;
door.open((error) => {
  if (error) {
    wasRefused = true;
    console.error(`cannot connect: ${error.message}`);
    process.exit(1);
  }
  if (wasRefused) return;
  console.log('connected to the hub, unlocked');
  door.onDeviceMethod('lockDoor', lock);
  readTwin(10);
});
