// Every page of the dashboard, and what is tested of it: a page that lacks a row, or a part of one, fails.

/** Texts that would do harm where they were taken for more than text. */
export const hostile = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', "'-alert(1)-'", 'javascript:alert(1)', '{{7*7}}', '</textarea><svg onload=alert(1)>'];

/**
 * - `heading`: what its first heading says, in English and French; `id` is what the address names.
 * - `at`: an address below `path` at which the page shows what the test put into the hub.
 * - `parameters`: what may stand in its address, each of which is given hostile texts.
 * - `shows`: whether hostile texts are to be seen at `at`, as text. Of a page with parts, `tabs` are looked at too.
 * - `task`: the test that does with it what people do. `picture`: where axe-core looks at it in both themes, and on a phone.
 */
export const pages = [
  { path: '/', heading: ['Overview', 'Vue d’ensemble'], parameters: [], task: 'the overview shows the fleet, live', picture: 'overview' },
  { path: '/sign-in', heading: ['Overview', 'Vue d’ensemble'], parameters: [], task: 'a wrong key is refused, and the right one enters for reading only', picture: 'sign-in' },
  { path: '/devices', at: '?cols=tags.t0,tags.t1&q=odd', heading: ['Devices', 'Appareils'], parameters: ['w', 'q', 'cols', 'c'], shows: true, task: 'devices are found by their ids and by conditions, and paged', picture: 'devices' },
  { path: '/device', at: '?id=odd-1', heading: ['odd-1', 'odd-1'], parameters: ['id'], shows: true, tabs: true, task: 'a twin is edited, and a change by somebody else in between is shown and merged', picture: 'device' },
  { path: '/events', at: '?from=earliest&device=odd-*', heading: ['Messages', 'Messages'], parameters: ['device', 'from'], shows: true, task: 'messages of devices are seen as they come, of one and of all', picture: 'events' },
  { path: '/jobs', heading: ['Jobs', 'Tâches'], parameters: ['status', 'view', 'month'], shows: true, task: 'a job is followed across a restart of the hub, and cancelled', picture: 'jobs' },
  { path: '/job', at: '?id=odd', heading: ['odd', 'odd'], parameters: ['id', 'state', 'kind', 'wave'], shows: true, task: 'a job is made in steps, watched to its end, and its failures opened', picture: 'job' },
  { path: '/new-job', at: '?from=odd', heading: ['Make a job', 'Créer une tâche'], parameters: ['condition', 'from', 'in', 'kinds', 'undo'], shows: true, task: 'a rollout is made in the wizard, waits behind its canary, and goes on when it is promoted', picture: 'new-job-target' },
  { path: '/configurations', heading: ['Configurations', 'Configurations'], parameters: [], shows: true, task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'configurations' },
  { path: '/configuration', at: '?id=odd', heading: ['odd', 'odd'], parameters: ['id'], shows: true, task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'configuration' },
  { path: '/new-configuration', at: '?condition=', heading: ['Make a configuration', 'Créer une configuration'], parameters: ['condition'], task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'new-configuration' },
  { path: '/enrollments', heading: ['Enrollments', 'Inscriptions'], parameters: ['kind'], task: 'an enrollment group is made, a device registers by its key, and the page shows its record', picture: 'enrollments' },
  { path: '/queries', at: `?q=${encodeURIComponent("SELECT deviceId, tags FROM devices WHERE deviceId = 'odd-1'")}`, heading: ['Queries', 'Requêtes'], parameters: ['q'], shows: true, task: 'a query is run, and its error pointed at', picture: 'queries' },
  { path: '/hub', heading: ['Hub', 'Hub'], parameters: [], task: 'keys of policies are shown to an owner, which the log records, and renewed', picture: 'hub' },
  { path: '/health', heading: ['Health', 'Santé'], parameters: [], task: 'the health of the hub is shown, and what needs attention leads to it', picture: 'health' },
  { path: '/settings', heading: ['Settings', 'Paramètres'], parameters: ['q', 'set'], shows: true, task: 'settings are shown with where they come from', picture: 'settings' },
  { path: '/routes', heading: ['Routes', 'Routage'], parameters: [], shows: true, task: 'a route is made, tried, seen to deliver, and removed', picture: 'routes' },
  { path: '/audit', heading: ['Audit log', 'Journal d’audit'], parameters: ['q'], shows: true, task: 'the audit log says who changed what, of the hub and of one device', picture: 'audit' },
];
