import { useEffect } from 'preact/hooks';
import { mayAll, session } from '../api.ts';
import { address } from '../router.ts';
import { Time, setTitle } from '../ui/basics.tsx';
import { t } from '../texts.ts';
import { Policies } from './policies.tsx';

export function HubPage() {
  useEffect(() => { setTitle(t.common.hub); }, []);
  const who = session.value;
  if (!who) return null;
  return (
    <>
      <header class="page"><h1>{t.common.hub}</h1></header>
      <dl class="facts">
        <div><dt>{t.hub.hostName}</dt><dd class="break">{who.hostName}</dd></div>
        <div><dt>{t.hub.version}</dt><dd>{who.version}</dd></div>
        <div><dt>{t.hub.signedInBy}</dt><dd>{who.policy}</dd></div>
        <div><dt>{t.hub.sessionEnds}</dt><dd><Time at={who.expiresTime} relative /></dd></div>
      </dl>
      <ul class="plain places">
        <li><a href={address('/health')}>{t.health.title}</a> <span class="hint">{t.health.hint}</span></li>
        <li><a href={address('/settings')}>{t.settings.title}</a> <span class="hint">{t.settings.hint}</span></li>
        <li><a href={address('/routes')}>{t.routes.title}</a> <span class="hint">{t.routes.hint}</span></li>
        {mayAll() && <li><a href={address('/audit')}>{t.audit.title}</a> <span class="hint">{t.audit.hint}</span></li>}
      </ul>
      {mayAll() ? <Policies host={who.hostName} /> : (
        <section class="card">
          <header><h2>{t.hub.policies}</h2></header>
          <p class="hint">{t.hub.needsAll(who.policy, who.rights.join(', '))}</p>
        </section>
      )}
    </>
  );
}
