#!/usr/bin/env node
// Runs an attack in a network of its own where the system lets it have one, else on loopback:
//
//   [ABUSE=full] HUB_BINARY=build/dev/carillon node tests/abuse/run.mjs ADDRESS FILE

import { moveIntoOwnNetwork } from '../lib/own_network.mjs';

await moveIntoOwnNetwork();
await import('../lib/with_hub.mjs');
