"""Windows become verdicts. Pure but for `worker`, which reads the rows that it is told to.

For the daemon, in a worker process (everything that crosses is plain data; same inputs, same bytes):

    worker.build_reference(spans, schema, settings, settle=False) -> ReferenceBuilt(blob, rows, armed, reason, notes)
    worker.judge(reference, state, spans, schema, settings) -> Judgement(profile, state, reference | None, verdict)

`state` is None for the first window after a reference was built; `Judgement.reference` is the grown reference, if it grew.
`verdict` is a `verdict.Verdict`: `alarm` (drift), `quality` (broken data; never drift, and the window leaves no trace in the
state), `warn`, `evidence` in windows against `threshold`, `onset_windows_back` (0: the regime began with the judged window).

After an alarm the windows from the onset on are the new regime. From `settings.rows_to_watch` rows on, call
`build_reference(spans, ..., settle=True)` at each window: while the regime still moves it answers `armed=False` with the
reason, and collecting goes on; a regime that moved takes its newest rows, and after `settings.patience` windows it is watched
as it is. A first reference is built with `settle=False`. `replay.replay_daemon` does the same with a recorded stream.

Settings: `settings.DriftSettings`, `DriftSettings.of(project)`.
"""
