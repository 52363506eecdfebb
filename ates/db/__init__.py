"""Postgres: migrations and roles, pools, named queries. Knows no table's meaning.

Front ends write `from ates.db import create_pool, using` and `from ates.db import queries`.
"""

from ates.db.pool import create_pool, reachable, using

__all__ = ["create_pool", "reachable", "using"]
