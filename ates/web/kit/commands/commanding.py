"""What a front end needs that sends commands: the codec, the producers, and somebody who listens for outcomes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from ates.platform.registry import Registry
from ates.schemas.codec import Codec
from ates.topology import FRONT_ENDS
from ates.web.kit import background
from ates.web.kit.commands.commands import COMMANDS, Commands
from ates.web.kit.commands.encoder import Encoder
from ates.web.kit.commands.kafka import Producers
from ates.web.kit.commands.outcomes import OUTCOMES, OUTCOMES_CHANNEL, TASKS_CHANNEL, Outcomes
from ates.web.kit.keys import CHECKS, SERVICE, SETTINGS
from ates.web.kit.live.notifications import Notifications
from ates.web.kit.reading import POOL


def add(app: web.Application) -> None:
    """Let `app` send its commands to the first topic that the topology says. Everything connects in the background;
    `/readyz` says how far it is."""
    app.cleanup_ctx.append(_running)


async def _running(app: web.Application) -> AsyncIterator[None]:
    service, settings = app[SERVICE], app[SETTINGS]
    notifications = Notifications(settings.postgres, (OUTCOMES_CHANNEL, TASKS_CHANNEL))
    producers = Producers(settings, service)
    async with Registry(settings) as client:
        encoder = Encoder(Codec(client))
        app[OUTCOMES] = Outcomes(app[POOL], notifications)
        app[COMMANDS] = Commands(service, FRONT_ENDS[service].sends[0].topic.name, encoder, producers, app[OUTCOMES])
        app[CHECKS].extend([encoder.not_ready, producers.not_ready])
        async with encoder.running(), background.running(notifications.run(), producers.run()):
            yield
