// A network for one process and what it starts, where the system lets it have one: loopback alone, with
// all of its ports and addresses free.

import { spawnSync } from 'node:child_process';

/** Begins this program anew in a network of its own, and ends with it; returns where that may not be, or is so already. */
export function moveIntoOwnNetwork() {
  if (process.env.HUB_OWN_NETWORK) return;
  const inside = ['--net', '--map-root-user', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];
  if (spawnSync('unshare', [...inside, 'true']).status !== 0) return;
  const env = { ...process.env, HUB_OWN_NETWORK: '1' };
  const { status } = spawnSync('unshare', [...inside, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env });
  process.exit(status ?? 1);
}
