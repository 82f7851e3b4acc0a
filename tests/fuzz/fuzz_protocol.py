"""Coverage-guided fuzzing of everything that takes bytes.

By ``make fuzz``, or ``python -m tests.fuzz.fuzz_protocol CORPUS [libFuzzer options]``. The corpus is kept, and begins
with the seeds. A finding is written to a file and printed with its bytes.
"""

import sys
from hashlib import sha256
from pathlib import Path

import atheris  # in the dependency group fuzz only

with atheris.instrument_imports(include=["protocols"]):
    from tests.fuzz.ends import seeds, take


def one_input(data: bytes) -> None:
    """The first byte says in how many pieces the others come."""
    if data:
        take(data[1:], data[0] % 8 + 1)


def main() -> None:
    """Fill the corpus with the seeds and go on from there."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(b"\x00" + seed)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
