"""Runs another program that dies with its parent: `launch.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT…`.

A separate small program, because code between fork and exec is not safe in a process that has threads.
It imports nothing of ours and runs with `python -I -S`. IDENTITY is one of
`same` (who we are), `account:UID:GID` (give up root for that account) and
`namespace:UID:GID` (a user namespace in which root is called UID, so that PostgreSQL does not refuse it).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000


def main(parent: int, death_signal: int, identity: str, command: list[str]) -> None:
    """Replace this process by `command`."""
    kind, *numbers = identity.split(":")
    if kind == "account":
        _give_up_root(*map(int, numbers))
    elif kind == "namespace":
        _enter_namespace(*map(int, numbers))
    if sys.platform == "linux":
        # Last, because a change of identity clears it.
        _libc("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("The process that started this one is gone.")
    os.execv(command[0], command)  # noqa: S606


def _give_up_root(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _enter_namespace(uid: int, gid: int) -> None:
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    _libc("unshare", CLONE_NEWUSER)
    _write("setgroups", "deny")
    _write("gid_map", f"{gid} {outside_gid} 1")
    _write("uid_map", f"{uid} {outside_uid} 1")


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        sys.exit(f"{function}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
