"""The programmer: what the rig can ask a pump, as verbs over one link."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

from hil.errors import BenchFault, LinkError, LinkTimeout
from hil.links.link import MAX_UNTERMINATED_BYTES, Link
from hil.programmer_memory import ProgrammerMemory
from protocols.channel import Channel, OpenChannel
from protocols.commands.client import CommandFlow, CommandResult, carry_out, settle
from protocols.commands.journal import inner
from protocols.errors import ExchangeError, FrameError, ProtocolError
from protocols.exchange import Exchange, ExchangeTimeout, PeerRefused
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.log_follower import BrokenLog, LogFollower, event_log, hour_log
from protocols.messages import (
    AcknowledgeAlarms,
    AlarmList,
    Alarms,
    AlarmsAcknowledged,
    BeginRefill,
    CancelRefill,
    ClockSet,
    Commit,
    CompleteRefill,
    ConfigurationReport,
    ConfigurationWritten,
    Diagnostics,
    DrugIsSet,
    ErrorReply,
    EventRecord,
    Events,
    History,
    HistoryRecord,
    Identify,
    Identity,
    KeySlot,
    KeySlots,
    Measurements,
    Message,
    Outcome,
    Query,
    RawSensors,
    ReadAlarms,
    ReadConfiguration,
    ReadDiagnostics,
    ReadKeySlots,
    ReadMeasurements,
    ReadRawSensors,
    ReadStatus,
    RefillBegun,
    RefillCancelled,
    RefillCompleted,
    ReportFilled,
    ReportReturned,
    Sampled,
    SelfTestStarted,
    SetClock,
    SetDrug,
    Settings,
    StartSelfTest,
    Status,
    Subscribe,
    Subscribed,
    Telecommand,
    VolumeFilled,
    VolumeReturned,
    WriteConfiguration,
)
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["CommandNotApplied", "Programmer", "PumpFault"]

_DELIMITER = b"\x00"
_EVIDENCE_BYTES = 48
_WAKE_MS = 700
"""Between two attempts to wake a pump: shorter than the second in which it listens when it saves its battery."""
_WAKE_FOR_MS = 65_000
_SETTLE_ATTEMPTS = 8

Reply = TypeVar("Reply", bound=Message)
Record = TypeVar("Record", EventRecord, HistoryRecord)


class PumpFault(BenchFault):
    """The pump did not answer, or answered something else."""


class CommandNotApplied(PumpFault):
    """The pump did not carry out a command, and never will; ``outcome`` says why."""

    def __init__(self, resource: str, command: str, outcome: Outcome, reply: Message | None) -> None:
        """Keep the ``outcome``, and the refusal if there was one."""
        because = f": {reply.reason.name} (detail {reply.detail})" if isinstance(reply, ErrorReply) else ""
        super().__init__(
            f"{resource}: {command} was not carried out, {outcome.name.lower().replace('_', ' ')}{because}"
        )
        self.outcome = outcome
        self.reply = reply


class Programmer:
    """One pump behind one link. Every verb is one exchange: request, reply, retries in between.

    In a secure session whatever changes the pump's state is staged, read back and committed, so that it takes effect
    exactly once. In the open mode it is one exchange, with duplicates suppressed by the pump.
    """

    def __init__(
        self,
        link: Link,
        channel: Channel | None = None,
        *,
        first_seq: int = 0,
        memory: ProgrammerMemory | None = None,
    ) -> None:
        """Talk over ``link``; without a ``channel`` in the open, unauthenticated mode.

        ``first_seq`` should differ between programs that ask one pump in turn, so that none takes an answer that
        another no longer waited for. ``memory`` is what commands must not be forgotten in.
        """
        self._link = link
        self._channel: Channel = OpenChannel() if channel is None else channel
        self._exchange = Exchange(self._channel, first_seq=first_seq)
        self._memory = ProgrammerMemory() if memory is None else memory
        self._state_seq: int | None = None
        self._serial_number: str | None = None
        self._losses = 0

    @property
    def repeats(self) -> int:
        """How often a request was sent again so far, because no answer came in time or the port was lost."""
        return self._exchange.repeats + self._losses

    @property
    def rejected(self) -> int:
        """How many frames came so far that were damaged, forged, or no message."""
        return self._exchange.rejected

    @property
    def last_seq(self) -> int:
        """The seq of the request that was sent last."""
        return self._exchange.last_seq

    @property
    def surplus(self) -> int:
        """How many answers came so far that nobody waited for: twice, or too late."""
        return self._exchange.dropped

    # What the pump is, measures and remembers.

    def identify(self) -> Identity:
        """Who the pump is. Raises PumpFault if it does not say so."""
        identity = self._ask(Identify(), Identity)
        self._serial_number = identity.serial_number
        return identity

    def read_status(self) -> Status:
        """What the pump measures and estimates now. Raises PumpFault if it does not say so."""
        return self._ask(ReadStatus(), Status)

    def read_measurements(self) -> Measurements:
        """The last sample, as the sensors gave it."""
        return self._ask(ReadMeasurements(), Measurements)

    def read_raw_sensors(self) -> RawSensors:
        """A reading of every sensor now, out of turn."""
        return self._ask(ReadRawSensors(), RawSensors)

    def read_alarms(self) -> AlarmList:
        """Which alarms hold, and what became of them."""
        return self._ask(ReadAlarms(), AlarmList)

    def read_configuration(self) -> ConfigurationReport:
        """Label and alarm limits that the firmware works by."""
        return self._ask(ReadConfiguration(), ConfigurationReport)

    def read_diagnostics(self) -> Diagnostics:
        """What the firmware counts."""
        return self._ask(ReadDiagnostics(), Diagnostics)

    def read_key_slots(self) -> tuple[KeySlot, ...]:
        """Which keys the pump holds; never the keys themselves."""
        return self._ask(ReadKeySlots(), KeySlots).slots

    def read_history(self, from_seq: int) -> list[HistoryRecord]:
        """All hourly records from ``from_seq`` on, oldest first; those overwritten already are left out.

        Raises PumpFault if the chain over them is broken, or they end before the log does.
        """
        return [record for page in self._pages(hour_log(from_seq), History) for record in page]

    def read_events(self, from_seq: int = 0) -> list[EventRecord]:
        """All events from ``from_seq`` on, oldest first; those overwritten already are left out.

        Raises PumpFault if the chain over them is broken, or they end before the log does.
        """
        return [record for page in self._pages(event_log(from_seq), Events) for record in page]

    def follow(self, log: LogFollower[EventRecord]) -> list[EventRecord]:
        """The events since ``log`` was last read, with the chain checked from there on. Raises PumpFault."""
        return [record for page in self._pages(log, Events) for record in page]

    def exchange(self, request: Telecommand) -> Message:
        """The pump's answer to any telecommand, be it a refusal. Raises PumpFault if none came."""
        if isinstance(request, (Commit, Query)):
            self._state_seq = None  # whoever numbers commands itself moves the state on
        try:
            return self._ask(request, request.REPLY)
        except PumpFault as fault:
            if isinstance(refused := fault.__cause__, PeerRefused):
                return ErrorReply(refused.reason, refused.detail)
            raise

    def unsent(self, request: Telecommand) -> bytes:
        """A frame that asks ``request``, for those who try what a pump makes of such bytes. Raises PumpFault."""
        return self._in_session(lambda now_ms: self._exchange.request(now_ms, request), bytearray())

    def answers_to(self, *payloads: bytes, wait_ms: int, awaited: int = 1) -> list[bytes]:
        """Payloads that come back within ``wait_ms``, or until as many came as are ``awaited``; for those who try.

        What is asked need be no telecommand, nor a message. Raises PumpFault if there is no session to ask it in.
        """
        self._link.discard()
        for payload in payloads:
            self._link.write(self._in_session(partial(self._sealed, payload), bytearray()))
        end_ms, decoder, answers = self._link.monotonic_ms() + wait_ms, FrameDecoder(), list[bytes]()
        while len(answers) < awaited and (left_ms := end_ms - self._link.monotonic_ms()) > 0:
            try:
                data = self._link.read_until(_DELIMITER, left_ms)
            except LinkTimeout:
                break
            for frame in decoder.feed(data):
                with suppress(ProtocolError):  # what is no frame of this session is judged elsewhere
                    answer = None if isinstance(frame, Rejected) else self._opened(frame)
                    answers += [] if answer is None else [answer]
        return answers

    def _sealed(self, payload: bytes, now_ms: int) -> bytes:
        return encode_frame(self._channel.seal(payload, now_ms))

    def _opened(self, frame: bytes) -> bytes | None:
        return self._channel.open(frame, self._link.monotonic_ms())

    @property
    def memory(self) -> ProgrammerMemory:
        """What must not be forgotten: for those who number commands themselves."""
        return self._memory

    # Notices.

    def subscribe(self, period_s: int, notices: int) -> Subscribed:
        """Have the pump say what it measures every ``period_s``, at most so many times; 0 ends it."""
        return self._ask(Subscribe(period_s=period_s, notices=notices), Subscribed)

    def notices(self, wait_ms: int) -> list[Sampled]:
        """What came unasked within ``wait_ms`` from now, and before."""
        return [notice for _, notice in self.numbered_notices(wait_ms)]

    def numbered_notices(self, wait_ms: int) -> list[tuple[int, Sampled]]:
        """The same, each with the seq that it came under."""
        end_ms = self._link.monotonic_ms() + wait_ms
        while (left_ms := end_ms - self._link.monotonic_ms()) > 0:
            try:
                data = self._link.read_until(_DELIMITER, left_ms)
            except LinkTimeout:
                break
            self._exchange.receive(self._link.monotonic_ms(), data)
        return [(seq, notice) for seq, notice in self._exchange.take_notices() if isinstance(notice, Sampled)]

    # What changes the pump.

    def set_clock(self, utc_ms: int) -> ClockSet:
        """Set the pump's clock to ``utc_ms``; the reply says what it showed before."""
        return self.command(SetClock(utc_ms=utc_ms), ClockSet)

    def acknowledge(self, alarms: Alarms) -> AlarmsAcknowledged:
        """Say that somebody has seen ``alarms``."""
        return self.command(AcknowledgeAlarms(alarms), AlarmsAcknowledged)

    def set_configuration(self, settings: Settings) -> ConfigurationWritten:
        """Have the firmware work by other settings."""
        return self.command(WriteConfiguration(settings), ConfigurationWritten)

    def start_self_test(self) -> SelfTestStarted:
        """Have memory, sensors and battery tested with the next sample."""
        return self.command(StartSelfTest(), SelfTestStarted)

    def begin_refill(self) -> RefillBegun:
        """Have the pump expect needles."""
        return self.command(BeginRefill(), RefillBegun)

    def report_returned(self, volume_nl: int) -> VolumeReturned:
        """Say how much the syringe took out."""
        return self.command(ReportReturned(volume_nl), VolumeReturned)

    def report_filled(self, volume_nl: int) -> VolumeFilled:
        """Say how much the syringe put in."""
        return self.command(ReportFilled(volume_nl), VolumeFilled)

    def set_drug(self, drug: int, concentration_ug_per_ml: int) -> DrugIsSet:
        """Say what was filled in."""
        return self.command(SetDrug(drug, concentration_ug_per_ml), DrugIsSet)

    def complete_refill(self) -> RefillCompleted:
        """Say that the needles are out; the reply tells the mean flow since the last refill."""
        return self.command(CompleteRefill(), RefillCompleted)

    def cancel_refill(self) -> RefillCancelled:
        """Say that nothing was filled in after all."""
        return self.command(CancelRefill(), RefillCancelled)

    def command(self, telecommand: Telecommand, expected: type[Reply]) -> Reply:
        """Have a command carried out, once. Raises CommandNotApplied if it was not, PumpFault if that is not known."""
        if not isinstance(self._channel, ProgrammerChannel):
            return self._ask(telecommand, expected)
        if self._memory.outstanding() is not None:
            self.settle()
        if self._state_seq is None:
            self._state_seq = self.read_diagnostics().state_seq
        result = self._run(carry_out(telecommand, self._state_seq, self._memory), type(telecommand).__name__)
        reply = inner(result.result) if result.result else None
        if result.outcome is not Outcome.APPLIED or not isinstance(reply, expected):
            raise CommandNotApplied(self._link.resource, type(telecommand).__name__, result.outcome, reply)
        return reply

    def settle(self) -> CommandResult:
        """Find out what became of the command that was sent last. Raises PumpFault if the pump does not say so."""
        return self._run(settle(self._memory), "Query")

    # Inside.

    def _run(self, flow: CommandFlow, name: str) -> CommandResult:
        """Drive a flow to its end; what is not answered in time is asked again, in a new session if need be."""
        answer: Message | None = None
        failures = 0
        try:
            request = next(flow)
            while True:
                try:
                    answer, failures = self._converse(request, bytearray()), 0
                except PeerRefused as refused:
                    answer = ErrorReply(refused.reason, refused.detail)
                except ExchangeTimeout as timeout:
                    answer, failures = None, failures + 1
                    if failures >= _SETTLE_ATTEMPTS:
                        raise PumpFault(
                            f"{self._link.resource}: {name}: {timeout}; what became of it is not known"
                        ) from None
                request = flow.send(answer)
        except StopIteration as ended:
            result = ended.value
        except ExchangeError as error:
            raise PumpFault(f"{self._link.resource}: {error}") from error
        if isinstance(result, ErrorReply):
            raise CommandNotApplied(self._link.resource, name, Outcome.REFUSED, result)
        assert isinstance(result, CommandResult)  # noqa: S101 - what a flow ends with
        self._state_seq = result.state_seq
        return result

    def _pages(self, log: LogFollower[Record], kind: type[Reply]) -> Iterator[tuple[Record, ...]]:
        while True:
            reply = self._ask(log.request(), kind)
            if not isinstance(reply, (Events, History)):
                raise TypeError(f"{kind.__name__} has no records")
            try:
                page = log.take(reply)
            except BrokenLog as error:
                raise PumpFault(f"{self._link.resource}: {error}") from error
            yield page.records
            if page.is_last:
                return

    def _ask(self, request: Message, expected: type[Reply]) -> Reply:
        heard = bytearray()
        try:
            try:
                reply = self._converse(request, heard)
            except ExchangeTimeout:
                if not isinstance(self._channel, ProgrammerChannel):
                    raise
                reply = self._converse(request, heard)  # the pump may have restarted: a new session
        except PeerRefused as error:
            raise PumpFault(f"{self._link.resource}: {error}") from error
        except ExchangeError as error:
            raise PumpFault(f"{self._link.resource}: {error}; {self._why()}{_evidence(heard)}") from error
        if not isinstance(reply, expected):
            raise PumpFault(f"{self._link.resource}: {type(request).__name__} was answered by {type(reply).__name__}")
        return reply

    def _converse(self, request: Message, heard: bytearray) -> Message:
        """The reply; what can be asked twice is asked again if the port is lost, once it is back with the same pump."""
        try:
            return self._exchanged(request, heard)
        except LinkError:
            if not isinstance(request, Telecommand) or request.CHANGES_STATE or self._serial_number is None:
                raise
            self._losses += 1
        identity = self._exchanged(Identify(), heard)
        if isinstance(identity, Identity) and identity.serial_number != self._serial_number:
            raise PumpFault(
                f"{self._link.resource}: was lost, and pump {identity.serial_number} answers where "
                f"{self._serial_number} was before; run again with the right one"
            )
        return self._exchanged(request, heard)

    def _exchanged(self, request: Message, heard: bytearray) -> Message:
        """Drive the exchange to its reply; whatever came on the way is kept in ``heard``."""
        self._link.write(self._in_session(lambda now_ms: self._exchange.request(now_ms, request), heard))
        while True:
            now_ms = self._link.monotonic_ms()
            deadline_ms = self._exchange.next_deadline_ms
            remaining_ms = max(0, deadline_ms - now_ms) if deadline_ms is not None else 0
            try:
                data = self._link.read_until(_DELIMITER, remaining_ms)
            except LinkTimeout as timeout:
                heard += timeout.partial
                self._link.write(self._again(heard))
                continue
            heard += data
            reply = self._exchange.receive(self._link.monotonic_ms(), data)
            if reply is not None:
                return reply
            if len(heard) > MAX_UNTERMINATED_BYTES:  # frame ends and no frames: no deadline would ever come
                raise PumpFault(f"{self._link.resource}: {_evidence(heard)}")

    def _why(self) -> str:
        """What was wrong with the last frame that was rejected, or which answer was none to this question."""
        rejection, dropped = self._exchange.last_rejection, self._exchange.last_dropped
        if rejection is None:
            return "" if dropped is None else f"{dropped}; "
        return f"{type(rejection).__name__}: {rejection}; "

    def _again(self, heard: bytearray) -> bytes:
        """The next attempt. A pump that restarted knows nothing of the session: after the last one it is forgotten."""
        try:
            return self._in_session(self._exchange.on_deadline, heard)
        except ExchangeTimeout:
            if isinstance(self._channel, ProgrammerChannel):
                self._channel.end()
                self._state_seq = None
            raise

    def _in_session(self, frame_at: Callable[[int], bytes], heard: bytearray) -> bytes:
        """A frame to send; the session may run out between the look at it and the sealing."""
        self._ensure_session(heard)
        try:
            return frame_at(self._link.monotonic_ms())
        except FrameError:
            self._ensure_session(heard)
            return frame_at(self._link.monotonic_ms())

    def _ensure_session(self, heard: bytearray) -> None:
        """Wake the pump, if the link is a secure one and there is no session. Raises PumpFault if it stays silent."""
        channel = self._channel
        if not isinstance(channel, ProgrammerChannel) or channel.is_open(self._link.monotonic_ms()):
            return
        give_up_ms = self._link.monotonic_ms() + _WAKE_FOR_MS
        while self._link.monotonic_ms() < give_up_ms:
            self._link.write(encode_frame(channel.wake()))
            attempt_ms = self._link.monotonic_ms() + _WAKE_MS
            while not channel.is_open(now_ms := self._link.monotonic_ms()) and now_ms < attempt_ms:
                try:
                    data = self._link.read_until(_DELIMITER, attempt_ms - now_ms)
                except LinkTimeout as timeout:
                    heard += timeout.partial
                    break
                heard += data
                self._exchange.receive(self._link.monotonic_ms(), data)
            if channel.greeting is not None:
                self._state_seq = channel.greeting.state_seq
                return
        raise PumpFault(
            f"{self._link.resource}: no answer to {_WAKE_FOR_MS // 1000} s of wake-ups; does the pump hold this key, "
            f"and is it in reach? {_evidence(heard)}"
        )


def _evidence(heard: bytearray) -> str:
    if not heard:
        return "nothing came; is the pump powered and in reach, and is this its port?"
    shown = bytes(heard[:_EVIDENCE_BYTES])
    more = "..." if len(heard) > _EVIDENCE_BYTES else ""
    return f"{len(heard)} bytes came that are no valid reply: {shown!r}{more}; is this the pump's port and baud rate?"
