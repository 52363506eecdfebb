"""The statements of `queries.sql`, by name."""

from pathlib import Path

from ates.platform.db import queries

SQL = queries.load(Path(__file__).with_name("queries.sql"))
