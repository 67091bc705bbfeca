"""What is said of segments that an export cannot send: by the pane, a run that fails, and `export_spec --check`."""

from collections.abc import Sequence

from django.urls import reverse

from exports.models import Export
from roles.messages import Message, listed
from roles.messages import said_many as ngettext
from segments.models import Segment


def not_eligible(segments: Sequence[Segment]) -> Message:
    """Return the sentence that people know from the product that Waybill replaces, word for word."""
    text = ngettext(
        "The following segment is not eligible for this export destination: %(names)s. "
        "Please choose only segments of type ContactProfile and try again.",
        "The following segments are not eligible for this export destination: %(names)s. "
        "Please choose only segments of type ContactProfile and try again.",
        len(segments),
    )
    return text % {"names": listed(f"'{segment.name}'" for segment in segments)}


def contact_segment_url(segment: Segment, environment: str, export: Export) -> str:
    """Return where a contact segment like `segment` is made; a saved `export` is where it is used then."""
    url = f"{reverse('segments:add', kwargs={'environment': environment})}?like={segment.pk}"
    return f"{url}&export={export.pk}" if export.pk else url
