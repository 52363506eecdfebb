"""Does the money add up? Everything recomputed from the log, and compared with what the agents and Postgres hold.

`fold` and `compare` are pure. `fold` is written from the requirements and docs/audit.md; it shares no code with the
agents, so that the two don't share their mistakes. `log`, `database` and `cutoffs` read; nothing here ever writes.
"""
