"""Every path of the accounting front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.accounting import api, pages, payouts, statement
from ates.web.kit.commands import command_status


def add(app: web.Application) -> None:
    """The API of the contract, and the pages beside it."""
    command_status.add(app)
    app.add_routes(
        [
            web.get("/accounting/api/balance", api.balance),
            web.get("/accounting/api/entries", api.entries),
            web.get("/accounting/api/earnings", api.earnings),
            web.get("/accounting/api/payouts", api.payouts),
            web.post("/accounting/api/days/{day}/close", api.close_day),
            web.post("/accounting/api/payouts/{id}/mail", api.retry_mail),
            web.get("/accounting/", pages.index),
            web.get("/accounting/account", pages.account),
            web.get("/accounting/account.csv", statement.download),
            web.get("/accounting/days/{day}", pages.day),
            web.get("/accounting/payouts", payouts.payouts),
            web.post("/accounting/payouts/{id}/mail", payouts.retry_mail),
            web.get("/accounting/close", payouts.confirm_close),
            web.post("/accounting/close", payouts.close),
        ]
    )
