"""Records over time as bars; a bar leads to the records from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from ates.tools.topics.histogram import Span, histogram
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import pages
from ates.web.topics.keys import topics_of
from ates.web.topics.transactions import moment

WIDTH, HEIGHT = 760, 160
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time with its place in the picture; `since` is what `from=` takes."""

    at: datetime
    since: str
    offsets: int
    x: float
    y: float
    width: float
    height: float


@requires("topics.read")
async def page(request: web.Request) -> web.Response:
    """The whole topic over time."""
    topic = request.match_info["topic"]
    spans = await histogram(topics_of(request), topic)
    context = {
        "topic": topic,
        "bars": bars(spans, request.app[SETTINGS].timezone),
        "width": WIDTH,
        "height": HEIGHT,
        "most": max((span.offsets for span in spans), default=0),
    }
    return pages.render(request, "topics/over_time.html", context)


def bars(spans: Sequence[Span], zone: ZoneInfo) -> list[Bar]:
    """Bars as high as their share of the greatest one; one that is not empty can be seen."""
    most = max((span.offsets for span in spans), default=0) or 1
    slot = WIDTH / max(1, len(spans))
    found = []
    for number, span in enumerate(spans):
        at = moment(span.start_ms)
        if at is None:
            continue
        height = 0.0 if not span.offsets else max(2.0, round(span.offsets / most * HEIGHT, 1))
        since = at.astimezone(zone).isoformat(timespec="milliseconds")
        x, y = round(number * slot, 1), round(HEIGHT - height, 1)
        found.append(Bar(at, since, span.offsets, x, y, round(slot - _GAP, 1), height))
    return found
