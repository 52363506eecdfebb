"""The HTTP status of every error: by its code where a rule of the business refuses, else by its family."""

from __future__ import annotations

from ates.domain.errors import AtesError, Rejected, Unavailable, Unprocessable

UNAUTHORIZED = (
    "challenge_expired",
    "code_required",
    "code_wrong",
    "login_failed",
    "second_factor_required",
    "unauthorized",
)
FORBIDDEN = ("confirmation_required", "csrf_failed", "forbidden", "not_assignee", "origin_foreign")
NOT_FOUND = (
    *("account_not_found", "command_not_found", "letter_not_found", "not_dead_letters", "offset_not_found"),
    *(
        "experiment_unknown",
        "group_not_found",
        "no_lab",
        "offset_not_kept",
        "partition_not_found",
        "payout_not_found",
        "query_not_found",
        "question_not_found",
        "record_not_found",
    ),
    *(
        "row_not_found",
        "session_not_found",
        "subject_not_found",
        "table_not_found",
        "task_not_found",
        "topic_not_found",
        "version_not_found",
    ),
)
NOT_ACCEPTABLE = ("not_acceptable",)
CONFLICT = (
    *(
        "already_redriven",
        "already_set_aside",
        "not_set_aside",
        "cannot_cut",
        "command_expired",
        "lab_busy",
        "no_demo",
        "not_running",
        "last_admin",
        "login_taken",
        "mail_not_failed",
        "nobody_eligible",
    ),
    *("redrive_taken_over", "rotated_too_soon", "second_factor_active", "second_factor_kept", "second_factor_missing"),
    *("second_factor_own", "task_already_completed", "task_exists"),
)
UNPROCESSABLE = (
    "day_in_future",
    "no_reader",
    "idempotency_key_reused",
    "no_origin",
    "target_unknown",
    "too_large",
    "too_much_to_scan",
)
TOO_MANY_REQUESTS = ("query_busy", "too_many_attempts", "too_many_logins")

_STATUSES = (
    *((401, UNAUTHORIZED), (403, FORBIDDEN), (404, NOT_FOUND), (406, NOT_ACCEPTABLE)),
    *((409, CONFLICT), (422, UNPROCESSABLE), (429, TOO_MANY_REQUESTS)),
)
STATUS_BY_CODE = {code: status for status, codes in _STATUSES for code in codes}


class Failure(AtesError):
    """A refusal of HTTP itself (404, 405, 413 …), or the one that stands for any defect (500)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.status = status


def status_of(error: AtesError) -> int:
    """The HTTP status that `error` is answered with. A refusal that is not in the table is 409: an old outcome may
    hold a code that nothing raises today."""
    match error:
        case Failure():
            return error.status
        case Rejected():
            return STATUS_BY_CODE.get(error.code, 409)
        case Unprocessable():
            return 422
        case Unavailable():
            return 503
    return 500
