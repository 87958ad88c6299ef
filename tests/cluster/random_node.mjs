// Listens where a hub would, and takes each connection to one of the nodes of a cluster by chance, or to the next one if
// that does not answer. Ends with its standard input.
//
//   node random_node.mjs ADDRESS PORT,... NODE_ADDRESS...

import { connect, createServer } from 'node:net';

const [address, ports, ...nodes] = process.argv.slice(2);

function pass(client, port, begun, tries) {
  if (tries === nodes.length) { client.destroy(); return; }
  const node = connect({ port, host: nodes[(begun + tries) % nodes.length], allowHalfOpen: true });
  const refused = () => pass(client, port, begun, tries + 1);
  node.once('error', refused);
  node.once('connect', () => {
    node.off('error', refused);
    const end = () => { client.destroy(); node.destroy(); };
    for (const socket of [client, node]) socket.on('error', end).on('close', end);
    client.pipe(node).pipe(client);
  });
}

for (const port of ports.split(',').map(Number)) {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    pass(client, port, Math.floor(Math.random() * nodes.length), 0);
  });
  await new Promise((resolve, reject) => { server.on('error', reject).listen(port, address, resolve); });
}
console.log('listens');
process.stdin.resume().on('end', () => process.exit(0));
