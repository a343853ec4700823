"""Status pages, API, metrics and health: one Starlette application over a journal opened for reading."""
