"""What tests of documents share: the command, called as a shell calls it."""

import io
import json

from django.core.management import CommandError, call_command


def export_spec(*words):
    """Call the command; return its exit code, what it printed and what it said beside that."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("export_spec", *words, stdout=out, stderr=err)
        code = 0
    except SystemExit as error:
        code = error.code
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return code, out.getvalue(), err.getvalue()


def printed(export):
    """The document of an export, and what was said beside it."""
    code, text, said = export_spec(str(export.pk), "--environment", export.environment.slug)
    assert code == 0
    return json.loads(text), said


def checked(path, environment, content, *words):
    """What --check says of `content` (a document, or bytes): its exit code and its lines."""
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    code, text, said = export_spec(*words, "--environment", environment.slug, "--check", str(path))
    assert "Traceback" not in text + said
    return code, (text + said).splitlines()
