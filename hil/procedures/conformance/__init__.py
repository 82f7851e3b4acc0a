"""What the procedures of ``protocol_conformance`` check, where it takes more than a few lines."""

import pytest

pytest.register_assert_rewrite(__name__)  # as the procedures themselves are: so that no ``python -O`` leaves checks out
