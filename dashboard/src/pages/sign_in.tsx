import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { signIn } from '../api.ts';
import { address, go, path } from '../router.ts';
import { Bell, Button, Field, Problem } from '../ui/basics.tsx';

export function SignInPage() {
  const way = useSignal<'string' | 'policy'>('string');
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
    document.title = 'Sign in · Carillon';
    // The code of a link is in the fragment, which a browser does not send. It works once.
    const code = path.value === '/sign-in' ? location.hash.slice(1) : '';
    if (!code) return;
    history.replaceState(null, '', address('/sign-in'));
    void enter({ code });
  }, []);

  const submit = (event: Event) => {
    event.preventDefault();
    const access = mayChange.value ? 'change' : 'read';
    void enter(way.value === 'string'
      ? { connectionString: connectionString.value, access }
      : { policy: policy.value, key: key.value, access });
  };

  return (
    <main class="lone">
      <form class="card sign-in" onSubmit={submit}>
        <div class="brand"><Bell /><h1>Carillon</h1></div>
        <div class="tabs" role="tablist" aria-label="Sign in by">
          {([['string', 'Connection string'], ['policy', 'Policy and key']] as const).map(([name, label]) => (
            <button type="button" role="tab" key={name} aria-selected={way.value === name} onClick={() => { way.value = name; }}>{label}</button>
          ))}
        </div>
        {way.value === 'string' ? (
          <Field label="Connection string of a policy" hint={<>As <code>carillon connection-string</code> prints it</>}>
            <input type="password" name="connection-string" autocomplete="off" spellcheck={false} required value={connectionString.value}
              onInput={(event) => { connectionString.value = event.currentTarget.value; }} />
          </Field>
        ) : (
          <>
            <Field label="Policy">
              <input name="policy" autocomplete="username" spellcheck={false} required value={policy.value}
                onInput={(event) => { policy.value = event.currentTarget.value; }} />
            </Field>
            <Field label="Key">
              <input type="password" name="key" autocomplete="off" spellcheck={false} required value={key.value}
                onInput={(event) => { key.value = event.currentTarget.value; }} />
            </Field>
          </>
        )}
        <label class="check">
          <input type="checkbox" name="change" checked={mayChange.value} onChange={(event) => { mayChange.value = event.currentTarget.checked; }} />
          <span>Allow changes<span class="hint"> – edit twins, call methods, run jobs. Without, this session only reads.</span></span>
        </label>
        <Problem of={problem.value} />
        <Button type="submit" kind="primary" disabled={isBusy.value}>Sign in</Button>
        <p class="hint">On the hub's machine, <code>carillon dashboard</code> prints a link that signs in by itself.</p>
      </form>
    </main>
  );
}
