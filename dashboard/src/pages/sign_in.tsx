import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { person, signIn } from '../api.ts';
import { address, go, path } from '../router.ts';
import { Bell, Button, Field, Problem, setTitle } from '../ui/basics.tsx';
import { t } from '../texts.ts';

export function SignInPage() {
  const way = useSignal<'proxy' | 'string' | 'policy'>(person.value ? 'proxy' : 'string');
  const connectionString = useSignal('');
  const policy = useSignal('iothubowner');
  const key = useSignal('');
  const mayChange = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);

  const enter = async (body: Parameters<typeof signIn>[0]) => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      await signIn(body);
      if (path.value === '/sign-in') go(address('/'), 'replace');
    } catch (refusal) {
      problem.value = refusal;
    } finally {
      isBusy.value = false;
    }
  };

  useEffect(() => {
    setTitle(t.signIn.signIn);
    // The code of a link is in the fragment, which a browser does not send. It works once.
    const code = path.value === '/sign-in' ? location.hash.slice(1) : '';
    if (!code) return;
    history.replaceState(null, '', address('/sign-in'));
    void enter({ code });
  }, []);

  const submit = (event: Event) => {
    event.preventDefault();
    const access = mayChange.value ? 'change' : 'read';
    void enter(way.value === 'proxy' ? { proxy: true, access } : way.value === 'string'
      ? { connectionString: connectionString.value, access }
      : { policy: policy.value, key: key.value, access });
  };

  return (
    <main class="lone">
      <form class="card sign-in" onSubmit={submit}>
        <div class="brand"><Bell /><h1>Carillon</h1></div>
        <div class="tabs" role="tablist" aria-label={t.signIn.signInBy}>
          {person.value && <button type="button" role="tab" aria-selected={way.value === 'proxy'} onClick={() => { way.value = 'proxy'; }}>{t.signIn.proxy}</button>}
          {([['string', t.common.connectionString], ['policy', t.signIn.policyKey]] as const).map(([name, label]) => (
            <button type="button" role="tab" key={name} aria-selected={way.value === name} onClick={() => { way.value = name; }}>{label}</button>
          ))}
        </div>
        {way.value === 'proxy' ? <p class="break">{t.signIn.vouched(<strong>{person.value}</strong>)}</p> : way.value === 'string' ? (
          <Field label={t.signIn.connectionStringPolicy} hint={t.signIn.asPrinted(<code>carillon connection-string</code>)}>
            <input type="password" name="connection-string" autocomplete="off" spellcheck={false} required value={connectionString.value}
              onInput={(event) => { connectionString.value = event.currentTarget.value; }} />
          </Field>
        ) : (
          <>
            <Field label={t.common.policy}>
              <input name="policy" autocomplete="username" spellcheck={false} required value={policy.value}
                onInput={(event) => { policy.value = event.currentTarget.value; }} />
            </Field>
            <Field label={t.signIn.key}>
              <input type="password" name="key" autocomplete="off" spellcheck={false} required value={key.value}
                onInput={(event) => { key.value = event.currentTarget.value; }} />
            </Field>
          </>
        )}
        <label class="check">
          <input type="checkbox" name="change" checked={mayChange.value} onChange={(event) => { mayChange.value = event.currentTarget.checked; }} />
          <span>{t.signIn.allow}<span class="hint"> {t.signIn.allowHint}</span></span>
        </label>
        <Problem of={problem.value} />
        <Button type="submit" kind="primary" disabled={isBusy.value}>{t.signIn.signIn}</Button>
        <p class="hint">{t.signIn.link(<code>carillon dashboard</code>)}</p>
      </form>
    </main>
  );
}
