"""The handshake: the published vector byte for byte, and another implementation on random ones."""

import os
import tomllib
from pathlib import Path

import pytest
from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]

from protocols.commands.journal import outer
from protocols.messages import ProvisionKey, Role, Secret, Stage, Staged
from protocols.session.handshake import Greeting, Wake, prologue
from protocols.session.keys import SessionKey
from protocols.session.noise import HandshakeFailed, Initiator, Recipient
from protocols.session.records import FrameOpener, FrameSealer

_VECTOR = tomllib.loads(
    (Path(__file__).parents[3] / "fixtures" / "golden" / "session" / "vector.toml").read_text(encoding="utf-8")
)


def _hex(*path: str) -> bytes:
    value = _VECTOR
    for name in path:
        value = value[name]
    return bytes.fromhex(str(value))


def test_the_published_vector_comes_out_byte_for_byte() -> None:
    """Prologue, both messages, the handshake's hash, both keys and the first sealed frame."""
    psk = Secret(_hex("psk"))
    key = SessionKey(_VECTOR["kid"], Role(_VECTOR["role"]), psk)
    said_before = prologue(_hex("uid"), key)
    assert said_before == _hex("prologue")
    initiator = Initiator(psk, said_before, Secret(_hex("initiator_ephemeral")))
    first = initiator.first(Wake(_VECTOR["first"]["wake"], _VECTOR["first"]["max_frame"]).encode())
    assert first == _hex("first", "message")
    recipient = Recipient(psk, said_before)
    assert Wake.decode(recipient.first(first)) == (1, 512)
    greeting = Greeting(_VECTOR["second"]["boot"], _VECTOR["second"]["state_seq"], _VECTOR["second"]["log_head"])
    second, pump_keys = recipient.second(greeting.encode(), Secret(_hex("responder_ephemeral")))
    assert second == _hex("second", "message")
    payload, keys = initiator.second(second)
    assert Greeting.decode(payload) == greeting
    assert keys == pump_keys
    assert keys.handshake_hash == _hex("keys", "handshake_hash")
    assert bytes(keys.to_pump) == _hex("keys", "to_pump")
    assert bytes(keys.from_pump) == _hex("keys", "from_pump")
    sealed = FrameSealer(keys.to_pump, keys.handshake_hash[:4]).seal(_hex("record", "plaintext"))
    assert sealed == _hex("record", "header") + _hex("record", "sealed")
    assert FrameOpener(keys.to_pump, keys.handshake_hash[:4]).open(sealed) == b"HELLO"


def _other(*, initiator: bool, psk: bytes, said_before: bytes, ephemeral: bytes) -> NoiseConnection:
    noise = NoiseConnection.from_name(b"Noise_NNpsk0_25519_AESGCM_SHA256")
    (noise.set_as_initiator if initiator else noise.set_as_responder)()
    noise.set_psks(psk)
    noise.set_prologue(said_before)
    noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
    noise.start_handshake()
    return noise


@pytest.mark.filterwarnings("ignore:One of ephemeral keypairs:UserWarning")
@pytest.mark.parametrize("number", range(20))
def test_another_implementation_agrees(number: int) -> None:
    """``noiseprotocol`` as either end of random handshakes: the same messages, and traffic both ways."""
    psk, said_before, mine, theirs = os.urandom(32), os.urandom(17), os.urandom(32), os.urandom(32)
    if number % 2:
        initiator = Initiator(Secret(psk), said_before, Secret(mine))
        other = _other(initiator=False, psk=psk, said_before=said_before, ephemeral=theirs)
        assert bytes(other.read_message(initiator.first(b"wake"))) == b"wake"
        payload, keys = initiator.second(bytes(other.write_message(b"greeting")))
        assert payload == b"greeting"
        send, receive = keys.to_pump, keys.from_pump
    else:
        recipient = Recipient(Secret(psk), said_before)
        other = _other(initiator=True, psk=psk, said_before=said_before, ephemeral=theirs)
        assert recipient.first(bytes(other.write_message(b"wake"))) == b"wake"
        second, keys = recipient.second(b"greeting", Secret(mine))
        assert bytes(other.read_message(second)) == b"greeting"
        send, receive = keys.from_pump, keys.to_pump
    ciphers = other.noise_protocol
    assert bytes(ciphers.cipher_state_decrypt.k) == bytes(send)
    assert bytes(ciphers.cipher_state_encrypt.k) == bytes(receive)
    assert other.get_handshake_hash() == keys.handshake_hash


def test_a_wrong_key_is_found_out_by_either_end() -> None:
    """Without the pre-shared key neither message can be read, and nothing more is said."""
    initiator = Initiator(Secret(bytes(32)), b"here", Secret(b"\x11" * 32))
    with pytest.raises(HandshakeFailed):
        Recipient(Secret(b"\x01" * 32), b"here").first(initiator.first(b""))
    with pytest.raises(HandshakeFailed):
        Recipient(Secret(bytes(32)), b"there").first(initiator.first(b""))


def test_a_key_of_low_order_is_refused() -> None:
    """A public key that makes the shared secret all zeros ends the handshake."""
    initiator = Initiator(Secret(bytes(32)), b"", Secret(b"\x11" * 32))
    initiator.first(b"")
    with pytest.raises(HandshakeFailed, match="low order"):
        initiator.second(bytes(32 + 16))


@pytest.mark.parametrize("length", [0, 31, 32, 47])
def test_a_message_without_room_for_key_and_tag_is_refused(length: int) -> None:
    """32 bytes of key and 16 of tag are the least that either message has."""
    initiator = Initiator(Secret(bytes(32)), b"", Secret(b"\x11" * 32))
    first = initiator.first(b"")
    assert len(first) == 48
    for read in (Recipient(Secret(bytes(32)), b"").first, initiator.second):
        with pytest.raises(HandshakeFailed, match=f"^{length} bytes are too few"):
            read(first[:length])


def test_a_failed_second_message_does_no_harm() -> None:
    """After a forged one the true one still fits."""
    initiator = Initiator(Secret(bytes(32)), b"", Secret(b"\x11" * 32))
    recipient = Recipient(Secret(bytes(32)), b"")
    recipient.first(initiator.first(b""))
    second, keys = recipient.second(b"x", Secret(b"\x22" * 32))
    with pytest.raises(HandshakeFailed):
        initiator.second(second[:-1] + bytes([second[-1] ^ 1]))
    assert initiator.second(second) == (b"x", keys)


def test_no_secret_is_shown() -> None:
    """Neither repr nor str of anything that holds a key gives the key away, nor of a command that carries it."""
    secret = Secret(bytes(range(32)))
    key = SessionKey(7, Role.READER, secret)
    command = outer(ProvisionKey(7, Role.READER, secret))
    staged = Staged(1, bytes(8), 1, command)
    for shown in (repr(secret), str(secret), f"{secret}", repr(key), str([key]), repr(Stage(command)), f"{staged}"):
        assert "secret bytes" in shown or "command=39... (38 bytes)" in shown
        assert "000102" not in shown
        assert "\\x01\\x02" not in shown
