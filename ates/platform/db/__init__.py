"""Postgres: migrations and roles, pools, named queries. Knows no table's meaning.

Front ends write `from ates.platform.db import create_pool, using` and `from ates.platform.db import queries`.
"""

from ates.platform.db.pool import create_pool, reachable, using

__all__ = ["create_pool", "reachable", "using"]
