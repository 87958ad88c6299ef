import './style.css';
import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { isReachable, mayChange, mayLook, refreshSession, session, signOut } from './api.ts';
import { AuditPage } from './pages/audit.tsx';
import { ConfigurationPage, ConfigurationsPage, NewConfigurationPage } from './pages/configurations.tsx';
import { DevicePage } from './pages/device.tsx';
import { DevicesPage } from './pages/devices.tsx';
import { EnrollmentsPage } from './pages/enrollments.tsx';
import { EventsPage } from './pages/events.tsx';
import { HealthPage } from './pages/health.tsx';
import { HubPage } from './pages/hub.tsx';
import { JobPage } from './pages/job.tsx';
import { JobsPage } from './pages/jobs.tsx';
import { NewJobPage } from './pages/new_job.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { QueriesPage } from './pages/queries.tsx';
import { RoutesPage } from './pages/routes.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { SignInPage } from './pages/sign_in.tsx';
import { address, path } from './router.ts';
import { chooseLanguage, language, t } from './texts.ts';
import { Bell, Button, Empty, Icon, type IconName, Loading } from './ui/basics.tsx';

type Theme = 'auto' | 'light' | 'dark';
const themes: Theme[] = ['auto', 'light', 'dark'];
const stored = localStorage.getItem('theme');
const theme = signal<Theme>(themes.find((name) => name === stored) ?? 'auto');
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem('theme', theme.value);
});

const places: [string, string, IconName][] = [
  ['/', t.common.overview, 'overview'],
  ['/devices', t.common.devices, 'devices'],
  ['/events', t.events.title, 'events'],
  ['/jobs', t.common.jobs, 'jobs'],
  ['/configurations', t.common.configurations, 'configurations'],
  ['/enrollments', t.enrollments.title, 'enrollments'],
  ['/queries', t.common.queries, 'queries'],
  ['/hub', t.common.hub, 'hub'],
];

/** Pages that are a part of another place. */
const partOf: Record<string, string> = { '/device': '/devices', '/job': '/jobs', '/audit': '/hub', '/settings': '/hub', '/health': '/hub', '/routes': '/hub', '/new-job': '/jobs', '/configuration': '/configurations', '/new-configuration': '/configurations' };

function ThemeButton() {
  const next = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto';
  const icon = ({ auto: 'auto', light: 'sun', dark: 'moon' } as const)[theme.value];
  const label = t.shell.theme(t.shell.themes[theme.value], t.shell.themes[next]);
  return <Button kind="quiet" icon={icon} aria-label={label} title={label} onClick={() => { theme.value = next; }} />;
}

function LanguageButton() {
  const other = language === 'en' ? 'fr' : 'en';
  return <Button kind="quiet" lang={other} aria-label={t.shell.languageHint} title={t.shell.languageHint} onClick={() => chooseLanguage(other)}>{other.toUpperCase()}</Button>;
}

/** Pages that say by themselves which right they lack, or show what needs none. */
const ownNeeds = new Set(['/hub', '/events', '/enrollments', '/routes', '/audit']);

/** A page of which this session may see nothing. */
function Refused() {
  const here = partOf[path.value] ?? path.value;
  const title = places.find(([to]) => to === here)?.[1] ?? t.common.overview;
  return (
    <>
      <header class="page"><h1>{title}</h1></header>
      <p class="notice warn">{t.shell.needs(session.value?.policy ?? '', session.value?.rights.join(', ') ?? '')}</p>
    </>
  );
}

function Page() {
  if (!mayLook() && !ownNeeds.has(path.value)) return <Refused />;
  switch (path.value) {
    case '/': return <OverviewPage />;
    case '/sign-in': return <OverviewPage />;
    case '/devices': return <DevicesPage />;
    case '/device': return <DevicePage />;
    case '/audit': return <AuditPage />;
    case '/enrollments': return <EnrollmentsPage />;
    case '/events': return <EventsPage />;
    case '/jobs': return <JobsPage />;
    case '/job': return <JobPage />;
    case '/new-job': return <NewJobPage />;
    case '/configurations': return <ConfigurationsPage />;
    case '/configuration': return <ConfigurationPage />;
    case '/new-configuration': return <NewConfigurationPage />;
    case '/hub': return <HubPage />;
    case '/settings': return <SettingsPage />;
    case '/health': return <HealthPage />;
    case '/routes': return <RoutesPage />;
    case '/queries': return <QueriesPage />;
    default: return <Empty title={t.shell.noSuchPage}><a href={address('/')}>{t.shell.goOverview}</a></Empty>;
  }
}

function App() {
  const who = session.value;
  if (who === undefined) return <main class="lone">{isReachable.value ? <Loading /> : <Unreachable />}</main>;
  if (who === null) return <SignInPage />;
  const here = partOf[path.value] ?? path.value;
  return (
    <div class="shell">
      <a class="skip" href="#content">{t.shell.skipContent}</a>
      <nav aria-label={t.shell.pages}>
        <a class="brand" href={address('/')}><Bell /><span>Carillon</span></a>
        <ul>
          {places.map(([to, name, icon]) => (
            <li key={to}><a href={address(to)} aria-label={name} aria-current={here === to ? 'page' : undefined}><Icon name={icon} />{t.shell.short[to] ? <><span class="long">{name}</span><span class="short">{t.shell.short[to]}</span></> : <span>{name}</span>}</a></li>
          ))}
        </ul>
        <div class="who">
          <p class="host" title={who.hostName}>{who.hostName}</p>
          <p class="hint">{who.policy} · {mayChange() ? t.shell.mayChange : t.shell.readsOnly}</p>
          <div class="row">
            <ThemeButton />
            <LanguageButton />
            <Button kind="quiet" icon="leave" aria-label={t.shell.signOut} title={t.shell.signOut} onClick={() => void signOut()} />
          </div>
        </div>
      </nav>
      <main id="content" tabIndex={-1}>
        {!isReachable.value && <Unreachable />}
        <Page />
      </main>
    </div>
  );
}

function Unreachable() {
  return (
    <div class="notice warn" role="status">
      <Icon name="warning" />
      <p>{t.shell.unreachable}</p>
    </div>
  );
}

void refreshSession();
setInterval(() => {
  if (!isReachable.value || session.value === undefined) void refreshSession();
}, 3000);
// An expired session is noticed when the page becomes visible again.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refreshSession();
});
const root = document.getElementById('app');
if (root) render(<App />, root);
