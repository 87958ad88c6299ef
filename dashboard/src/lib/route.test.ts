import { expect, test } from 'vitest';
import { attentionOf } from './attention.ts';
import { emptyEndpoint, emptyRoute, endpointBody, endpointDraftOf, endpointProblem, routeBody, routeDraftOf, routeProblem } from './route.ts';

test('a route is written as the hub takes it, and needs an endpoint', () => {
  const draft = { ...emptyRoute, name: 'hot', condition: ' ', endpointNames: ['a'] };
  expect(routeBody(draft)).toEqual({ source: 'DeviceMessages', condition: 'true', endpointNames: ['a'], isEnabled: true });
  expect(routeProblem(draft)).toBeUndefined();
  expect(routeDraftOf({ name: 'hot', ...routeBody({ ...draft, isEnabled: false }), source: 'TwinChangeEvents' })).toEqual({ ...draft, source: 'TwinChangeEvents', condition: 'true', isEnabled: false });
  for (const bad of [{ name: '' }, { name: 'a b' }, { name: 'x'.repeat(65) }, { endpointNames: [] }]) expect(routeProblem({ ...draft, ...bad })).toBeDefined();
});

test('an endpoint names only what applies to its type', () => {
  const hook = { ...emptyEndpoint, name: 'a', place: 'https://x/y', secret: 'whsec_eA==', maxAttempts: '3', path: 'ignored' };
  expect(endpointProblem(hook)).toBeUndefined();
  expect(endpointBody(hook)).toEqual({ type: 'webhook', url: 'https://x/y', secret: 'whsec_eA==', maxAttempts: 3, enrichments: {} });
  const file = { ...hook, type: 'file' as const, place: 'file:t', path: '{partition}-{sequence}', enrichments: '{"a": "$iothubname"}' };
  expect(endpointBody(file)).toEqual({ type: 'file', container: 'file:t', path: '{partition}-{sequence}', enrichments: { a: '$iothubname' } });
  for (const bad of [{ name: '' }, { place: ' ' }, { maxEvents: '0' }, { maxEvents: 'x' }, { maxWaitSeconds: '3601' }, { maxAttempts: '101' }, { enrichments: '[' }, { enrichments: '{"a": 1}' }]) {
    expect(endpointProblem({ ...hook, ...bad }), JSON.stringify(bad)).toBeDefined();
  }
});

test('an endpoint of type events has no place, and keeps its retention settings', () => {
  const log = { ...emptyEndpoint, name: 'a', type: 'events' as const, place: 'ignored', secret: 'ignored', retentionSeconds: '3600', maxEvents: '5' };
  expect(endpointProblem(log)).toBeUndefined();
  expect(endpointBody(log)).toEqual({ type: 'events', retentionSeconds: 3600, maxEvents: 5, enrichments: {} });
  for (const bad of [{ name: '' }, { retentionSeconds: '59' }, { retentionSeconds: 'x' }, { maxEvents: '1001' }]) expect(endpointProblem({ ...log, ...bad }), JSON.stringify(bad)).toBeDefined();
});

test('what of an endpoint is not shown stays as it is', () => {
  const stored = { name: 'a', type: 'file' as const, container: 'https://acc.blob/c', maxEvents: 5 };
  expect(endpointBody({ ...endpointDraftOf(stored), maxEvents: '6' }, stored)).toEqual({ type: 'file', maxEvents: 6, enrichments: {} });
  const hook = { name: 'h', type: 'webhook' as const, url: 'https://x', isSigned: true };
  expect(endpointBody({ ...endpointDraftOf(hook), place: 'https://y' }, hook)).toEqual({ type: 'webhook', url: 'https://y', enrichments: {} });
  const lake = { name: 'k', type: 'kafka' as const, url: 'kafka://b', topic: 't', hasCredentials: true };
  expect(endpointBody(endpointDraftOf(lake), lake)).toEqual({ type: 'kafka', topic: 't', enrichments: {} });
  expect(endpointBody({ ...endpointDraftOf(lake), mechanism: 'SCRAM-SHA-512' }, lake)).toEqual({ type: 'kafka', topic: 't', mechanism: 'SCRAM-SHA-512', enrichments: {} });
  const salted = { ...lake, mechanism: 'SCRAM-SHA-512' as const };
  expect(endpointBody({ ...endpointDraftOf(salted), mechanism: 'PLAIN' }, salted)).toEqual({ type: 'kafka', topic: 't', mechanism: 'PLAIN', enrichments: {} });
  expect(endpointProblem({ ...endpointDraftOf(lake), into: '' })).toBeDefined();
  expect(endpointBody({ ...emptyEndpoint, type: 'nats', place: 'nats://b', into: 'plant.{deviceId}' })).toEqual({ type: 'nats', url: 'nats://b', subject: 'plant.{deviceId}', enrichments: {} });
});

test('attention is asked for what will fail soon, and for nothing else', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const health = {
    status: 'ready' as const, reasons: [], version: '1', startedTime: '', residentBytes: 1, connections: { open: 1, max: 2 }, loops: [],
    store: { kind: 'rocksdb' as const, diskBytes: 100, diskFreeBytes: 10 }, certificates: [{ file: 'a.pem', endTime: '2026-01-15T00:00:00Z' }],
  };
  const endpoint = { name: 'e', status: { state: 'idle' as const, eventsBehind: 9, delivered: 1, deadLetters: 0, missed: 0, attempts: 0 } };
  expect(attentionOf(undefined, undefined, now)).toEqual([]);
  expect(attentionOf(health, [endpoint], now)).toEqual([]);
  const keys = (...given: Parameters<typeof attentionOf>) => attentionOf(...given).map((one) => one.key);
  expect(keys({ ...health, certificates: [{ file: 'a.pem', endTime: '2026-01-14T23:00:00Z' }] }, [], now)).toEqual(['certificate a.pem']);
  expect(keys({ ...health, store: { kind: 'rocksdb', diskBytes: 100, diskFreeBytes: 9, isSlowed: true } }, [], now)).toEqual(['disk', 'slowed']);
  expect(keys({ ...health, reasons: [{ check: 'store', reason: 'The disk refuses writes.' }] }, [], now)).toEqual(['store The disk refuses writes.']);
  expect(keys(health, [{ ...endpoint, status: { ...endpoint.status, state: 'retrying', missed: 2 } }], now)).toEqual(['endpoint e', 'missed e']);
});
