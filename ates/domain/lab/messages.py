"""Events of the lab. No I/O."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected:
    """A fault was made on purpose in a demo, and what it did was checked.

    experiment_id: id of the experiment
    actor_id: account of the person who asked for it, or `operator` for a command line
    fault: name of the fault, such as kill-worker
    target: process that it was done to; empty for none
    began_at: when the fault began
    ended_at: when its consequences had been checked
    outcome: held (every invariant holds, nothing is missing) or violated
    acknowledged: commands that Kafka acknowledged meanwhile
    missing: those of them that were not decided in time
    dead_letters: dead letters that came of it
    recovery_ms: time from the fault's end until every process was ready and every command decided
    detail: one sentence on what was found
    """

    experiment_id: str
    actor_id: str
    fault: str
    target: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    acknowledged: int
    missing: int
    dead_letters: int
    recovery_ms: int
    detail: str
