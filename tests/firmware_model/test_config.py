"""Configuration errors say which file, line and key, and what to write instead."""

from pathlib import Path

import pytest
from pydantic import Field

from firmware_model.config import FrozenModel, load_toml
from firmware_model.errors import ConfigurationError


class Bath(FrozenModel):
    """A table in a table."""

    set_point_c: float
    limit_kpa: float | None = None


class Rig(FrozenModel):
    """A file with a table and a table of tables."""

    name: str
    bath: Bath | None = None
    baths: dict[str, Bath] = Field(default_factory=dict)


def refused(tmp_path: Path, text: str) -> ConfigurationError:
    """Load ``text`` as a Rig and give back the error."""
    path = tmp_path / "rig.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_toml(path, Rig)
    assert str(path) in str(caught.value)
    return caught.value


def test_valid_file_becomes_a_model(tmp_path: Path) -> None:
    """A right file gives the model, whole numbers standing for floats."""
    path = tmp_path / "rig.toml"
    path.write_text('name = "a"\n[bath]\nset_point_c = 37\n', encoding="utf-8")
    assert load_toml(path, Rig) == Rig(name="a", bath=Bath(set_point_c=37.0))


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a configuration error with its path."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: there is no such file"):
        load_toml(tmp_path / "nowhere.toml", Rig)


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    """Text that is no TOML is refused at its line."""
    assert refused(tmp_path, 'name = "a"\nbath = = 3\n').line == 2


@pytest.mark.parametrize(
    ("text", "key", "line", "advice"),
    [
        ('name = "a"\nnmae = "b"\n', "nmae", 2, "did you mean name?"),
        ('name = "a"\n[bath]\nset_point_f = 98.6\n', "bath.set_point_f", 3, "unknown unit in this key"),
        ('name = "a"\n[bath]\nset_point_c = 37\nzzz = 1\n', "bath.zzz", 4, "known here: limit_kpa, set_point_c"),
        ('name = "a"\n[baths.left]\nset_point_c = 1\nlimit_psi = 1\n', "baths.left.limit_psi", 4, "written limit_kpa"),
        ('name = "a"\n[bath]\nset_point_c = nan\n', "bath.set_point_c", 3, "finite"),
        ('name = "a"\n[bath]\nset_point_c = "37"\n', "bath.set_point_c", 3, "valid number"),
        ('name = "a"\nbath = { set_point_c = true }\n', "bath.set_point_c", 2, "valid number"),
        ('name = "a"\n\n[bath]\n', "bath.set_point_c", 3, "missing"),
        ("[bath]\nset_point_c = 37\n", "name", None, "missing"),
        ('name = "a"\n[[bath]]\nset_point_c = 37\n', "bath", 2, "table"),
    ],
)  # fmt: skip
def test_errors_name_line_key_and_remedy(tmp_path: Path, text: str, key: str, line: int | None, advice: str) -> None:
    """Unknown keys, unknown units, wrong types, NaN and missing keys are told apart and located."""
    error = refused(tmp_path, text)
    assert (error.key, error.line) == (key, line)
    assert advice in error.problem


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 end in the same error, not in another exception."""
    path = tmp_path / "rig.toml"
    path.write_bytes(b"name = \xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_toml(path, Rig)
