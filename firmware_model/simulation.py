"""Virtual time. The only module that knows SimPy."""

from typing import Protocol

import simpy

__all__ = ["Actor", "Simulation"]


class Actor(Protocol):
    """Something that does its part when woken, and says when it next needs to be."""

    def wake(self, now_ms: int) -> int | None:
        """Act at ``now_ms``; gives the next time to be woken, later than now, or None to be left alone."""


class _Waking(simpy.Event):
    """An event that happens at a set time. Its priority is its actor's place in the order of adding."""

    def __init__(self, environment: simpy.Environment, delay_ms: int, order: int) -> None:
        super().__init__(environment)
        self._ok = True
        self._value = None
        environment.schedule(self, simpy.events.EventPriority(order), delay_ms)


class Simulation:
    """Actors in virtual time, in integer milliseconds from 0.

    Actors due at the same millisecond are woken in the order in which they were added: SimPy's own order would be
    that in which they happened to be scheduled.
    """

    def __init__(self) -> None:
        """Begin at 0 with nobody."""
        self._environment = simpy.Environment(initial_time=0)
        self._added = 0

    @property
    def now_ms(self) -> int:
        """Virtual time."""
        return int(self._environment.now)

    def add(self, actor: Actor) -> None:
        """Have ``actor`` woken, first at the present time, the next time that this simulation runs."""
        self._added += 1
        self._schedule(actor, self.now_ms, self._added)

    def run_until(self, now_ms: int) -> None:
        """Do all that is due up to and including ``now_ms``; it is ``now_ms`` afterwards.

        Raises ValueError if that has passed.
        """
        if now_ms < self.now_ms:
            raise ValueError(f"time runs forwards: it is {self.now_ms} ms, asked to run until {now_ms} ms")
        while self._environment.peek() <= now_ms:
            self._environment.step()
        if now_ms > self.now_ms:
            self._environment.run(until=now_ms)

    def _schedule(self, actor: Actor, at_ms: int, order: int) -> None:
        def wake(_: simpy.Event) -> None:
            next_ms = actor.wake(self.now_ms)
            if next_ms is None:
                return
            if next_ms <= self.now_ms:
                raise ValueError(f"{actor!r} asks at {self.now_ms} ms to be woken at {next_ms} ms, which is not later")
            self._schedule(actor, next_ms, order)

        waking = _Waking(self._environment, at_ms - self.now_ms, order)
        waking.callbacks.append(wake)
