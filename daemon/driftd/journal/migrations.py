"""The journal's schema, as steps that are applied in order; `user_version` counts those applied. Steps never change."""

import sqlite3

STEPS = (
    """
    CREATE TABLE projects (
        name TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        columns TEXT,
        reference_id INTEGER REFERENCES reference_profiles(id),
        detail TEXT NOT NULL DEFAULT '{}'
    ) STRICT;

    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        name TEXT NOT NULL,
        location BLOB NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        state TEXT NOT NULL,
        rows INTEGER NOT NULL DEFAULT 0,
        bad_rows INTEGER NOT NULL DEFAULT 0,
        windowed INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        remedy TEXT,
        arrived_at REAL NOT NULL,
        admitted_at REAL
    ) STRICT;
    CREATE INDEX files_by_content ON files(project, sha256);
    CREATE INDEX files_by_state ON files(project, state, id);
    CREATE INDEX files_open ON files(project, id) WHERE state = 'admitted' AND windowed < rows;

    CREATE TABLE bad_rows (
        file_id INTEGER NOT NULL REFERENCES files(id),
        line INTEGER NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX bad_rows_by_file ON bad_rows(file_id);

    CREATE TABLE reference_profiles (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        profile TEXT NOT NULL,
        rows INTEGER NOT NULL,
        made_of TEXT NOT NULL,
        first_window INTEGER,
        armed INTEGER NOT NULL,
        reason TEXT,
        created_at REAL NOT NULL
    ) STRICT;

    CREATE TABLE windows (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        number INTEGER NOT NULL,
        spans TEXT NOT NULL,
        rows INTEGER NOT NULL,
        closed_at REAL NOT NULL,
        closed_by TEXT NOT NULL,
        state TEXT NOT NULL,
        reference_id INTEGER REFERENCES reference_profiles(id),
        profile TEXT,
        detector BLOB,
        verdict TEXT,
        evidence REAL,
        judged_at REAL,
        batch TEXT,
        UNIQUE (project, number)
    ) STRICT;
    CREATE INDEX windows_to_judge ON windows(project, number) WHERE state = 'closed';
    CREATE INDEX windows_without_batch ON windows(project, number) WHERE batch IS NULL;

    CREATE TABLE incidents (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        summary TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '{}',
        window INTEGER,
        onset_window INTEGER,
        reference_id INTEGER REFERENCES reference_profiles(id),
        retry_rows INTEGER,
        resolution TEXT,
        opened_at REAL NOT NULL,
        closed_at REAL
    ) STRICT;
    CREATE INDEX incidents_open ON incidents(project, id) WHERE state <> 'closed';

    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        incident_id INTEGER REFERENCES incidents(id),
        cause TEXT NOT NULL,
        state TEXT NOT NULL,
        step TEXT,
        plan TEXT NOT NULL,
        decision TEXT,
        error TEXT,
        created_at REAL NOT NULL,
        ended_at REAL
    ) STRICT;
    CREATE UNIQUE INDEX one_run_at_a_time ON runs(project) WHERE ended_at IS NULL;

    CREATE TABLE steps (
        run_id INTEGER NOT NULL REFERENCES runs(id),
        name TEXT NOT NULL,
        started_at REAL NOT NULL,
        ended_at REAL,
        result TEXT,
        PRIMARY KEY (run_id, name)
    ) STRICT;

    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        version TEXT NOT NULL,
        revision TEXT NOT NULL,
        run_id INTEGER REFERENCES runs(id),
        reference_id INTEGER REFERENCES reference_profiles(id),
        scores TEXT NOT NULL DEFAULT '{}',
        digest TEXT NOT NULL,
        created_at REAL NOT NULL,
        UNIQUE (project, version)
    ) STRICT;

    CREATE TABLE assignments (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        number INTEGER NOT NULL,
        model_id INTEGER NOT NULL REFERENCES models(id),
        cause TEXT NOT NULL,
        run_id INTEGER REFERENCES runs(id),
        assigned_at REAL NOT NULL,
        UNIQUE (project, number)
    ) STRICT;

    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL,
        kind TEXT NOT NULL,
        arguments TEXT NOT NULL DEFAULT '{}',
        state TEXT NOT NULL,
        answer TEXT,
        created_at REAL NOT NULL,
        answered_at REAL
    ) STRICT;
    CREATE INDEX requests_waiting ON requests(id) WHERE state = 'waiting';

    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        project TEXT,
        kind TEXT NOT NULL,
        subject INTEGER,
        data TEXT NOT NULL
    ) STRICT;

    CREATE TABLE cursors (
        subscriber TEXT PRIMARY KEY,
        event_id INTEGER NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE ignored (
        project TEXT NOT NULL REFERENCES projects(name),
        location BLOB NOT NULL,
        name TEXT NOT NULL,
        reason TEXT NOT NULL,
        remedy TEXT,
        since REAL NOT NULL,
        PRIMARY KEY (project, location)
    ) STRICT;

    CREATE INDEX files_by_location ON files(project, location, id);
    CREATE INDEX files_totals ON files(project, state, rows, bad_rows, size);
    CREATE INDEX windows_by_state ON windows(project, state, number);
    CREATE INDEX events_by_kind ON events(kind, project, id);
    """,
    """
    ALTER TABLE windows ADD COLUMN labelled INTEGER;
    """,
    """
    CREATE INDEX files_newest ON files(project, id);
    CREATE INDEX incidents_newest ON incidents(project, id);
    CREATE INDEX runs_newest ON runs(project, id);
    CREATE INDEX runs_by_incident ON runs(incident_id, id);
    CREATE INDEX models_newest ON models(project, id);
    CREATE INDEX models_by_run ON models(run_id);
    CREATE INDEX assignments_newest ON assignments(project, id);
    CREATE INDEX assignments_by_model ON assignments(model_id, number);
    """,
    """
    CREATE TABLE hooks (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        assignment_id INTEGER NOT NULL REFERENCES assignments(id),
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        spec TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        error TEXT,
        due_at REAL NOT NULL,
        ended_at REAL,
        UNIQUE (assignment_id, position)
    ) STRICT;
    CREATE INDEX hooks_waiting ON hooks(project, assignment_id, position) WHERE state = 'waiting';
    """,
    """
    CREATE TABLE objects (
        project TEXT NOT NULL REFERENCES projects(name),
        oid TEXT NOT NULL,
        run_id INTEGER NOT NULL REFERENCES runs(id),
        added_at REAL NOT NULL,
        PRIMARY KEY (project, oid)
    ) STRICT;
    """,
    """
    CREATE TABLE file_totals (
        project TEXT NOT NULL,
        state TEXT NOT NULL,
        files INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bad_rows INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (project, state)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO file_totals
    SELECT project, state, count(*), sum(rows), sum(bad_rows), sum(size) FROM files GROUP BY project, state;
    DROP INDEX files_totals;

    CREATE TRIGGER files_counted AFTER INSERT ON files BEGIN
        INSERT INTO file_totals VALUES (new.project, new.state, 1, new.rows, new.bad_rows, new.size)
        ON CONFLICT DO UPDATE SET
            files = files + 1, rows = rows + new.rows, bad_rows = bad_rows + new.bad_rows, size = size + new.size;
    END;
    CREATE TRIGGER files_uncounted AFTER DELETE ON files BEGIN
        UPDATE file_totals SET
            files = files - 1, rows = rows - old.rows, bad_rows = bad_rows - old.bad_rows, size = size - old.size
        WHERE project = old.project AND state = old.state;
    END;
    CREATE TRIGGER files_recounted AFTER UPDATE OF project, state, rows, bad_rows, size ON files BEGIN
        UPDATE file_totals SET
            files = files - 1, rows = rows - old.rows, bad_rows = bad_rows - old.bad_rows, size = size - old.size
        WHERE project = old.project AND state = old.state;
        INSERT INTO file_totals VALUES (new.project, new.state, 1, new.rows, new.bad_rows, new.size)
        ON CONFLICT DO UPDATE SET
            files = files + 1, rows = rows + new.rows, bad_rows = bad_rows + new.bad_rows, size = size + new.size;
    END;
    """,
    """
    CREATE TABLE scorings (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        assignment_id INTEGER NOT NULL REFERENCES assignments(id),
        window INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        loss REAL,
        losses TEXT,
        error TEXT,
        reference BLOB,
        detector BLOB,
        verdict TEXT,
        onset INTEGER,
        scored_at REAL NOT NULL,
        UNIQUE (assignment_id, window)
    ) STRICT;
    CREATE INDEX scorings_newest ON scorings(project, id);
    CREATE INDEX scorings_failed ON scorings(project) WHERE error IS NOT NULL;
    CREATE INDEX scorings_to_weigh ON scorings(project, id) WHERE verdict IS NULL AND error IS NULL;
    """,
    """
    ALTER TABLE files ADD COLUMN unlabelled INTEGER;
    ALTER TABLE files ADD COLUMN labels TEXT;
    UPDATE files SET unlabelled = 0;
    CREATE INDEX files_unlooked ON files(project, id) WHERE unlabelled IS NULL AND state IN ('admitted', 'labels');
    CREATE INDEX files_unlabelled ON files(project, id) WHERE unlabelled > 0;
    """,
    """
    CREATE INDEX assignments_by_run ON assignments(run_id);
    """,
    """
    CREATE TABLE probations (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        model_id INTEGER NOT NULL REFERENCES models(id),
        before_id INTEGER NOT NULL REFERENCES models(id),
        first_window INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        until REAL NOT NULL,
        state TEXT NOT NULL,
        labelled INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        sentence TEXT,
        began_at REAL NOT NULL,
        ended_at REAL
    ) STRICT;
    CREATE INDEX probations_newest ON probations(project, id);
    """,
    """
    ALTER TABLE files ADD COLUMN came_at REAL NOT NULL DEFAULT 0;
    UPDATE files SET came_at = arrived_at;

    CREATE TABLE seasons (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL REFERENCES projects(name),
        name TEXT NOT NULL,
        year INTEGER NOT NULL,
        first_window INTEGER NOT NULL,
        last_window INTEGER,
        usual_id INTEGER REFERENCES reference_profiles(id),
        reference_id INTEGER REFERENCES reference_profiles(id),
        left_id INTEGER REFERENCES reference_profiles(id),
        reason TEXT,
        before_id INTEGER REFERENCES models(id),
        champion_id INTEGER REFERENCES models(id),
        began_at REAL NOT NULL,
        ended_at REAL
    ) STRICT;
    CREATE INDEX seasons_newest ON seasons(project, id);
    CREATE UNIQUE INDEX one_season_at_a_time ON seasons(project) WHERE last_window IS NULL;
    """,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date, each step in a transaction of its own."""
    while (done := version(db)) < len(STEPS):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {STEPS[done]} PRAGMA user_version = {done + 1}; COMMIT;")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if version(db) == done:  # else another process took the step at the same time
                raise


def version(db: sqlite3.Connection) -> int:
    """Return how many steps a journal has seen."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])
