"""Quix Streams, exactly once, as its documentation writes it; commits as often as the others."""

from __future__ import annotations

from quixstreams import Application, State

from bench import work


def book(value: bytes, state: State) -> bytes:
    """Book one event."""
    booked = work.decode(value)
    balance = state.get("cents", 0) + booked["amount_cents"]
    state.set("cents", balance)
    return work.result(booked, balance)


def main() -> None:
    """Work until killed."""
    app = Application(
        broker_address=work.BROKER,
        consumer_group=work.GROUP,
        processing_guarantee="exactly-once",
        commit_interval=work.COMMIT_MS / 1000,
        auto_offset_reset="earliest",
        state_dir=work.STATE,
        loglevel="ERROR",
    )
    source = app.topic(work.INPUT, key_deserializer="str", value_deserializer="bytes")
    target = app.topic(work.OUTPUT, key_serializer="str", value_serializer="bytes")
    app.dataframe(source).apply(book, stateful=True).to_topic(target)
    app.run()


if __name__ == "__main__":
    main()
