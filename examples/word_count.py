"""How often each word came. Run it: `python examples/word_count.py worker`."""

from ates.streams import App

app = App("hello", broker="kafka://127.0.0.1:9092")
words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)
counts = app.Table("counts", default=int)


@app.agent(words)
async def count(stream):
    async for word in stream:
        counts[word] += 1
        await totals.send(key=word, value=counts[word])


if __name__ == "__main__":
    app.main()
