"""The topics that an app needs, before it can work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ates.streams.changelog import position_table, topic_name
from ates.streams.processors import Processor
from ates.streams.topic_admin import COMPACTED, Needed
from ates.streams.topics import Topic


def needed_topics(app: str, processors: Iterable[Processor], declared: Iterable[Topic[Any]]) -> list[Needed]:
    """Sources and other topics that were declared, then changelogs and dead letters, which are like their sources."""
    processors = list(processors)
    known = {topic.name: topic for topic in declared}
    sources = [processor.topic for processor in processors]
    own = [Needed(name, topic.partitions, config=topic.config) for name, topic in known.items()]
    others = [Needed(name) for name in sources if name not in known]
    found = [*own, *others]
    for processor in processors:
        tables = processor.tables or ([position_table(processor.topic)] if _has_position(processor) else [])
        found += [Needed(topic_name(app, spec.name), like=processor.topic, config=COMPACTED) for spec in tables]
        if processor.letters is not None and processor.letters.topic:
            found.append(Needed(processor.letters.topic, like=processor.topic))
    return list({topic.name: topic for topic in found}.values())


def _has_position(processor: Processor) -> bool:
    return processor.sink is None or processor.letters is not None
