"""The pump's side of the link: who may say what, exactly once, notices, and what listening may cost."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.answers import Answers
from firmware_model.firmware.firmware import Firmware
from protocols.channel import OpenChannel
from protocols.commands.journal import Journal
from protocols.exchange import Responder
from protocols.framing import MAX_ENCODED_BYTES
from protocols.messages import (
    Commit,
    ErrorReply,
    Message,
    ProvisionKey,
    Query,
    Reason,
    Role,
    Stage,
    Subscribe,
    Subscribed,
    Telecommand,
)
from protocols.session.bucket import ListeningBucket
from protocols.session.handshake import Greeting
from protocols.session.keys import SessionKey, simulated_uid
from protocols.session.pump_channel import PumpChannel

__all__ = ["Telemetry"]

MAX_SERIAL_NUMBER = 16
_MS_PER_S = 1000
_TOKENS_PER_BOOT = 1 << 16
_JUNK_CAPACITY_SHARE, _JUNK_REFILL_SHARE = 0.001, 0.002
"""Of a day's charge: what unauthenticated traffic may take at once, and what it gets anew in a day."""


@dataclass
class _Subscription:
    period_ms: int
    left: int
    next_ms: int
    number: int = 0


class Telemetry:
    """Answers telecommands from the state of the firmware, openly or in secure sessions only."""

    def __init__(
        self,
        firmware: Callable[[], Firmware],
        raw_readings: Callable[[int], Readings],
        *,
        model: str,
        serial_number: str,
        seed: int,
        day_bytes: int,
    ) -> None:
        """Speak for whatever ``firmware`` gives: another one after each start.

        ``day_bytes`` is what a day's charge would be worth in bytes of radio. Raises ValueError unless the serial
        number is 1 to 16 printable ASCII characters.
        """
        printable = serial_number.isascii() and serial_number.isprintable()
        if not (printable and 0 < len(serial_number) <= MAX_SERIAL_NUMBER):
            raise ValueError(
                f"a serial number is 1 to {MAX_SERIAL_NUMBER} printable ASCII characters, not {serial_number!r}"
            )
        self.near_field = False
        """Whether the programmer's coil lies on the skin, so that keys may be given."""
        self._firmware = firmware
        self._uid = simulated_uid(seed)
        self._day_bytes = day_bytes
        self._answers = Answers(
            firmware, raw_readings, self._link_counts, model=model, serial_number=serial_number, uid=self._uid
        )
        self._random_bytes = _insecure_random_bytes(seed)
        self._secure: PumpChannel | None = None
        self._bucket: ListeningBucket | None = None
        self._now_ms = 0
        self.restart()

    def secure(self) -> None:
        """Speak in secure sessions only, from now on."""
        self._secure = PumpChannel(self._uid, _Keys(self._firmware), self._greeting, self._random_bytes)
        day = self._day_bytes
        self._bucket = ListeningBucket(round(_JUNK_CAPACITY_SHARE * day), round(_JUNK_REFILL_SHARE * day))
        self.restart()

    def restart(self) -> None:
        """The firmware started anew: sessions, subscriptions and what was staged are gone."""
        self._subscription: _Subscription | None = None
        self._subscription_seq = 0
        if self._secure is not None:
            self._secure.end()
            self._secure.handshakes = 0
        self._responder = Responder(OpenChannel() if self._secure is None else self._secure, self._answer)
        self._journal: Journal | None = None
        self._drawn_bytes = 0
        """Bytes since the last whole frame: they are nobody's until it is known whose frame they begin."""

    @property
    def handshakes(self) -> int:
        """That came to their costly half since the firmware started."""
        return 0 if self._secure is None else self._secure.handshakes

    def role(self, now_ms: int) -> Role | None:
        """What the session's key entitles to; None if there is no session."""
        return None if self._secure is None else self._secure.role(now_ms)

    def receive(self, now_ms: int, data: bytes) -> tuple[bytes, int]:
        """Take bytes from the programmer, in any split, at a bench time.

        Gives the bytes of the answers, and how many of the bytes were heard at all.
        """
        self._now_ms = now_ms
        if self._bucket is None or self._secure is None:
            return self._responder.receive(data, now_ms), len(data)
        if self._secure.role(now_ms) is None and not self._bucket.listens(now_ms):
            return b"", 0
        rejected, accepted = self._responder.rejected, self._responder.accepted
        answer = self._responder.receive(data, now_ms)
        failed = self._responder.rejected - rejected
        if failed or self._responder.accepted == accepted:
            self._bucket.draw(now_ms, len(data), failed)
            self._drawn_bytes = 0 if failed else self._drawn_bytes + len(data)
        else:
            self._bucket.give_back(min(self._drawn_bytes, MAX_ENCODED_BYTES))
            self._drawn_bytes = 0
        return answer, len(data)

    @property
    def next_emit_ms(self) -> int | None:
        """When the next notice is due; None while nobody is subscribed."""
        return None if self._subscription is None else self._subscription.next_ms

    def emit(self, now_ms: int) -> bytes:
        """The notice that is due, if one is."""
        subscription = self._subscription
        if subscription is None or now_ms < subscription.next_ms:
            return b""
        notice = self._answers.sampled(now_ms, subscription.number)
        data = self._responder.notify(self._subscription_seq, notice, now_ms)
        subscription.number += 1
        subscription.left -= 1
        subscription.next_ms += subscription.period_ms
        if not data or not subscription.left:
            self._subscription = None
        return data

    def _answer(self, telecommand: Telecommand) -> Message:
        now_ms = self._now_ms
        refusal = self._refusal(telecommand)
        if refusal is not None:
            self._firmware().refuse(now_ms)
            return refusal
        kid = 0 if self._secure is None else self._secure.kid(now_ms) or 0
        match telecommand:
            case Subscribe():
                return self._subscribe(telecommand)
            case Stage():
                return self._journal_now().stage(now_ms, kid, telecommand)
            case Commit():
                return self._journal_now().commit(now_ms, kid, telecommand)
            case Query():
                return self._journal_now().query(kid, telecommand)
        return self._answers.answer(now_ms, telecommand)

    def _refusal(self, telecommand: Telecommand) -> ErrorReply | None:
        """What a session's key does not entitle to; in the open mode, which is for the bench, all but keys."""
        if self._secure is None:
            is_key = isinstance(telecommand, ProvisionKey)
            return ErrorReply(Reason.NOT_ALLOWED, telecommand.OPCODE) if is_key else None
        role = self._secure.role(self._now_ms) or Role.READER
        if role < telecommand.ROLE:
            self._secure.note_violation()
            return ErrorReply(Reason.NOT_ALLOWED, telecommand.OPCODE)
        if telecommand.CHANGES_STATE:
            return ErrorReply(Reason.NOT_STAGED, telecommand.OPCODE)
        return None

    def _carry_out(self, telecommand: Telecommand) -> Message:
        """What was staged, and is committed now."""
        if isinstance(telecommand, ProvisionKey) and (self._secure is None or not self.near_field):
            return ErrorReply(Reason.NOT_ALLOWED, telecommand.OPCODE)
        return self._answers.answer(self._now_ms, telecommand)

    def _journal_now(self) -> Journal:
        firmware = self._firmware()
        if self._journal is None:
            first_token = firmware.counters.boots * _TOKENS_PER_BOOT % (1 << 32)
            self._journal = Journal(firmware.memory, self._carry_out, first_token=first_token)
        return self._journal

    def _subscribe(self, request: Subscribe) -> Subscribed:
        self._subscription_seq = self._responder.seq
        self._subscription = None
        if request.period_s and request.notices:
            period_ms = request.period_s * _MS_PER_S
            self._subscription = _Subscription(period_ms, request.notices, self._now_ms + period_ms)
        return Subscribed(period_s=request.period_s, notices=request.notices)

    def _greeting(self) -> Greeting:
        memory = self._firmware().memory
        return Greeting(self._firmware().counters.boots, memory.journal.state_seq, memory.next_event)

    def _link_counts(self) -> tuple[int, int, int, int]:
        responder = self._responder
        return responder.accepted, responder.rejected, responder.repeated, self.handshakes


class _Keys:
    """The keys in the memory of whatever firmware runs."""

    def __init__(self, firmware: Callable[[], Firmware]) -> None:
        self._firmware = firmware

    def key(self, kid: int) -> SessionKey | None:
        return self._firmware().memory.key(kid)

    def note_wake(self, kid: int, wake: int) -> None:
        self._firmware().memory.note_wake(kid, wake)


def _insecure_random_bytes(seed: int) -> Callable[[int], bytes]:
    """For simulated pumps: anybody can work them out from the seed, but no two are the same."""
    numbers = count()
    return lambda size: hashlib.shake_256(f"pumprig insecure random {seed} {next(numbers)}".encode()).digest(size)
