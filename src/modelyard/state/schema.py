"""Tables and their migrations: the same SQL for SQLite and PostgreSQL, except for what forbids changing the journal."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE modelyard_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)""",
        """CREATE TABLE modelyard_serials (scope TEXT PRIMARY KEY, serial BIGINT NOT NULL)""",
        """CREATE TABLE modelyard_applied (
            scope TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL, role TEXT NOT NULL,
            fingerprint TEXT NOT NULL, outputs TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (scope, address))""",
        """CREATE TABLE modelyard_runs (
            run_id TEXT PRIMARY KEY, scope TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL,
            fingerprint TEXT NOT NULL, status TEXT NOT NULL, environment TEXT, attempt BIGINT NOT NULL,
            started_at TEXT NOT NULL, finished_at TEXT NOT NULL, seconds DOUBLE PRECISION NOT NULL, log TEXT NOT NULL,
            error TEXT NOT NULL, summary TEXT NOT NULL, actor TEXT NOT NULL, metrics TEXT NOT NULL,
            outputs TEXT NOT NULL, recorded TEXT NOT NULL, result TEXT)""",
        """CREATE INDEX modelyard_runs_fingerprint ON modelyard_runs (fingerprint, status)""",
        """CREATE INDEX modelyard_runs_address ON modelyard_runs (scope, address, started_at)""",
        """CREATE INDEX modelyard_runs_kind ON modelyard_runs (scope, kind, started_at)""",
        """CREATE TABLE modelyard_locks (
            scope TEXT PRIMARY KEY, token TEXT NOT NULL, owner TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL,
            born DOUBLE PRECISION NOT NULL, reason TEXT NOT NULL, taken DOUBLE PRECISION NOT NULL,
            beat DOUBLE PRECISION NOT NULL)""",
        """CREATE TABLE modelyard_journal (
            seq BIGINT PRIMARY KEY, at TEXT NOT NULL, environment TEXT, event TEXT NOT NULL, actor TEXT NOT NULL,
            payload TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)""",
    ),
)

APPEND_ONLY_SQLITE = tuple(
    f"""CREATE TRIGGER modelyard_journal_no_{verb.lower()} BEFORE {verb} ON modelyard_journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"""
    for verb in ("UPDATE", "DELETE")
)

APPEND_ONLY_POSTGRES = (
    """CREATE OR REPLACE FUNCTION modelyard_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$""",
    """CREATE TRIGGER modelyard_journal_no_change BEFORE UPDATE OR DELETE ON modelyard_journal
        FOR EACH ROW EXECUTE FUNCTION modelyard_append_only()""",
)
