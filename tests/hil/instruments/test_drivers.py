"""Drivers and simulated instruments, over a virtual wire: what is asked is done, what goes wrong is said."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import BenchFault, InstrumentFault
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_bath import SimulatedBath
from protocols.errors import InstrumentReplyError
from tests.hil.instruments.desk import Bench, Scripted


def simulated_balance(load_g: Callable[[int], float]) -> tuple[Bench, MtSicsBalance]:
    """A driver on a simulated balance."""
    bench = Bench()
    device = SimulatedBalance(serial_number="B1", load_g=load_g, seed=4)
    return bench, MtSicsBalance(bench.link(device), bench)


def test_balance_weighs_what_is_on_it() -> None:
    """Identity, a weight within noise and drift, and a net weight of nothing after taring."""
    bench, balance = simulated_balance(lambda _: 55.0)
    identity = balance.identify()
    assert (identity.serial_number, identity.maker) == ("B1", "MT-SICS")
    assert balance.weigh().mass_g == pytest.approx(55.0, abs=0.0003)
    balance.tare()
    bench.sleep_ms(60_000)
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.0002)


def test_balance_waits_until_the_load_is_still() -> None:
    """While the load changes the weight is not stable; taring waits until it is."""
    bench, balance = simulated_balance(lambda now_ms: 10.0 + min(now_ms, 5000) / 1000)
    balance.weigh()
    bench.sleep_ms(500)
    assert not balance.weigh().stable
    balance.tare()
    assert bench.time_ms > 5000
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.0002)


def test_balance_that_never_settles_is_a_fault() -> None:
    """A load that never rests ends in one sentence after twenty seconds of bench time."""
    bench, balance = simulated_balance(lambda now_ms: now_ms / 1000)
    balance.weigh()
    bench.sleep_ms(100)
    with pytest.raises(InstrumentFault, match="does not settle"):
        balance.tare()


def test_overload_is_said_in_words() -> None:
    """S + becomes a sentence, not a number."""
    _, balance = simulated_balance(lambda _: 500.0)
    with pytest.raises(InstrumentFault, match="overload"):
        balance.weigh()


@pytest.mark.parametrize("command", ["S", "SIR", "T", "Z"])
def test_commands_that_wait_answer_by_themselves(command: str) -> None:
    """S, T and Z answer once the load is still, and SIR goes on streaming, as real balances do."""
    device = SimulatedBalance(serial_number="B1", load_g=lambda now_ms: 10.0 + min(now_ms, 900) / 100, seed=4)
    device.receive(0, b"SI\r\n")
    said = device.receive(500, f"{command}\r\n".encode())
    heard = 0
    while device.next_emit_ms() is not None and heard < 50:
        now_ms = device.next_emit_ms() or 0
        said += device.emit(now_ms)
        heard += 1
    lines = said.split(b"\r\n")
    assert lines[0][:1] == command[:1].encode()
    assert (len(lines) > 10) == (command == "SIR")
    assert device.receive(60_000, b"@\r\n") == b'I4 A "B1"\r\n'
    assert device.next_emit_ms() is None


@given(cuts=st.lists(st.integers(0, 40), max_size=6))
def test_chunking_makes_no_difference_to_the_simulated_balance(cuts: list[int]) -> None:
    """However a conversation is cut into pieces, the answers are the same."""
    said = b"@\r\nSI\r\nI2\r\nTI\r\nSI\r\nnonsense\r\nI0\r\n"

    def answers(pieces: list[bytes]) -> bytes:
        device = SimulatedBalance(serial_number="B1", load_g=lambda _: 12.0, seed=4)
        return b"".join(device.receive(1000, piece) for piece in pieces)

    edges = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    pieces = [said[start:end] for start, end in pairwise(edges)]
    assert answers(pieces) == answers([said])


def test_i0_lists_every_command_and_says_which_is_last() -> None:
    """Many lines with B, the last one with A: a driver that drains I0 knows when to stop."""
    device = SimulatedBalance(serial_number="B1", load_g=lambda _: 1.0, seed=4)
    lines = device.receive(0, b"I0\r\n").split(b"\r\n")[:-1]
    assert [line.split()[1] for line in lines] == [b"B"] * (len(lines) - 1) + [b"A"]


def test_late_answer_never_becomes_the_next_one() -> None:
    """After a timeout the balance is addressed anew: the late weight is thrown away, not returned."""
    bench = Bench()
    device = Scripted(b'I4 A "B1"\r\n', b"", b'S S      11.11 g\r\nI4 A "B1"\r\n', b"S S      22.22 g\r\n")
    balance = MtSicsBalance(bench.link(device), bench)
    with pytest.raises(InstrumentFault, match="does not answer SI"):
        balance.weigh()
    device.answers[0] = b'I4 A "B1"\r\n'
    assert balance.weigh().mass_g == float(Decimal("22.22"))
    assert device.heard[-2:] == [b"@\r\n", b"SI\r\n"]


@pytest.mark.parametrize("answer", [b"\xff\xfe\r\n", b"S S oops g\r\n", b"hello\r\n", b"S X     100.00 g\r\n"])
def test_garbage_from_a_balance_is_shown(answer: bytes) -> None:
    """A reply outside the grammar is an error that shows the bytes."""
    bench = Bench()
    balance = MtSicsBalance(bench.link(Scripted(b'I4 A "B1"\r\n', answer)), bench)
    with pytest.raises(InstrumentFault, match=r"sim:device: .*is this the balance's port") as caught:
        balance.weigh()
    assert isinstance(caught.value.__cause__, InstrumentReplyError)
    assert caught.value.__cause__.reply == answer


def test_balance_in_other_units_is_refused() -> None:
    """A display set to carats must not be taken for grams."""
    bench = Bench()
    balance = MtSicsBalance(bench.link(Scripted(b'I4 A "B1"\r\n', b"S S     100.00 ct\r\n")), bench)
    with pytest.raises(InstrumentFault, match="set its display to g"):
        balance.weigh()


def simulated_bath() -> tuple[Bench, BathTank, JulaboBath]:
    """A driver on a simulated bath."""
    bench, tank = Bench(), BathTank(seed=1, ambient_c=22.0, time_constant_s=720, noise_c=0.0)
    return bench, tank, JulaboBath(bench.link(SimulatedBath(tank)), bench)


def test_bath_heats_exponentially_towards_its_set_point() -> None:
    """After one time constant 63 % of the way is done; the bath's reading says so."""
    bench, tank, bath = simulated_bath()
    assert "JULABO" in bath.identify().version
    bath.set_point(37.0)
    bath.start()
    started_ms = bench.time_ms
    bench.sleep_ms(720_000)
    assert tank.true_temperature_c(started_ms + 720_000) == pytest.approx(37 - 15 * 0.36788, abs=0.02)
    assert bath.temperature_c() == pytest.approx(31.48, abs=0.03)
    assert bath.status() == (3, "REMOTE START")
    bath.stop()
    assert bath.status() == (2, "REMOTE STOP")


def test_bath_with_an_offset_is_warmer_than_it_says() -> None:
    """The controller believes its sensor: it reads 37.0 while the water has 38.5."""
    bench, tank, bath = simulated_bath()
    tank.set_offset(0, 1.5)
    bath.set_point(37.0)
    bath.start()
    bench.sleep_ms(20 * 720_000)
    assert bath.temperature_c() == pytest.approx(37.0, abs=0.01)
    assert tank.true_temperature_c(bench.time_ms) == pytest.approx(38.5, abs=0.01)


@given(looks=st.lists(st.integers(0, 7_200_000), max_size=8))
def test_tank_does_not_care_who_looks(looks: list[int]) -> None:
    """The water's temperature is a function of time, not of how often it was asked for."""
    watched, alone = (BathTank(seed=2, ambient_c=20.0, time_constant_s=600, noise_c=0.05) for _ in range(2))
    for tank in (watched, alone):
        tank.set_point(0, 37.0)
        tank.switch(0, on=True)
    for look in sorted(looks):
        watched.true_temperature_c(look)
    assert watched.true_temperature_c(7_200_000) == alone.true_temperature_c(7_200_000)


def test_set_point_out_of_range_is_found_by_reading_back() -> None:
    """A silent bath cannot refuse aloud: the driver reads back, and shows the status."""
    _, _, bath = simulated_bath()
    with pytest.raises(InstrumentFault, match="-11 VALUE TOO LARGE"):
        bath.set_point(120.0)


def test_commands_to_the_bath_keep_their_distance() -> None:
    """A quarter of a second of bench time passes before every command."""
    bench, _, bath = simulated_bath()
    bath.identify()
    before_ms = bench.time_ms
    bath.temperature_c()
    assert bench.time_ms - before_ms == 250


def test_empty_lines_after_settings_are_no_answers() -> None:
    """A bath that acknowledges a setting with an empty line is understood as well."""
    bench = Bench()
    device = Scripted(b"JULABO X\r\n", b"\r\n", b"37.00\r\n", b"\r\n\r\n36.99\r\n")
    bath = JulaboBath(bench.link(device), bench)
    bath.set_point(37.0)
    assert bath.temperature_c() == 36.99


def test_other_device_on_the_bath_port_is_refused() -> None:
    """What answers, but is no Julabo, is named."""
    bench = Bench()
    bath = JulaboBath(bench.link(Scripted(b"ES\r\n")), bench)
    with pytest.raises(InstrumentFault, match="version of a Julabo bath, got b'ES"):
        bath.identify()


def test_silent_bath_is_a_fault_with_advice() -> None:
    """Nothing at all from the bath: the port, the wait and what to check."""
    bench = Bench()
    bath = JulaboBath(bench.link(Scripted()), bench)
    with pytest.raises(InstrumentFault, match=r"sim:device: .*2000 ms; nothing came: .*is it on"):
        bath.identify()


def test_line_under_way_does_not_spoil_the_new_beginning() -> None:
    """A balance that was streaming sends one more weight before it answers the cancel: it is passed over."""
    bench = Bench()
    device = Scripted(b'S D      54.99 g\r\nES\r\nI4 A "B7"\r\n', b"S S      55.00 g\r\n")
    balance = MtSicsBalance(bench.link(device), bench)
    assert balance.weigh().mass_g == 55.0


def test_busy_balance_is_asked_again() -> None:
    """A balance that adjusts itself for a moment does not end a collection of days."""
    bench = Bench()
    device = Scripted(b'I4 A "B7"\r\n', b"S I\r\n", b"S I\r\n", b"S S      55.00 g\r\n")
    assert MtSicsBalance(bench.link(device), bench).weigh().mass_g == 55.0
    assert bench.time_ms == 1000


def test_wrong_reply_begins_anew() -> None:
    """After garbage the next command is preceded by a cancel, so that answers cannot be off by one."""
    bench = Bench()
    device = Scripted(b'I4 A "B7"\r\n', b"what?\r\n", b'I4 A "B7"\r\n', b"S S      55.00 g\r\n")
    balance = MtSicsBalance(bench.link(device), bench)
    with pytest.raises(InstrumentFault, match="what"):
        balance.weigh()
    assert balance.weigh().mass_g == 55.0
    assert device.heard == [b"@\r\n", b"SI\r\n", b"@\r\n", b"SI\r\n"]


def test_tare_survives_a_timeout() -> None:
    """A cancel clears the tare: once the balance has told its number, a conversation begins anew without one."""
    bench = Bench()
    device = SimulatedBalance(serial_number="B1", load_g=lambda _: 55.0, seed=4)
    balance = MtSicsBalance(bench.link(device), bench)
    balance.identify()
    balance.tare()
    hears, device.receive = device.receive, lambda now_ms, data: b""  # type: ignore[method-assign] # noqa: ARG005
    with pytest.raises(InstrumentFault, match="does not answer"):
        balance.weigh()
    device.receive = hears  # type: ignore[method-assign]
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.0002)
    device.receive(bench.time_ms, b"@\r\n")
    assert balance.weigh().mass_g == pytest.approx(55.0, abs=0.0003)


class Unplugged:
    """A balance whose supply can be pulled: it forgets its tare, and says its number unasked when it is back."""

    def __init__(self) -> None:
        self._balance, self._said = self._started(), b""

    @staticmethod
    def _started() -> SimulatedBalance:
        return SimulatedBalance(serial_number="B1", load_g=lambda _: 55.0, seed=4)

    def restart(self) -> None:
        """Switch it off and on."""
        self._balance = self._started()
        self._said = self._balance.receive(0, b"I4\r\n")

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """As the balance."""
        return self._balance.receive(now_ms, data)

    def next_emit_ms(self) -> int | None:
        """At once, if it has just started."""
        return 0 if self._said else self._balance.next_emit_ms()

    def emit(self, now_ms: int) -> bytes:
        """Its number, if it has just started."""
        said, self._said = self._said, b""
        return said or self._balance.emit(now_ms)


def test_a_balance_that_was_switched_off_and_on_is_told_from_one_that_was_late() -> None:
    """Same number, same sound answers, another zero: 55 g that nobody has delivered are not given."""
    bench, device = Bench(), Unplugged()
    balance = MtSicsBalance(bench.link(device), bench)
    balance.identify()
    balance.tare()
    device.restart()
    with pytest.raises(BenchFault, match=r"has a tare of 0.00000 g, and had taken one of 5[45].\d+ g; was it switched"):
        balance.weigh()
    balance.tare()
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.0002)


@pytest.mark.parametrize("answer", [b"ES\r\n", b"TA I\r\n", b"TA L\r\n", b"", b"TA A      55.001 g\r\n"])
def test_a_balance_that_does_not_tell_its_tare_goes_on(answer: bytes) -> None:
    """Level 0 balances do not know TA, and others show the tare with fewer places: no reason to end a collection."""
    bench = Bench()
    who, weight = b'I4 A "B1"\r\n', b"S S       0.0000 g\r\n"
    device = Scripted(
        who, b"S S      55.0010 g\r\n", b"TI S      55.0010 g\r\n", b"", who, weight, answer, weight, weight
    )
    balance = MtSicsBalance(bench.link(device), bench)
    balance.tare()
    with pytest.raises(InstrumentFault, match="does not answer SI"):
        balance.weigh()
    assert balance.weigh().mass_g == 0.0


def test_balance_that_calls_nothing_stable_is_asked_to_wait() -> None:
    """SI that is dynamic for ever, and S that answers: the answer to S is taken."""
    bench = Bench()
    device = Scripted(b'I4 A "B7"\r\n', *[b"S D      55.00 g\r\n"] * 40, b"S S      55.01 g\r\n")
    assert MtSicsBalance(bench.link(device), bench).weigh_stable().mass_g == 55.01
    assert device.heard[-1] == b"S\r\n"


def test_late_number_is_not_the_bath_version() -> None:
    """A reading that was asked for before the cable came back is passed over."""
    bench = Bench()
    bath = JulaboBath(bench.link(Scripted(b"37.00\r\nJULABO X\r\n")), bench)
    assert bath.identify().version == "JULABO X"


@pytest.mark.parametrize("answer", [b"ES\r\n", b"nan\r\n", b"\xc3\xa9\xff37.0\r\n", b"\xaa" * 60 + b"\r\n"])
def test_other_device_on_the_balance_port_is_shown(answer: bytes) -> None:
    """What answers, but is no MT-SICS balance, is shown and not called silent."""
    bench = Bench()
    with pytest.raises(InstrumentFault, match=r"a balance's serial number in reply to @, got b.*balance's port"):
        MtSicsBalance(bench.link(Scripted(answer)), bench).identify()
