"""PostgreSQL's shared memory, of which containers have 64 MB by default: parallel queries need more."""

import re

from roles.messages import EMPTY, Message
from roles.messages import said as _

# How PostgreSQL names a segment in /dev/shm, in whatever language it says that one cannot grow.
SEGMENT = re.compile(r"/PostgreSQL\.\d+")


def is_short(error: BaseException) -> bool:
    """Whether `error` says that /dev/shm of PostgreSQL's machine is full, which PostgreSQL calls a full disk."""
    return bool(SEGMENT.search(str(error)))


def advice(error: BaseException) -> Message:
    """Return what to do if `error` is about /dev/shm; else nothing."""
    if not is_short(error):
        return EMPTY
    return _(
        "PostgreSQL has too little shared memory (/dev/shm) on its machine. Ask your Waybill operator to increase it, "
        "or to set dynamic_shared_memory_type = mmap in PostgreSQL."
    )
