"""One run of an experiment, as the page and the commands show it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from ates.tools.lab.catalogue import Experiment


def moment() -> datetime:
    """Now, in the milliseconds that a header tells."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class Run:
    """What is known of an experiment so far. `verdict` is a sentence, empty before the audit."""

    experiment: Experiment
    target: str
    actor_id: str
    experiment_id: str = field(default_factory=lambda: str(uuid4()))
    began_at: datetime = field(default_factory=moment)
    ended_at: datetime | None = None
    phase: str = "commands come in"
    acknowledged: int = 0
    waiting: int = 0
    dead_letters: int = 0
    recovery_ms: int = 0
    audit_ok: bool | None = None
    verdict: str = ""

    @property
    def held(self) -> bool:
        return bool(self.audit_ok) and not self.waiting and self.dead_letters == self.experiment.dead_letters

    def to_json(self) -> dict[str, object]:
        """What the lab's page shows."""
        return {
            "experiment_id": self.experiment_id,
            "name": self.experiment.name,
            "target": self.target,
            "actor_id": self.actor_id,
            "began_at": self.began_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "phase": self.phase,
            "acknowledged": self.acknowledged,
            "waiting": self.waiting,
            "dead_letters": self.dead_letters,
            "recovery_ms": self.recovery_ms,
            "audit_ok": self.audit_ok,
            "held": self.held if self.ended_at else None,
            "verdict": self.verdict,
        }
