"""The programmer: what the rig can ask a pump, as verbs over one link."""

from collections.abc import Iterator
from typing import TypeVar

from hil.links.link import Link
from hil.pump.programmer_memory import ProgrammerMemory
from hil.pump.pump_conversation import PumpConversation, PumpFault
from protocols.channel import Channel
from protocols.commands.client import CommandFlow, CommandResult, carry_out, settle
from protocols.commands.journal import inner
from protocols.errors import ExchangeError
from protocols.exchange import ExchangeTimeout, PeerRefused
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

__all__ = ["CommandNotApplied", "Programmer", "PumpFault"]

_SETTLE_ATTEMPTS = 8

Reply = TypeVar("Reply", bound=Message)
Record = TypeVar("Record", EventRecord, HistoryRecord)


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


class Programmer(PumpConversation):
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
        super().__init__(link, channel, first_seq=first_seq)
        self._memory = ProgrammerMemory() if memory is None else memory

    # What the pump is, measures and remembers.

    def identify(self) -> Identity:
        """Who the pump is. Raises PumpFault if it does not say so."""
        identity = self.ask(Identify(), Identity)
        self.serial_number = identity.serial_number
        return identity

    def read_status(self) -> Status:
        """What the pump measures and estimates now. Raises PumpFault if it does not say so."""
        return self.ask(ReadStatus(), Status)

    def read_measurements(self) -> Measurements:
        """The last sample, as the sensors gave it."""
        return self.ask(ReadMeasurements(), Measurements)

    def read_raw_sensors(self) -> RawSensors:
        """A reading of every sensor now, out of turn."""
        return self.ask(ReadRawSensors(), RawSensors)

    def read_alarms(self) -> AlarmList:
        """Which alarms hold, and what became of them."""
        return self.ask(ReadAlarms(), AlarmList)

    def read_configuration(self) -> ConfigurationReport:
        """Label and alarm limits that the firmware works by."""
        return self.ask(ReadConfiguration(), ConfigurationReport)

    def read_diagnostics(self) -> Diagnostics:
        """What the firmware counts."""
        return self.ask(ReadDiagnostics(), Diagnostics)

    def read_key_slots(self) -> tuple[KeySlot, ...]:
        """Which keys the pump holds; never the keys themselves."""
        return self.ask(ReadKeySlots(), KeySlots).slots

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
            self.state_seq = None  # whoever numbers commands itself moves the state on
        try:
            return self.ask(request, request.REPLY)
        except PumpFault as fault:
            if isinstance(refused := fault.__cause__, PeerRefused):
                return ErrorReply(refused.reason, refused.detail)
            raise

    @property
    def memory(self) -> ProgrammerMemory:
        """What must not be forgotten: for those who number commands themselves."""
        return self._memory

    # Notices.

    def subscribe(self, period_s: int, notices: int) -> Subscribed:
        """Have the pump say what it measures every ``period_s``, at most so many times; 0 ends it."""
        return self.ask(Subscribe(period_s=period_s, notices=notices), Subscribed)

    def notices(self, wait_ms: int) -> list[Sampled]:
        """What came unasked within ``wait_ms`` from now, and before."""
        return [notice for _, notice in self.numbered_notices(wait_ms)]

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
        if not self.is_secure:
            return self.ask(telecommand, expected)
        if self._memory.outstanding() is not None:
            self.settle()
        if self.state_seq is None:
            self.state_seq = self.read_diagnostics().state_seq
        result = self._run(carry_out(telecommand, self.state_seq, self._memory), type(telecommand).__name__)
        reply = inner(result.result) if result.result else None
        if result.outcome is not Outcome.APPLIED or not isinstance(reply, expected):
            raise CommandNotApplied(self.resource, type(telecommand).__name__, result.outcome, reply)
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
                    answer, failures = self.reply_to(request), 0
                except PeerRefused as refused:
                    answer = ErrorReply(refused.reason, refused.detail)
                except ExchangeTimeout as timeout:
                    answer, failures = None, failures + 1
                    if failures >= _SETTLE_ATTEMPTS:
                        raise PumpFault(f"{self.resource}: {name}: {timeout}; what became of it is not known") from None
                request = flow.send(answer)
        except StopIteration as ended:
            result = ended.value
        except ExchangeError as error:
            raise PumpFault(f"{self.resource}: {error}") from error
        if isinstance(result, ErrorReply):
            raise CommandNotApplied(self.resource, name, Outcome.REFUSED, result)
        assert isinstance(result, CommandResult)  # noqa: S101 - what a flow ends with
        self.state_seq = result.state_seq
        return result

    def _pages(self, log: LogFollower[Record], kind: type[Reply]) -> Iterator[tuple[Record, ...]]:
        while True:
            reply = self.ask(log.request(), kind)
            if not isinstance(reply, (Events, History)):
                raise TypeError(f"{kind.__name__} has no records")
            try:
                page = log.take(reply)
            except BrokenLog as error:
                raise PumpFault(f"{self.resource}: {error}") from error
            yield page.records
            if page.is_last:
                return
