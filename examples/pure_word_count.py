"""The word count as a pure handler: a function from state and message to effects.

`python examples/pure_word_count.py worker`
"""

from collections.abc import Iterator

from ates.streams import App, Effect, Message, Put, Send, State

app = App("pure", broker="kafka://127.0.0.1:9092")
words = app.topic("words", value_type=str)
totals = app.topic("totals", value_type=int)
counts = app.Table("counts", key_type=str, value_type=int)


def count(state: State, message: Message[str]) -> Iterator[Effect]:
    """Count a word, and tell its total."""
    total = (state.table("counts").get(message.value) or 0) + 1
    yield Put("counts", message.value, total)
    yield Send("totals", message.value, total)


app.handler(words, count, tables=[counts])

if __name__ == "__main__":
    app.main()
