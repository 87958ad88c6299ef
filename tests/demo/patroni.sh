# For cluster.sh: PostgreSQL as Patroni runs it, a primary and a synchronous standby, with an etcd of their own.
# Uses $folder, $socket, $prefix, $programs, $as_owner, $pids and the functions of cluster.sh.

etcd_at=$prefix.10
declare -A database_at=([pg1]=$prefix.11 [pg2]=$prefix.12)

psql_at() { "$programs/psql" -X -At -h "$1" -U hub -d postgres -c "$2" 2>/dev/null; }
is_primary() { [ "$(psql_at "${database_at[$1]}" 'SELECT pg_is_in_recovery()')" = f ]; }
primary() { for name in pg1 pg2; do if is_primary "$name"; then echo "$name"; return 0; fi; done; return 1; }
has_standby() { [ "$(psql_at "${database_at[$1]}" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")" = 1 ]; }

write_patroni_settings() { # NAME
  cat >"$socket/$1.yml" <<YML
scope: carillon
name: $1
restapi: {listen: "${database_at[$1]}:8008", connect_address: "${database_at[$1]}:8008"}
etcd3: {host: "$etcd_at:2379"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 0
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {synchronous_commit: "on", max_connections: 100, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
postgresql:
  listen: "${database_at[$1]}:5432"
  connect_address: "${database_at[$1]}:5432"
  data_dir: $socket/$1
  pgpass: $socket/$1.pgpass
  bin_dir: $programs
  authentication:
    superuser: {username: hub, password: demo}
    replication: {username: replicator, password: demo}
    rewind: {username: rewinder, password: demo}
  parameters: {unix_socket_directories: ""}
  pg_hba: [local all all trust, host all all 127.0.0.0/8 trust, host replication all 127.0.0.0/8 trust]
YML
}

start_patroni() { # NAME
  (cd "$socket" && exec "${as_owner[@]}" patroni "$socket/$1.yml") >>"$folder/$1.log" 2>&1 &
  pids[patroni-$1]=$!
}

start_databases() {
  for program in patroni etcd; do
    command -v "$program" >/dev/null || fail "$program is not installed: \`tools/setup.sh ha\` installs it."
  done
  (cd "$socket" && exec "${as_owner[@]}" etcd --name demo --data-dir "$socket/etcd" \
    --listen-client-urls "http://$etcd_at:2379" --advertise-client-urls "http://$etcd_at:2379" \
    --listen-peer-urls "http://$etcd_at:2380" --initial-advertise-peer-urls "http://$etcd_at:2380" \
    --initial-cluster "demo=http://$etcd_at:2380") >"$folder/etcd.log" 2>&1 &
  pids[etcd]=$!
  for name in pg1 pg2; do
    write_patroni_settings "$name"
    start_patroni "$name"
  done
  wait_for "a primary" primary
  wait_for "its synchronous standby" has_standby "$(primary)"
  store="host=${database_at[pg1]},${database_at[pg2]} dbname=postgres user=hub sslmode=disable"
}

# As if its machine were gone: Patroni and PostgreSQL at once. Processes of PostgreSQL end with their first one.
kill_database() { # NAME
  local first
  first=$(head -1 "$socket/$1/postmaster.pid")
  kill -9 "${pids[patroni-$1]}" "$first"
  wait "${pids[patroni-$1]}" 2>/dev/null || true
  unset "pids[patroni-$1]"
}
