// A network for one process and what it starts, where the system lets it have one: loopback alone, with
// all of its ports and addresses free.

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';

/**
 * Begins this program anew in a network of its own, and ends with it; returns where it is in one already. The system
 * may refuse namespaces to users, but not to root, who needs no user of his own for one. Without either, `ports` of
 * 127.0.0.1 may be somebody else's: returns if they are free, and ends with the reason if not. With `keepsUsers` there are the
 * same users as outside.
 */
export async function moveIntoOwnNetwork({ ports = [443, 8883], unshare = 'unshare', keepsUsers = false } = {}) {
  if (process.env.HUB_OWN_NETWORK) return;
  const program = ['sh', '-c', 'ip link set lo up && exec "$0" "$@"'];
  const ways = [...(keepsUsers ? [] : [['--net', '--map-root-user', ...program]]), ...(process.getuid() === 0 ? [['--net', ...program]] : [])];
  const refusals = [];
  for (const inside of ways) {
    const tried = spawnSync(unshare, [...inside, 'true'], { encoding: 'utf8' });
    if (tried.status === 0) {
      const env = { ...process.env, HUB_OWN_NETWORK: '1' };
      const { status } = spawnSync(unshare, [...inside, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env });
      process.exit(status ?? 1);
    }
    refusals.push(`\`unshare ${inside.slice(0, -3).join(' ')}\`: ${(tried.stderr ?? String(tried.error)).trim()}`);
  }
  for (const port of ports) {
    const problem = await whyNotOurs(port);
    if (!problem) continue;
    console.error(`This test needs port ${port} of 127.0.0.1, ${problem}, or a network of its own, which it cannot have:\n`
      + `  ${refusals.join('\n  ')}\nRun it as root, allow user namespaces, or stop what has the port.`);
    process.exit(1);
  }
}

/** Nothing if a port of 127.0.0.1 can be listened on. */
function whyNotOurs(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.code === 'EADDRINUSE' ? 'which another program has' : `which it may not use (${error.code})`));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(null)));
  });
}
