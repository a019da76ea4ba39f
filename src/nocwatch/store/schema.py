"""The tables, and how an older file becomes a newer one. ``PRAGMA user_version`` says how many steps were taken.

What always holds: a step is never changed once released; a file of a newer nocwatch is refused, not guessed at. Columns
with times end in ``_ns``; EVSE and connector numbers are -1 where none was said.
"""

from __future__ import annotations

import sqlite3

from nocwatch.store.errors import StoreError

APPLICATION_ID = 0x6E6F6377
"""``nocw``: a file of another program is not written into by mistake."""

FIRST_LIGHT = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

CREATE TABLE stations (
    id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL,
    vendor TEXT NOT NULL, model TEXT NOT NULL, firmware TEXT NOT NULL, document BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE frames (
    id INTEGER PRIMARY KEY,          -- lane << 59 | sequence: each lane is one run of the table
    station TEXT NOT NULL, at_ns INTEGER NOT NULL, connection INTEGER NOT NULL, direction INTEGER NOT NULL,
    kind TEXT NOT NULL, type INTEGER, action TEXT NOT NULL, message_id TEXT NOT NULL, version TEXT NOT NULL,
    answer_time_ns INTEGER, call INTEGER, answer INTEGER, unanswered INTEGER NOT NULL, error_code TEXT NOT NULL,
    oddity TEXT NOT NULL, code INTEGER, reason TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX frames_station ON frames (station, at_ns, id);
CREATE INDEX frames_time ON frames (at_ns, id);
CREATE INDEX frames_troubled ON frames (at_ns, id) WHERE unanswered = 1 OR error_code <> '' OR oddity <> '';

CREATE TABLE samples (
    frame INTEGER NOT NULL, ordinal INTEGER NOT NULL, session TEXT, station TEXT NOT NULL,
    evse INTEGER NOT NULL, connector INTEGER NOT NULL, at_ns INTEGER NOT NULL,
    register_wh REAL, energy_wh REAL, power_w REAL, current_a REAL, voltage_v REAL, soc_percent REAL,
    implausible TEXT NOT NULL, PRIMARY KEY (frame, ordinal)
) WITHOUT ROWID;
CREATE INDEX samples_session ON samples (session, at_ns) WHERE session IS NOT NULL;

CREATE TABLE states (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, from_ns INTEGER NOT NULL,
    until_ns INTEGER, status TEXT NOT NULL, error_code TEXT NOT NULL,
    PRIMARY KEY (station, evse, connector, from_ns)
) WITHOUT ROWID;
CREATE INDEX states_open ON states (station, evse, connector, status, from_ns) WHERE until_ns IS NULL;
CREATE INDEX states_until ON states (until_ns) WHERE until_ns IS NOT NULL;

CREATE TABLE connectors (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, first_ns INTEGER NOT NULL,
    PRIMARY KEY (station, evse, connector)
) WITHOUT ROWID;

CREATE TABLE sessions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, station TEXT NOT NULL, evse INTEGER NOT NULL,
    connector INTEGER NOT NULL, transaction_id TEXT, upstream TEXT NOT NULL, started_at_ns INTEGER NOT NULL,
    stopped_at_ns INTEGER, changed_at_ns INTEGER NOT NULL, energy_wh REAL, outcome TEXT NOT NULL, reason TEXT,
    blame TEXT, start_source TEXT NOT NULL, token TEXT, late INTEGER NOT NULL, revision INTEGER NOT NULL
);
CREATE INDEX sessions_time ON sessions (started_at_ns, id);
CREATE INDEX sessions_station ON sessions (station, started_at_ns, id);
CREATE INDEX sessions_outcome ON sessions (outcome, started_at_ns, id);
CREATE INDEX sessions_reason ON sessions (reason, started_at_ns, id) WHERE reason IS NOT NULL;
CREATE INDEX sessions_transaction ON sessions (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX sessions_token ON sessions (token, started_at_ns, id) WHERE token IS NOT NULL;
-- The whole session with its steps stands apart: lists and sums then read narrow rows.
CREATE TABLE session_documents (number INTEGER PRIMARY KEY, document BLOB NOT NULL);

CREATE TABLE hours (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, hour INTEGER NOT NULL,
    started INTEGER NOT NULL DEFAULT 0, success INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, energy_j INTEGER NOT NULL DEFAULT 0,
    charging_ns INTEGER NOT NULL DEFAULT 0, occupied_ns INTEGER NOT NULL DEFAULT 0, down_ns INTEGER NOT NULL DEFAULT 0,
    unknown_ns INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (station, evse, connector, hour)
) WITHOUT ROWID;

-- Which connectors have hours, so that a query goes straight to each one's run of hours.
CREATE TABLE hour_keys (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, PRIMARY KEY (station, evse, connector)
) WITHOUT ROWID;

CREATE TABLE flags (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, category TEXT NOT NULL, severity TEXT NOT NULL, rank INTEGER NOT NULL,
    station TEXT, session TEXT, subject TEXT NOT NULL, state TEXT NOT NULL, onset_at_ns INTEGER NOT NULL,
    at_ns INTEGER NOT NULL, late INTEGER NOT NULL, summary TEXT NOT NULL, document BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX flags_rank ON flags (rank, onset_at_ns, id);
CREATE INDEX flags_station ON flags (station, rank, onset_at_ns, id);
CREATE INDEX flags_rule ON flags (rule, rank, onset_at_ns, id);
CREATE INDEX flags_time ON flags (onset_at_ns, id);
CREATE INDEX flags_session ON flags (session) WHERE session IS NOT NULL;

CREATE TABLE alerts (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity TEXT NOT NULL, rank INTEGER NOT NULL, station TEXT,
    site TEXT NOT NULL, state TEXT NOT NULL, group_name TEXT NOT NULL, started_at_ns INTEGER NOT NULL,
    at_ns INTEGER NOT NULL, summary TEXT NOT NULL, revision INTEGER NOT NULL, document BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX alerts_rank ON alerts (rank, started_at_ns, id);
CREATE INDEX alerts_station ON alerts (station, rank, started_at_ns, id);
CREATE INDEX alerts_time ON alerts (started_at_ns, id);
CREATE TABLE alert_flags (flag TEXT NOT NULL, alert TEXT NOT NULL, PRIMARY KEY (flag, alert)) WITHOUT ROWID;
CREATE TABLE alert_moments (
    alert TEXT NOT NULL, revision INTEGER NOT NULL, at_ns INTEGER NOT NULL, state TEXT NOT NULL, notice TEXT NOT NULL,
    severity TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (alert, revision)
) WITHOUT ROWID;

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY, alert TEXT NOT NULL, receiver TEXT NOT NULL, revision INTEGER NOT NULL,
    state TEXT NOT NULL, notice TEXT NOT NULL, at_ns INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0, next_attempt_ns INTEGER NOT NULL, last_error TEXT NOT NULL DEFAULT '',
    done_at_ns INTEGER, document BLOB NOT NULL, UNIQUE (alert, receiver, revision)
);
CREATE INDEX outbox_waiting ON outbox (receiver, next_attempt_ns, number) WHERE status = 'waiting';
CREATE INDEX outbox_status ON outbox (status, at_ns);

CREATE TABLE acts (id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, document BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX acts_time ON acts (at_ns);

CREATE TABLE annotations (
    subject_kind TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, by_whom TEXT NOT NULL,
    at_ns INTEGER NOT NULL, PRIMARY KEY (subject_kind, subject, name)
) WITHOUT ROWID;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, by_whom TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, details TEXT NOT NULL, remote_address TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, id);
"""

KEY_FIGURES = """
-- What each session counts for, so that another verdict takes off exactly what the last one had added.
ALTER TABLE sessions ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN valid_stops INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN start_ns INTEGER;
ALTER TABLE hours ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN valid_stops INTEGER NOT NULL DEFAULT 0;

-- The same sums by UTC day: a year of a connector in 365 rows.
CREATE TABLE days (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, day INTEGER NOT NULL,
    started INTEGER NOT NULL DEFAULT 0, success INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, energy_j INTEGER NOT NULL DEFAULT 0,
    charging_ns INTEGER NOT NULL DEFAULT 0, occupied_ns INTEGER NOT NULL DEFAULT 0, down_ns INTEGER NOT NULL DEFAULT 0,
    unknown_ns INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
    valid_stops INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (station, evse, connector, day)
) WITHOUT ROWID;
INSERT INTO days SELECT station, evse, connector, hour / 24, sum(started), sum(success), sum(failed), sum(cancelled),
    sum(rejected), sum(energy_j), sum(charging_ns), sum(occupied_ns), sum(down_ns), sum(unknown_ns), 0, 0, 0
    FROM hours GROUP BY station, evse, connector, hour / 24;

-- Charge start times, in buckets (kpis/spread.py).
CREATE TABLE start_times (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, hour INTEGER NOT NULL, bucket INTEGER NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (station, evse, connector, hour, bucket)
) WITHOUT ROWID;

-- Answer times of the CSMS, in the same buckets.
CREATE TABLE answer_times (
    upstream TEXT NOT NULL, action TEXT NOT NULL, hour INTEGER NOT NULL, bucket INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (upstream, action, hour, bucket)
) WITHOUT ROWID;

-- From when a station ran which firmware, behind which CSMS: what its hours are told apart by.
CREATE TABLE eras (
    station TEXT NOT NULL, from_ns INTEGER NOT NULL, firmware TEXT NOT NULL, upstream TEXT NOT NULL,
    PRIMARY KEY (station, from_ns)
) WITHOUT ROWID;
INSERT INTO eras SELECT id, first_seen_ns, firmware, coalesce(json_extract(CAST(document AS TEXT), '$.upstream'), '')
    FROM stations;

CREATE INDEX states_down ON states (station, evse, connector, from_ns)
    WHERE status IN ('Offline', 'Faulted', 'Unavailable', 'No data');
"""

PLANS = """
-- What a session was said to cost (millionths of the currency), which reservation led to it, and its plan in a word.
ALTER TABLE sessions ADD COLUMN cost INTEGER;
ALTER TABLE sessions ADD COLUMN currency TEXT;
ALTER TABLE sessions ADD COLUMN reservation INTEGER;
ALTER TABLE sessions ADD COLUMN limited TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_reservation ON sessions (reservation) WHERE reservation IS NOT NULL;
CREATE INDEX sessions_limited ON sessions (limited, started_at_ns, id) WHERE limited <> '';
"""

TOKENS = """
-- With which of the operator's prefixes a token began, as the gate saw it: key-hash, prefix in lower case, when it was noted.
CREATE TABLE token_prefixes (token TEXT PRIMARY KEY, prefix TEXT NOT NULL, at_ns INTEGER NOT NULL) WITHOUT ROWID;
"""

VISITS = """
-- What is told of each attempt (kpis/chains.py), and the sums of it.
ALTER TABLE sessions ADD COLUMN visit INTEGER;
UPDATE sessions SET token = NULL WHERE token = '';
CREATE INDEX sessions_guests ON sessions (station, evse, connector, started_at_ns) WHERE attempts = 1 AND token IS NULL;
CREATE INDEX sessions_asked ON sessions (started_at_ns, id) WHERE visit >= 4;
ALTER TABLE hours ADD COLUMN visits_well INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN visits_troubled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN visits_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN visits_well INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN visits_troubled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN visits_failed INTEGER NOT NULL DEFAULT 0;

-- From when on all visits of a driver are made when they are asked for: token, or of a guest the connector.
CREATE TABLE shared_drivers (
    token TEXT NOT NULL, station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, from_ns INTEGER NOT NULL,
    PRIMARY KEY (token, station, evse, connector)
) WITHOUT ROWID;
"""

REFUSED = """
-- Attempts that were refused and in which no power flowed: what the chargers could do nothing about. Of hours whose sessions are gone as
-- many as there can have been (docs/kpis.md says so).
ALTER TABLE sessions ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET refused = 1 WHERE outcome = 'rejected' AND attempts = 1 AND delivered = 0;
UPDATE hours SET refused = min(rejected, attempts - delivered) WHERE rejected > 0 AND station <> '';
UPDATE hours SET refused = each.number FROM (SELECT station AS name, evse AS socket, connector AS plug,
    started_at_ns / 3600000000000 AS at, count(*) AS kept, sum(refused) AS number FROM sessions
    GROUP BY station, evse, connector, started_at_ns / 3600000000000) AS each
    WHERE refused > 0 AND station = each.name AND evse = each.socket AND connector = each.plug AND hour = each.at AND started = each.kept;
UPDATE hours SET refused = each.number FROM (SELECT hour AS at, sum(refused) AS number FROM hours WHERE station <> '' GROUP BY hour)
    AS each WHERE station = '' AND hour = each.at;
UPDATE days SET refused = each.number FROM (SELECT station AS name, evse AS socket, connector AS plug, hour / 24 AS at,
    sum(refused) AS number FROM hours GROUP BY station, evse, connector, hour / 24) AS each
    WHERE station = each.name AND evse = each.socket AND connector = each.plug AND day = each.at;
"""

LONG_WINDOWS = """
-- The sums of 32 UTC days each: a year of a connector in a dozen rows, and the days that stand over.
CREATE TABLE months (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, month INTEGER NOT NULL,
    started INTEGER NOT NULL DEFAULT 0, success INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled
    INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, energy_j INTEGER NOT NULL DEFAULT 0, charging_ns
    INTEGER NOT NULL DEFAULT 0, occupied_ns INTEGER NOT NULL DEFAULT 0, down_ns INTEGER NOT NULL DEFAULT 0, unknown_ns
    INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, valid_stops
    INTEGER NOT NULL DEFAULT 0, visits_well INTEGER NOT NULL DEFAULT 0, visits_troubled INTEGER NOT NULL DEFAULT 0,
    visits_failed INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (station, evse, connector, month)
) WITHOUT ROWID;
INSERT INTO months SELECT station, evse, connector, day / 32,
    sum(started), sum(success), sum(failed), sum(cancelled), sum(rejected), sum(energy_j), sum(charging_ns),
    sum(occupied_ns), sum(down_ns), sum(unknown_ns), sum(attempts), sum(delivered), sum(valid_stops), sum(visits_well),
    sum(visits_troubled), sum(visits_failed), sum(refused)
    FROM days GROUP BY station, evse, connector, day / 32;

-- Charge start times of the same 32 days: JSON, bucket to number.
CREATE TABLE start_months (
    station TEXT NOT NULL, evse INTEGER NOT NULL, connector INTEGER NOT NULL, month INTEGER NOT NULL, counts TEXT NOT NULL,
    PRIMARY KEY (station, evse, connector, month)
) WITHOUT ROWID;
INSERT INTO start_months SELECT station, evse, connector, month, json_group_object(bucket, number) FROM (
    SELECT station, evse, connector, hour / 768 AS month, bucket, sum(number) AS number FROM start_times
    GROUP BY station, evse, connector, hour / 768, bucket) WHERE number > 0 GROUP BY station, evse, connector, month;

-- All that is asked of bands out of service, and failures by the charger, of which there are few among the sessions.
DROP INDEX states_down;
CREATE INDEX states_down ON states (station, evse, connector, from_ns, until_ns, status, error_code)
    WHERE status IN ('Offline', 'Faulted', 'Unavailable', 'No data');
CREATE INDEX sessions_failed ON sessions (station, evse, connector, started_at_ns)
    WHERE attempts = 1 AND outcome = 'failed' AND blame = 'charger';
"""

MIGRATIONS: tuple[str, ...] = (FIRST_LIGHT, KEY_FIGURES, PLANS, TOKENS, VISITS, REFUSED, LONG_WINDOWS)


def migrate(writer: sqlite3.Connection, path: str) -> None:
    """Brings an opened file to the newest form, each step in a transaction of its own.

    Raises:
        StoreError: the file is another program's, or a newer nocwatch's.
    """
    # The lock first: of two processes that open a new file at once, the second finds it made.
    while True:
        writer.execute("BEGIN IMMEDIATE")
        try:
            version = _checked_version(writer, path)
            if version == len(MIGRATIONS):
                writer.execute("ROLLBACK")
                return
            for statement in statements(MIGRATIONS[version]):
                writer.execute(statement)
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            writer.execute(f"PRAGMA user_version = {version + 1}")
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise


def _checked_version(writer: sqlite3.Connection, path: str) -> int:
    version = int(writer.execute("PRAGMA user_version").fetchone()[0])
    application = int(writer.execute("PRAGMA application_id").fetchone()[0])
    tables = int(writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and application != APPLICATION_ID:
        raise StoreError(f"{path}: the file belongs to another program; name another in store.url")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a newer nocwatch (form {version}; this one knows {len(MIGRATIONS)}); "
            "start that one, or name another file in store.url"
        )
    return version


def statements(script: str) -> list[str]:
    """A script's statements; ``executescript`` would commit in the middle."""
    found, gathered = [], ""
    for line in script.splitlines(keepends=True):
        gathered += line
        if sqlite3.complete_statement(gathered):
            found.append(gathered)
            gathered = ""
    assert not gathered.strip(), gathered
    return found
