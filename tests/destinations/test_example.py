"""The guide's example keeps the promises, in the very words of the guide: its code, then its tests."""

import re
import sys
from pathlib import Path
from types import ModuleType

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "destinations.md"
example, its_tests = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)


def _tests() -> dict[str, type]:
    """Run the guide's test module beside its example; return what pytest collects of it."""
    sys.modules["waybill_outbox"] = module = ModuleType("waybill_outbox")
    found: dict[str, type] = {}
    try:
        exec(compile(example, "waybill_outbox.py", "exec"), vars(module))
        exec(compile(its_tests, "test_outbox.py", "exec"), found)
    finally:
        del sys.modules["waybill_outbox"]
    return {name: value for name, value in found.items() if name.startswith("Test")}


globals().update(_tests())


def test_the_guide_has_tests():
    assert "TestOutbox" in globals()
