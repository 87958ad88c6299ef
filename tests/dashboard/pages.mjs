// Every page of the dashboard, and what is tested of it: a page that lacks a row, or a part of one, fails.

/** Texts that would do harm where they were taken for more than text. */
export const hostile = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', "'-alert(1)-'", 'javascript:alert(1)', '{{7*7}}', '</textarea><svg onload=alert(1)>'];

// Who may do what, by the rights of a policy: those of the operations that a page asks the hub for.
const has = (...names) => (rights) => names.some((name) => rights.includes(name));
const look = has('RegistryRead', 'ServiceConnect');
const read = has('RegistryRead');
const write = has('RegistryWrite');
const service = has('ServiceConnect');
const run = has('RegistryWrite', 'ServiceConnect');
const owner = (rights) => rights.length === 8;
const enrolled = has('EnrollmentRead');
const enroll = has('EnrollmentWrite');
const anyone = () => true;

/** Parts of a page that change nothing, and are offered in a session that only reads, too. */
export const harmless = ['Export', 'Pause', 'Next', 'Cancel', 'Run', 'Refresh', 'Audit log', 'Show the keys of service', 'Try a message', 'Records of odd'];

/** Operations on what is not there, and who may have them. */
export const operations = [
  ['PUT', '/devices/%20', write], ['GET', '/devices/none', read], ['PATCH', '/twins/none', service], ['POST', '/twins/none/methods', service],
  ['PUT', '/jobs/v2/no_id', run], ['POST', '/carillon/jobs/none/pause', run], ['DELETE', '/configurations/none', write], ['GET', '/carillon/registry', read],
  ['PUT', '/enrollments/%20', enroll], ['GET', '/enrollments/none', enrolled], ['POST', '/carillon/traces', service], ['PUT', '/carillon/devices/none/revocation', write],
  ['GET', '/carillon/policies/none', owner], ['PUT', '/carillon/routes/none', owner], ['GET', '/carillon/audit', owner], ['GET', '/carillon/settings', look],
];

/**
 * - `heading`: what its first heading says, in English and French; `id` is what the address names.
 * - `at`: an address below `path` at which the page shows what the test put into the hub.
 * - `parameters`: what may stand in its address, each of which is given hostile texts.
 * - `needs`: which rights a policy must have for it, or else `refusal` is said (where that is missing, the same as on most pages).
 *   `offers`: links and buttons, and who sees them; `warning`: what is said to all others.
 * - `shows`: whether hostile texts are to be seen at `at`, as text. Of a page with parts, `tabs` are looked at too.
 * - `task`: the test that does with it what people do. `picture`: where axe-core looks at it in both themes, and on a phone.
 */
export const pages = [
  { path: '/', heading: ['Overview', 'Vue d’ensemble'], parameters: [], needs: look, offers: { 'Make a job': run }, task: 'the overview shows the fleet, live', picture: 'overview' },
  { path: '/sign-in', heading: ['Overview', 'Vue d’ensemble'], parameters: [], needs: look, offers: { 'Make a job': run }, task: 'a wrong key is refused, and the right one enters for reading only', picture: 'sign-in' },
  { path: '/devices', at: '?cols=tags.t0,tags.t1&q=odd', heading: ['Devices', 'Appareils'], parameters: ['w', 'q', 'cols', 'c'], shows: true, needs: look, offers: { Export: read, Import: write, 'Create a device': write, 'Job for these': run }, task: 'devices are found by their ids and by conditions, and paged', picture: 'devices' },
  { path: '/device', at: '?id=odd-1', heading: ['odd-1', 'odd-1'], parameters: ['id'], shows: true, tabs: true, needs: look, offers: { 'Review and save': service }, task: 'a twin is edited, and a change by another client in between is shown and merged', picture: 'device' },
  { path: '/events', at: '?from=earliest&device=odd-*', heading: ['Messages', 'Messages'], parameters: ['device', 'from'], shows: true, needs: service, refusal: 'Seeing messages needs', offers: { Pause: service }, task: 'messages of devices are seen as they come, of one and of all', picture: 'events' },
  { path: '/jobs', heading: ['Jobs', 'Tâches'], parameters: ['status', 'view', 'month'], shows: true, tabs: true, needs: look, offers: { 'Make a job': run }, task: 'a job is followed across a restart of the hub, and cancelled', picture: 'jobs' },
  { path: '/job', at: '?id=odd', heading: ['odd', 'odd'], parameters: ['id', 'state', 'kind', 'wave'], shows: true, needs: look, offers: { 'Make one like it': run }, task: 'a job is made in steps, watched to its end, and its failures opened', picture: 'job' },
  { path: '/new-job', at: '?from=odd', heading: ['Make a job', 'Créer une tâche'], parameters: ['condition', 'from', 'in', 'kinds', 'undo'], shows: true, needs: look, offers: { Next: look }, warning: ['Running a job needs', run], task: 'a rollout is made in the wizard, waits behind its canary, and goes on when it is promoted', picture: 'new-job-target' },
  { path: '/configurations', heading: ['Configurations', 'Configurations'], parameters: [], shows: true, needs: look, offers: { 'Make a configuration': write }, task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'configurations' },
  { path: '/configuration', at: '?id=odd', heading: ['odd', 'odd'], parameters: ['id'], shows: true, needs: look, offers: { 'Change it': write, 'Delete it': write }, task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'configuration' },
  { path: '/new-configuration', at: '?condition=', heading: ['Make a configuration', 'Créer une configuration'], parameters: ['condition'], needs: look, offers: { Cancel: look }, warning: ['Configurations are made with', write], task: 'a configuration is made, seen to reach its devices, changed and deleted', picture: 'new-configuration' },
  { path: '/enrollments', heading: ['Enrollments', 'Inscriptions'], parameters: ['kind'], needs: enrolled, refusal: 'Enrollments need', offers: { 'New group': enroll, 'Change odd': enroll, 'Records of odd': has('RegistrationStatusRead') }, task: 'an enrollment group is made, a device registers by its key, and the page shows its record', picture: 'enrollments' },
  { path: '/queries', at: `?q=${encodeURIComponent("SELECT deviceId, tags FROM devices WHERE deviceId = 'odd-1'")}`, heading: ['Queries', 'Requêtes'], parameters: ['q'], shows: true, needs: look, offers: { Run: look }, task: 'a query is run, and its error pointed at', picture: 'queries' },
  { path: '/hub', heading: ['Hub', 'Hub'], parameters: [], needs: anyone, offers: { 'Audit log': owner, 'New policy': owner, 'Show the keys of service': owner, 'Renew a key of service': owner }, warning: ['a policy needs every right', owner], task: 'keys of policies are shown to an owner, which the log records, and renewed', picture: 'hub' },
  { path: '/health', heading: ['Health', 'Santé'], parameters: [], needs: look, offers: { Refresh: look }, task: 'the health of the hub is shown, and what needs attention leads to it', picture: 'health' },
  { path: '/settings', heading: ['Settings', 'Paramètres'], parameters: ['q', 'set'], shows: true, needs: look, offers: {}, task: 'settings are shown with where they come from', picture: 'settings' },
  { path: '/routes', heading: ['Routes', 'Routage'], parameters: [], shows: true, needs: service, refusal: 'Seeing routes needs', offers: { 'New route': owner, 'New endpoint': owner, 'Delete odd': owner, 'Try a message': service }, task: 'a route is made, tried, seen to deliver, and removed', picture: 'routes' },
  { path: '/audit', heading: ['Audit log', 'Journal d’audit'], parameters: ['q'], shows: true, needs: owner, refusal: 'needs a policy with every right', offers: { Refresh: owner }, task: 'the audit log says who changed what, of the hub and of one device', picture: 'audit' },
];
