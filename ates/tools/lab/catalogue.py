"""The experiments of the lab, as data: what is done, what to watch, which invariant holds. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ates.topology import WORKERS

SECONDS, SECONDS_MAX = 10.0, 30.0
"""Length of a fault that lasts, and the longest that may be asked for: a group gives a silent worker up after 6 s."""
POISONS = 3

_WORKERS = tuple(worker.id for worker in WORKERS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`targets`: processes that it can be done to, the default first; none where it is not done to a process."""

    name: str
    title: str
    does: str
    watch: str
    holds: str
    targets: tuple[str, ...] = ()
    dead_letters: int = 0

    def target(self, wanted: str) -> str | None:
        """The process that it is done to, by default the first; None when `wanted` is not among them."""
        if not wanted:
            return self.targets[0] if self.targets else ""
        return wanted if wanted in self.targets else None


_ALL = (
    Experiment(
        name="kill-worker",
        title="Kill a worker",
        does="kill -9 in the middle of its work. The supervisor starts another half a second later.",
        watch="Waiting rises for a second or two and falls to 0 again.",
        holds="Nothing acknowledged is lost, nothing happens twice: its open transaction was aborted, and read again.",
        targets=_WORKERS,
    ),
    Experiment(
        name="pause-worker",
        title="Pause a worker past its session",
        does=f"SIGSTOP for {SECONDS:g} s. After 6 s its group gives it up; then it wakes and goes on where it was.",
        watch="Waiting rises until it wakes. It comes back as a stranger to its group and takes its partitions anew.",
        holds="Its late writes have no effect: Kafka has fenced its transactions.",
        targets=_WORKERS,
    ),
    Experiment(
        name="cut-kafka",
        title="Cut a worker from Kafka",
        does=f"Every connection of it to Kafka is cut, and every new one, for {SECONDS:g} s. The process lives on.",
        watch="Waiting rises, then falls. The worker says in its log that it reconnects.",
        holds="A transaction whose end was cut off is settled: committed once, or aborted and done again.",
        targets=_WORKERS,
    ),
    Experiment(
        name="broker-away",
        title="Take Kafka away",
        does=f"The broker is killed, and starts again after {SECONDS:g} s.",
        watch="Nothing is acknowledged meanwhile. Pages go on showing what was booked before.",
        holds="No acknowledged command is lost: the broker had it on disk, and reads its log again.",
        targets=("kafka",),
    ),
    Experiment(
        name="postgres-away",
        title="Take Postgres away",
        does=f"The server and its sessions are killed, and it starts again after {SECONDS:g} s.",
        watch="Pages answer 503. Commands are acknowledged all the same, and wait for their rows.",
        holds="The read models take up where they were: row and position are one database transaction.",
        targets=("postgres",),
    ),
    Experiment(
        name="poison",
        title="Send poison",
        does="Three commands that nobody can decode: no frame, an unknown schema, and no value at all.",
        watch="Dead letters rise by three. Waiting does not: the stream goes on.",
        holds="Each is one dead letter with its origin and error; the next record is handled.",
        dead_letters=POISONS,
    ),
    Experiment(
        name="shuffle",
        title="Shuffle every second",
        does=f"Assign tasks is pressed once a second, for {SECONDS:g} s: every open task is dealt again each time.",
        watch="Fees pour in, one for each task and time.",
        holds="Exactly one fee for each assignment.",
    ),
    Experiment(
        name="close-twice",
        title="Close the day twice",
        does="Yesterday is closed again, twice, by two different commands.",
        watch="Both commands are applied, and pay nobody.",
        holds="One payout for each account and day, whoever closes it and however often.",
    ),
)

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
