"""The second factor: time-based one-time codes (TOTP, RFC 6238) and recovery codes. No I/O, clock or randomness.

A code is good for its own time step and one step before and after it, because clocks differ. A step is used once:
codes of that step and of earlier ones are refused afterwards (RFC 6238, section 5.2).
"""

import hmac
import re
from collections.abc import Callable, Iterable

STEP_SECONDS = 30
WINDOW_STEPS = 1
RECOVERY_CODES = 10
CODE_LENGTH_MAX = 32  # of either kind, as it may be typed

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0 and 1, which are mistaken for each other
_RECOVERY_LENGTH = 10  # 49 bits: too few for a fast hash, enough for a slow one and bounded attempts
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(f"[{_ALPHABET}]{{{_RECOVERY_LENGTH}}}")

Draw = Callable[[int], int]
"""`draw(n)` gives each of 0 … n − 1 with the same probability."""


def normal(typed: str) -> str:
    """A code without the blanks, hyphens and capitals that people type."""
    return re.sub(r"[\s-]", "", typed[:CODE_LENGTH_MAX]).lower()


def accepted_step(code: str, unix_seconds: float, last_step: int, code_at: Callable[[int], str]) -> int | None:
    """The time step whose code `code` is; None when it is no code of now, or its step was used.

    `code_at` gives the code of a step; `last_step` is the newest step used so far.
    """
    if not _CODE.fullmatch(code):
        return None
    now = int(unix_seconds) // STEP_SECONDS
    near = range(now - WINDOW_STEPS, now + WINDOW_STEPS + 1)
    return max((step for step in near if step > last_step and hmac.compare_digest(code_at(step), code)), default=None)


def is_recovery_code(code: str) -> bool:
    """Whether `code`, in its normal form, looks like a recovery code."""
    return _RECOVERY.fullmatch(code) is not None


def recovery_codes(draw: Draw) -> list[str]:
    """Ten codes in their normal form."""
    return ["".join(_ALPHABET[draw(len(_ALPHABET))] for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]


def readable(recovery_code: str) -> str:
    """The code in two groups, as it is shown."""
    middle = _RECOVERY_LENGTH // 2
    return f"{recovery_code[:middle]}-{recovery_code[middle:]}"


def is_missing(role: str, has_factor: bool, required_of: Iterable[str]) -> bool:
    """Whether somebody of this role must set a second factor up before anything else."""
    return not has_factor and role in required_of
