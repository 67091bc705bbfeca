"""The chores cluster's work, done in the test's own process: the very tasks that lie in the queue."""

from importlib import import_module


def work_off() -> int:
    """Carry out what is queued for the chores cluster; return how many tasks there were."""
    from django_q.models import OrmQ

    count = 0
    while queued := OrmQ.objects.filter(key="chores").first():
        task = queued.task
        module, _, name = task["func"].rpartition(".")
        getattr(import_module(module), name)(*task["args"], **task["kwargs"])
        queued.delete()
        count += 1
    return count
