"""Views of each page by the minute, kept for an hour. `python examples/windowed_counts.py worker`."""

from datetime import timedelta

from ates.streams import App

app = App("pages", broker="kafka://127.0.0.1:9092")
views = app.topic("views", value_type=str)
busy = app.topic("busy-pages", key_type=str, value_type=int)
by_minute = app.Table("views-by-minute", default=int).tumbling(timedelta(minutes=1), expires=timedelta(hours=1))


@app.agent(views)
async def count(stream):
    async for page in stream.group_by(lambda page: page, name="page", key_type=str):
        by_minute[page] += 1
        if by_minute[page].value() == 100:
            await busy.send(key=page, value=100)


@count.timer(60.0)
async def report():
    for page, seen in by_minute.relative_to_now().items():
        await busy.send(key=page, value=seen)


if __name__ == "__main__":
    app.main()
