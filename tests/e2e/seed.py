"""What the tests need beyond the demo; carried out by `manage.py shell` in the portal's own surroundings."""

import os

from connections.models import Connection, Sharing
from exports.models import Export, ExportSegment, RefreshSchedule, Schedule
from exports.schedules.planning import database_now, plan_next
from roles.models import Environment, RoleAssignment, User
from roles.roles import Role
from segments.models import Segment

contoso = Environment.objects.get(slug="contoso")
empty = Environment.objects.create(slug="empty", name="Empty", audience="businesses")
for username, role in {"ada": Role.ADMINISTRATOR, "carl": Role.CONTRIBUTOR}.items():
    RoleAssignment.objects.create(environment=empty, user=User.objects.get(username=username), role=role)
slow = Connection(environment=contoso, name="Slow partner", type="sftp", sharing=Sharing.ALL)
slow.settings = {"host": "127.0.0.1", "username": "anybody", "folder": "", "port": int(os.environ["SLOW_PORT"])}
slow.settings["host_key"] = os.environ["SLOW_HOST_KEY"]
slow.set_secrets({"password": "anything"})
slow.save()
everybody = Segment.objects.get(environment=contoso, name="All customers")
for name in ("Slow delivery", "Another slow delivery"):
    export = Export.objects.create(environment=contoso, name=name, connection=slow, schedule_mode="off")
    ExportSegment.objects.create(export=export, segment=everybody)
# Nothing starts by itself while the tests look: whatever has a time comes days later.
now = database_now()
for model in (Schedule, RefreshSchedule):
    for schedule in model.objects.exclude(next_due=None):
        schedule.repeat, schedule.times, schedule.weekdays = "weekly", ["12:00"], [(now.isoweekday() + 2) % 7 + 1]
        plan_next(schedule, now)
        schedule.save()
