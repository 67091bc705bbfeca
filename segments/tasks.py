"""The tasks of the chores cluster; each only loads and calls one thing."""

from contextlib import suppress

from roles.models import User
from segments.models import Segment
from segments.warehouse.members import RefreshError, refresh


def refresh_segment(segment_id: int, user_id: int | None = None) -> None:
    """Refresh a segment's members; a failure is stored on the segment, and a removed segment is ignored."""
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is not None:
        with suppress(RefreshError):
            refresh(segment, by=User.objects.filter(pk=user_id or 0).first())
