// How a device logs in by its connection string, for each of the SDKs.

export const snippets: { name: string; text: (login: string) => string }[] = [
  { name: 'Node.js', text: (login) => `const { Client } = require('azure-iot-device');\nconst { Mqtt } = require('azure-iot-device-mqtt');\nconst client = Client.fromConnectionString('${login}', Mqtt);\nclient.open();` },
  { name: 'Python', text: (login) => `from azure.iot.device import IoTHubDeviceClient\n\nclient = IoTHubDeviceClient.create_from_connection_string("${login}")\nclient.connect()` },
  { name: 'C#', text: (login) => `using Microsoft.Azure.Devices.Client;\n\nvar client = DeviceClient.CreateFromConnectionString("${login}", TransportType.Mqtt);\nawait client.OpenAsync();` },
  { name: 'Java', text: (login) => `import com.microsoft.azure.sdk.iot.device.*;\n\nDeviceClient client = new DeviceClient("${login}", IotHubClientProtocol.MQTT);\nclient.open(true);` },
  { name: 'C', text: (login) => `#include "iothub_device_client_ll.h"\n#include "iothubtransportmqtt.h"\n\nIoTHub_Init();\nIOTHUB_DEVICE_CLIENT_LL_HANDLE client =\n    IoTHubDeviceClient_LL_CreateFromConnectionString("${login}", MQTT_Protocol);` },
  { name: 'carillon', text: (login) => `carillon device simulate --connection-string '${login}'` },
];
