"""The worker of `bench.recovery`: the race's table, and not one event. BENCH_STATUS says when it is ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ates.streams import App, Effect, Message, State, TableSpec
from bench import work
from bench.peers.ates import Serde
from bench.peers.balance import Balance
from tests.verifier.serve import serve


def handle(state: State, message: Message) -> Iterator[Effect]:
    """Nothing comes."""
    yield from ()


def main() -> None:
    """Work until killed."""
    app = App(
        work.GROUP,
        broker=work.BROKER,
        serde=Serde(),
        partitions=work.PARTITIONS,
        instance="one",
        store="memory" if os.environ["BENCH_STORE"] == "memory" else "rocksdb",
        datadir=os.environ["BENCH_STATE"],
    )
    tables = [TableSpec("balances", Balance, "account → cents")]
    app.handler(work.INPUT, handle, name="book", tables=tables, dead_letters=work.INPUT)
    serve(app, Path(os.environ["BENCH_STATUS"]))


if __name__ == "__main__":
    main()
