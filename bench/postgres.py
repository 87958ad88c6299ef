"""A PostgreSQL server of its own for a baseline: durable, with memory enough, on a socket in its folder."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from servers import Server, pinned

SETTINGS = {
    "listen_addresses": "''", "fsync": "on", "synchronous_commit": "on", "shared_buffers": "2GB",
    "max_wal_size": "8GB", "checkpoint_timeout": "30min", "jit": "off", "autovacuum": "off",
}
CHUNK = 1000

SCHEMA = """
CREATE TABLE twins(id text PRIMARY KEY, doc jsonb NOT NULL);
INSERT INTO twins SELECT 'load-' || lpad(n::text, 7, '0'), jsonb_build_object(
    'tags', jsonb_build_object('building', (n % 100)::text, 'floor', n % 7, 'location', jsonb_build_object(
        'region', CASE WHEN n % 2 = 0 THEN 'north' ELSE 'south' END, 'plant', 'plant-' || n % 13)),
    'properties', jsonb_build_object('desired', jsonb_build_object('interval', 30, 'firmware', '1.4.' || n % 9,
        'wave', 'w0', 'calibration', repeat('c', {filling}))))
  FROM generate_series(0, {devices} - 1) AS n;
CREATE TABLE chunks AS SELECT number, array_agg(id ORDER BY id) AS ids
  FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / {chunk} AS number FROM twins) AS all_ids GROUP BY number;
CREATE PROCEDURE run_job(wave text) LANGUAGE plpgsql AS $$
DECLARE chosen text[]; last_chunk bigint;
BEGIN
  SELECT max(number) INTO last_chunk FROM chunks;
  FOR this_chunk IN 0 .. last_chunk LOOP
    SELECT ids INTO chosen FROM chunks WHERE number = this_chunk;
    UPDATE twins SET doc = jsonb_set(doc, '{{properties,desired,wave}}', to_jsonb(wave))
      FROM unnest(chosen) AS target(id) WHERE twins.id = target.id;
    COMMIT;
  END LOOP;
END $$;
CREATE INDEX ON chunks(number);
ANALYZE;
CHECKPOINT;
"""


def binary(name):
    found = shutil.which(name, path="/usr/lib/postgresql/15/bin:" + os.environ["PATH"])
    if found is None:
        raise RuntimeError(f"{name} is not installed: tools/setup.sh bench")
    return found


def as_user(command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class Postgres(Server):
    """A fresh cluster beneath `folder`, whose disk is the one that is measured."""

    def __init__(self, folder, core=0):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            # The way there must be open to the other user.
            pathlib.Path(folder).chmod(0o755)
        data = self.folder / "data"
        subprocess.run(as_user([binary("initdb"), "-D", str(data), "-A", "trust", "-U", "bench", "--locale=C",
                                "--encoding=UTF8"]), check=True, capture_output=True, cwd="/")
        with open(data / "postgresql.conf", "a", encoding="utf-8") as config:
            config.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
        os.chdir("/")
        super().__init__(as_user(pinned([binary("postgres"), "-D", str(data), "-k", str(self.folder)], core)),
                         pathlib.Path(folder) / "postgres.log")
        self.wait_until(self.accepts)

    def psql(self, statement):
        done = subprocess.run([binary("psql"), "-h", str(self.folder), "-U", "bench", "-d", "postgres", "-qtA",
                               "-v", "ON_ERROR_STOP=1", "-f", "-"], input=statement, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def accepts(self):
        try:
            return self.psql("SELECT 1;") == "1"
        except RuntimeError:
            return False

    def fill(self, devices, twin_bytes):
        self.psql(SCHEMA.format(devices=devices, filling=max(1, twin_bytes - 200), chunk=CHUNK))

    def run_job(self, wave):
        """Devices a second of one job: a chunk of documents updated in each transaction."""
        began = time.monotonic()
        self.psql(f"CALL run_job('w{wave}');")
        seconds = time.monotonic() - began
        count = int(self.psql(f"SELECT count(*) FROM twins WHERE doc #>> '{{properties,desired,wave}}' = 'w{wave}';"))
        self.psql("VACUUM twins; CHECKPOINT;")
        return count / seconds
